"""``-a``, ``-b``, ``-c`` and ``-F`` as dumpcap has them: when a capture ends, and when its next file begins.

Must not know how a capture works, nor how files are written.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass

from vpcshark.errors import InputError

FORMATS = ("pcapng", "pcap", "nsecpcap")
KILOBYTE = 1000  # dumpcap's kB: 1000 bytes (since Wireshark 2.4)
_MOST_KILOBYTES = 2_147_483  # dumpcap's limit, 2 GiB
_MOST_FILES = 100_000
_STOPS = ("duration", "filesize", "packets", "files")
_TURNS = ("duration", "filesize", "packets", "interval", "files")
_WITH_FRACTION = ("duration", "interval")

Criterion = tuple[str, float]


@dataclass(frozen=True)
class Limits:
    """0 is no limit. ``size`` counts bytes. ``turn_…``: of one file, then the next begins; ``turn_interval``: at whole
    multiples of so many seconds; ``kept``: so many files, the oldest goes."""

    duration: float = 0.0
    packets: int = 0
    size: int = 0
    files: int = 0
    turn_duration: float = 0.0
    turn_packets: int = 0
    turn_size: int = 0
    turn_interval: float = 0.0
    kept: int = 0

    @property
    def has_turns(self) -> bool:
        """Are there several files?"""
        return bool(self.turn_duration or self.turn_packets or self.turn_size or self.turn_interval)


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("-c", dest="count", metavar="N", type=_count, default=0, help="stop after N packets")
    parser.add_argument(
        "-a",
        dest="stops",
        metavar="WHAT:N",
        action="append",
        type=_stop,
        default=[],
        help="stop after duration:SECONDS (from the first moment on that packets can come), packets:N, filesize:KB or, "
        "with -b, files:N (repeat for more)",
    )
    parser.add_argument(
        "-b",
        dest="turns",
        metavar="WHAT:N",
        action="append",
        type=_turn,
        default=[],
        help="begin a next file after duration:SECONDS, packets:N, filesize:KB, or at interval:SECONDS by the clock; "
        "keep files:N (repeat for more)",
    )
    parser.add_argument("-F", dest="format", choices=FORMATS, default="pcapng", help="the files' format")


def of(options: argparse.Namespace) -> Limits:
    """What the options ask for. InputError where they do not fit together."""
    stops, turns = dict(options.stops), dict(options.turns)
    if options.count:
        stops["packets"] = min(options.count, stops.get("packets", options.count))
    size = int(stops.get("filesize", 0) * KILOBYTE)
    limits = Limits(
        duration=stops.get("duration", 0.0),
        packets=int(stops.get("packets", 0)),
        size=0 if turns else size,
        files=int(stops.get("files", 0)),
        turn_duration=turns.get("duration", 0.0),
        turn_packets=int(turns.get("packets", 0)),
        turn_size=int(turns.get("filesize", 0) * KILOBYTE) or (size if turns else 0),
        turn_interval=turns.get("interval", 0.0),
        kept=int(turns.get("files", 0)),
    )
    _check(limits, options.file, has_turns=bool(turns))
    return limits


def _check(limits: Limits, file: str | None, *, has_turns: bool) -> None:
    if (has_turns or limits.files) and not limits.has_turns:
        raise InputError(
            "Nothing says when the next file begins.", "Add -b filesize:KB, duration:S, packets:N or interval:S."
        )
    if limits.has_turns and file == "-":
        raise InputError("Standard output can't be several files.", "Name a file with -w, or leave out -b.")


def _stop(text: str) -> Criterion:
    return _criterion(text, _STOPS)


def _turn(text: str) -> Criterion:
    return _criterion(text, _TURNS)


def _criterion(text: str, names: Sequence[str]) -> Criterion:
    name, _, value = text.partition(":")
    number = r"[0-9]{1,9}(\.[0-9]{1,9})?" if name in _WITH_FRACTION else r"[0-9]{1,12}"
    most = {"filesize": _MOST_KILOBYTES, "files": _MOST_FILES}.get(name, float("inf"))
    if name not in names or not re.fullmatch(number, value) or not 0 < float(value) <= most:
        wanted = ", ".join(f"{each}:N" for each in names)
        raise argparse.ArgumentTypeError(f'"{text}" is none of {wanted}, with a number in bounds')
    return name, float(value)


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,11}", text):
        raise argparse.ArgumentTypeError(f'"{text}" is not a number of packets')
    return int(text)
