"""The prose linter of `make check` finds what it is there to find, and nothing in the project's texts."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

_place = importlib.util.spec_from_file_location("prose", Path(__file__).parent / "prose.py")
assert _place
assert _place.loader
prose = importlib.util.module_from_spec(_place)
_place.loader.exec_module(prose)


@pytest.mark.parametrize(
    "text",
    [
        "Packets come now.",
        "Why, cannot be seen: x",
        "This is a defect of vpcshark.",
        "It is done in order to see more.",
        "Press F5 in Wireshark.",
        "The last one there is is 7.",
        "It allows to capture.",
    ],
)
def test_what_a_reader_stumbled_over_is_found(text: str) -> None:
    assert [*prose.faults(text)]


@pytest.mark.parametrize("text", ["Packets are arriving.", "--region REGION", "A flaky test is a defect.", "a5 f5"])
def test_what_is_well_said_is_not(text: str) -> None:
    assert [*prose.faults(text)] == []


def test_of_a_module_sentences_are_looked_at_and_docstrings_are_not() -> None:
    found = prose.strings(ast.parse('"""Of course a docstring."""\nx = "a key"\ny = "this is a sentence"\n'))
    assert [node.value for node in found] == ["this is a sentence"]
