"""Captures of one connection between the ends that a question asks about, as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import packets
from packets import Story, Tcp


def capture(folder: Path, name: str, ends: tuple[str, str], tell: Callable[[Tcp], None], **more: Any) -> str:
    """What ``tell`` makes of a connection between two hosts, as a file."""
    story = Story()
    tell(Tcp(story, **more))
    for packet in story.packets:
        layer = packet[packets.IP]
        for side in ("src", "dst"):
            setattr(layer, side, ends[(packets.CLIENT, packets.SERVER).index(getattr(layer, side))])
        for part in (layer, packet[packets.TCP]):
            del part.chksum
    file = folder / name
    file.write_bytes(story.pcap())
    return str(file)


def unanswered(tcp: Tcp) -> None:
    """The SYN again and again."""
    for _ in range(4):
        tcp.raw(packets.CLIENT, "S", options=[("MSS", 1460)])
        tcp.story.wait(1)


def sound(tcp: Tcp) -> None:
    """A request and its answer."""
    tcp.open().ask()
    tcp.say(packets.SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    tcp.ack(packets.CLIENT)


def refused(tcp: Tcp) -> None:
    """A reset at once."""
    tcp.raw(packets.CLIENT, "S", options=[("MSS", 1460)])
    tcp.seq[packets.CLIENT] += 1
    tcp.seq[packets.SERVER] = 0
    tcp.story.wait(0.01)
    tcp.raw(packets.SERVER, "RA", window=0)


def black_hole(tcp: Tcp) -> None:
    """What is large never arrives."""
    tcp.open().ask()
    tcp.say(packets.SERVER, bytes(200))
    tcp.ack(packets.CLIENT)
    for number in range(5):
        tcp.raw(packets.CLIENT, "A", bytes(1460))
        tcp.story.wait(0.3 * 2**number)
