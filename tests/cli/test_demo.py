"""The demo on a machine that is too busy for ten seconds."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from vpcshark.cli import demo
from vpcshark.errors import VpcsharkError
from vpcshark.wire.capture_files import pcapng

HEADER = pcapng.section_header(application="test")
PACKET = HEADER + struct.pack("<IIIIIIII", pcapng.PACKET, 32, 0, 0, 0, 0, 0, 32)


class Tshark:
    """Writes what each run is to bring; remembers how long each was to take."""

    def __init__(self, *brought: tuple[int, bytes]) -> None:
        self.brought = [*brought]
        self.asked: list[str] = []

    def __call__(self, command) -> int:
        status, data = self.brought.pop(0)
        self.asked.append(command[command.index("-a") + 1])
        Path(command[-1]).write_bytes(data)
        return status


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """The demo keeps its file where it is run."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("first", [(0, HEADER), (2, HEADER), (0, b"")])
def test_what_brings_no_packet_is_done_once_more_and_for_longer(first):
    """Whether tshark calls it a failure or not."""
    tshark = Tshark(first, (0, PACKET))
    demo.capture("eni-1", run=tshark)
    assert tshark.asked == ["duration:10", "duration:30"]


def test_one_that_brings_packets_is_enough():
    """No run more."""
    tshark = Tshark((0, PACKET))
    demo.capture("eni-1", run=tshark)
    assert tshark.brought == []


def test_where_none_ever_comes_that_is_an_error():
    """With the last status."""
    with pytest.raises(VpcsharkError, match="status 2"):
        demo.capture("eni-1", run=Tshark((0, HEADER), (0, HEADER), (2, HEADER)))


def test_so_many_seconds_as_are_asked_for_are_one_try():
    """Whoever says how long waits no longer."""
    tshark = Tshark((0, HEADER))
    with pytest.raises(VpcsharkError, match="No packet came"):
        demo.capture("eni-1", (5,), tshark)
    assert tshark.asked == ["duration:5"]
