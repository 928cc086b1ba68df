"""Terminals that were recorded: a file of commands behind "$ ", each with what it printed. Plays them again.

Must not know what the commands are.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_ID = re.compile(r"\b(lab|eni|i|vpc|subnet|sg|sgr|acl|rtb|tgw|tgw-attach|tgw-rtb)-[0-9a-f]{6,20}\b")

_TIME = re.compile(r"\b\d+ (ms|milliseconds)\b")


def commands(record: str) -> list[str]:
    """Those of a record, in their order."""
    return [line.removeprefix("$ ") for line in record.splitlines() if line.startswith("$ ")]


def play(words: Sequence[str], environment: Mapping[str, str], folder: Path, timeout: float = 600) -> str:
    """The record of these commands in one shell, one after the other."""
    script = "\n".join(f"printf '%s\\n' {shlex.quote('$ ' + each)}\n{each}\n" for each in words)
    with subprocess.Popen(
        ["bash", "-c", script],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as shell:
        said, _ = shell.communicate(timeout=timeout)
    return said


def masked(record: str) -> str:
    """Without what is another one each time: ids, times."""
    return _TIME.sub(r"… \1", _ID.sub(r"\1-…", record))
