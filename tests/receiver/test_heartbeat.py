"""What a receiver has its host live for: a while after each beat, and longer only once it is told so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vpcshark.receiver.heartbeat import SILENCE, uptime


@pytest.fixture
def heartbeat(tmp_path: Path) -> Path:
    """The file that the watchdog reads."""
    file = tmp_path / "heartbeat"
    file.write_text("0\n")
    return file


def test_it_beats_for_silence_until_it_is_told_to_keep_the_host(start: Any, config: Any, port: int, heartbeat: Path):
    """The last thing that it is told before its end: what it wrote then stands."""
    running = start(config(port, mode="socket", heartbeat=str(heartbeat), heartbeat_seconds=SILENCE))
    running.until(lambda: int(heartbeat.read_text()) > 0)
    assert int(heartbeat.read_text()) <= uptime() + SILENCE
    running.command({"keep": 4 * SILENCE})
    assert running.end() == 0
    assert int(heartbeat.read_text()) > uptime() + 2 * SILENCE
