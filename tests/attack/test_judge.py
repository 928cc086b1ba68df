"""The judge sees what it must see: each planted fault is told, and a good end is not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cage import MARK, Outcome, marked, outside
from hands import wait_until
from judge import MOST, problems, raw
from rogue_accounts import TEXTS, torn_sentences

GOOD = Outcome("x", 1, b"", b"vpcshark: There is no such host. Name another one.\n", b"", 0, False, 1.0, 0.1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"status": 0, "err": b""}, ""),
        ({"hung": True, "status": -9}, "hangs"),
        ({"status": -11}, "signal 11"),
        ({"peak": MOST + 1 + 5000}, "MB of memory"),
        ({"strays": ("/tmp/owned",)}, "wrote /tmp/owned"),
        ({"left": ("sleep 99",)}, "left sleep 99"),
        ({"err": b"Traceback (most recent call last):\n  ...\nKeyError: 'x'\n"}, "Traceback"),
        ({"log": b"Traceback (most recent call last):\n"}, "in the log"),
        ({"err": b"vpcshark: Internal error; this is a bug in vpcshark.\n"}, "bug in vpcshark"),
        ({"err": b"vpcshark failed unexpectedly (KeyError).\n"}, "unexpectedly"),
        ({"out": b"ok \x1b[31m"}, "U+001B in stdout"),
        ({"err": "It is \u009b31m so.".encode()}, "U+009B in stderr"),
        ({"log": "web \u202e".encode()}, "U+202E in the log"),
        ({"out": b"\xff"}, "0xff in stdout"),
        ({"err": b""}, "without a sentence"),
        ({"err": b"KeyError\n"}, "without a sentence"),
        ({"err": b"It is so. " * 9999}, "bytes on stderr"),
    ],
)
def test_the_judge_sees_it(changes: dict[str, Any], words: str) -> None:
    """One fault at a time."""
    found = problems(replace(GOOD, **changes), 5000)
    assert any(words in one for one in found) if words else found == []


def test_packets_may_have_any_bytes() -> None:
    """Where stdout is a capture."""
    assert problems(replace(GOOD, out=b"\x1b\xff"), 0, is_data=True) == []


@pytest.mark.parametrize("text", ["C1", "bidi", "line ends"])
def test_hostile_texts_are_raw(text: str) -> None:
    """Else the table of texts would prove nothing."""
    assert raw(TEXTS[text].encode())


def test_a_torn_sentence_is_seen() -> None:
    """As a Name tag would tear it."""
    name = TEXTS["an extcap sentence"]
    assert [*torn_sentences(f"interface {{value=eni-1}}{{display={name}}}\n".encode())]
    assert not [*torn_sentences(b"interface {value=eni-1}{display=web-1}\n")]


def test_paths_outside_are_seen(tmp_path: Path) -> None:
    """Through links and dots too."""
    (tmp_path / "link").symlink_to("/etc")
    folder = str(tmp_path)
    assert not outside(f"{folder}/a/b", folder)
    assert outside(f"{folder}/../x", folder)
    assert outside(f"{folder}/link/x", folder) == "/etc/x"


def test_processes_that_stay_are_seen(tmp_path: Path) -> None:
    """By the mark in their environment, whoever their parent is."""
    with subprocess.Popen([sys.executable, "-c", "input()"], env={MARK: str(tmp_path)}, stdin=subprocess.PIPE) as one:
        # a program has its environment a moment after it has begun
        wait_until(lambda: [*marked(str(tmp_path))] == [one.pid], "it is seen")
        one.communicate()
    assert not marked(str(tmp_path))
