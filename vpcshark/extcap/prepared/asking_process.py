"""Which process asks, where others stand between it and us: on Windows a new cmd.exe runs the launcher each time, and a
virtual environment's python.exe runs another. Must not know what is asked, nor import anything but where it is called.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

HELPERS = re.compile(r"(cmd|py|pythonw?[0-9.]*|gspawn-win(32|64)-helper(-console)?)\.exe", re.IGNORECASE)


class Process(Protocol):
    """As psutil has it."""

    @property
    def pid(self) -> int: ...
    def name(self) -> str: ...
    def parent(self) -> Process | None: ...


def asker() -> int:
    """The process id of who had this process started; the parent's where the system does not tell more."""
    import psutil

    try:
        return behind(psutil.Process())
    except psutil.Error:  # it has ended, or is somebody else's
        return os.getppid()


def wants_capture(pid: int) -> bool:
    """Has that process been told to capture from one of ours (``tshark -i eni-…``)? False where it can't be seen."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # on Linux, where importing psutil takes as long as the rest
            words = file.read().decode(errors="replace").split("\0")
    except OSError:
        import psutil

        try:
            words = psutil.Process(pid).cmdline()
        except psutil.Error:
            return False
    return is_capture(words)


def is_capture(words: Sequence[str]) -> bool:
    """Does a command line of tshark's or Wireshark's name one of our interfaces?"""
    named = [word.removeprefix("-i").removeprefix("--interface=") for word in words if word.startswith(("-i", "--i"))]
    named += [after for word, after in pairwise(words) if word in ("-i", "--interface")]
    return any(name.startswith(("eni-", "aws-")) for name in named)


def behind(process: Process, helpers: re.Pattern[str] = HELPERS) -> int:
    """The nearest ancestor whose name is none of ``helpers``."""
    one = process.parent()
    while one is not None and helpers.fullmatch(one.name()):
        one = one.parent()
    return one.pid if one is not None else os.getppid()
