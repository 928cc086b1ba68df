"""Keeps a machine busy while a command runs: a loop for each core and a writer to the disk, at the usual niceness.
``python tests/load.py COMMAND...`` ends with the command's exit status. Must not know what the command is."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import IO

LOOP = "while True: pass"
WRITE = """
import os, sys
block = os.urandom(1 << 20)
file = open(sys.argv[1], "r+b", buffering=0)
while True:
    file.seek(0)
    for _ in range(64): file.write(block)
    os.fsync(file)
"""


def start(stack: ExitStack, *command: str) -> None:
    """A process that ends with the block, whatever ends that."""
    process = subprocess.Popen([sys.executable, "-c", *command], stdin=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)


def run(command: list[str], scratch: IO[bytes]) -> int:
    """The command's exit status."""
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            start(stack, LOOP)
        start(stack, WRITE, scratch.name)
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile() as scratch:
        sys.exit(run(sys.argv[1:], scratch))
