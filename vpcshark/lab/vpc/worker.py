"""A helper process in a namespace that is talked to by lines: stdin and stdout are the talk, stderr a log file.

Must not know what the process does.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import vpcshark
from vpcshark.errors import VpcsharkError
from vpcshark.lab.vpc import netns

_PATIENCE = 20.0  # seconds: a process on a busy machine takes its time, a broken one ends at once


class Worker:
    """One process; ``namespace`` names it in messages."""

    def __init__(self, namespace: str, command: Sequence[str], log: Path) -> None:
        self.namespace = namespace
        self._log = log
        self._heard = b""
        package = str(Path(vpcshark.__file__).parent.parent)  # found from wherever this process was started
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}
        with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as errors:
            self._process = netns.inside(
                namespace,
                lambda: subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    cwd="/",
                    env=environment,
                    start_new_session=True,
                    bufsize=0,
                ),
            )
        self.pid = self._process.pid

    def say(self, line: str) -> None:
        """Write one line. VpcsharkError if the process has ended."""
        data = line.encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._stdin(), data) :]
        except BrokenPipeError as error:
            raise self.broken() from error

    def hear(self) -> str:
        """Wait for one line. VpcsharkError if the process has ended, or says nothing."""
        while b"\n" not in self._heard:
            readable, _, _ = select.select([self._stdout()], [], [], _PATIENCE)
            data = os.read(self._stdout(), 1 << 16) if readable else b""
            if not data:
                raise self.broken()
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def has_ended(self) -> bool:
        """Whether the process is gone (and nothing of it is left for the system to keep)."""
        return self._process.poll() is not None

    def wait(self) -> None:
        """Wait for its end."""
        self._process.wait()

    def close(self) -> None:
        """End the talk, which ends a process that listens; what does not must be dead already, or is left running."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait(_PATIENCE)

    def broken(self) -> VpcsharkError:
        """The error that says that this process does not do its work."""
        return VpcsharkError(f"The lab's process in {self.namespace} does not answer.", f"Look into {self._log}.")

    def _stdin(self) -> int:
        assert self._process.stdin
        return self._process.stdin.fileno()

    def _stdout(self) -> int:
        assert self._process.stdout
        return self._process.stdout.fileno()


def python(module: str) -> list[str]:
    """The command that runs one of our modules."""
    return [sys.executable, "-m", module]
