"""README's question: its answer is one that was recorded, and the record's commands still say the same."""

from __future__ import annotations

import os
from pathlib import Path

import mending
import pytest
from terminal_records import commands, masked, play

PROJECT = Path(__file__).parents[2]
RECORD = (PROJECT / "docs" / "talk.console").read_text("utf-8")


def test_readme_shows_what_was_recorded():
    """Word by word."""
    screen = (PROJECT / "README.md").read_text("utf-8").split("```\n$ vpcshark why", 1)[1].split("```", 1)[0]
    assert f"$ vpcshark why{screen}" in RECORD


@pytest.mark.long
@pytest.mark.e2e
def test_the_record_can_be_played_again(tmp_path: Path):
    """The question, its mend by the words that are printed, and curl before and after; only ids and times differ."""
    environment = {**mending.beside(tmp_path, dict(os.environ)), "XDG_STATE_HOME": str(tmp_path)}
    assert masked(play(commands(RECORD), environment, tmp_path)) == masked(RECORD)
    assert not list((tmp_path / "vpcshark" / "lab").glob("lab-*"))
