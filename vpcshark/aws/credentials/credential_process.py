"""Runs a user's ``credential_process`` for botocore: with an end, and with its last words kept for the message.

botocore waits for ever, and forgets what the program said where its answer is rubbish. What it prints on stdout may be
a secret, so that is never quoted. Must not know what the credentials are for.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

PATIENCE = 60.0  # seconds; a program that opens a browser or asks a hardware key needs some


class HelperFailed(Exception):
    """The program gave no answer; the text completes "The program …"."""


class Helpers:
    """Takes the place of ``subprocess.Popen`` in botocore, and remembers the program that it started last."""

    def __init__(self, patience: float = PATIENCE, *, has_person: bool = False) -> None:
        """``has_person``: it may ask at this process's terminal, and take its time; else it gets no terminal at all."""
        self._patience = None if has_person else patience
        self._has_person = has_person
        self.program = ""
        self.said = ""

    def __call__(self, command: Sequence[str], **_: Any) -> _Helper:
        """Start it. HelperFailed where it can't be started."""
        self.program, self.said = (command[0] if command else ""), ""
        if not command:
            raise HelperFailed("has no name")
        try:
            return _Helper(self, self._start(command), self._patience)
        except FileNotFoundError as error:
            raise HelperFailed("is not there") from error
        except PermissionError as error:
            raise HelperFailed("may not be executed") from error
        except OSError as error:
            raise HelperFailed(f"cannot be started ({error.strerror})") from error

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """In a session of its own where nobody is: then there is no terminal that it could wait at, and it can be ended
        with all that it started."""
        return subprocess.Popen(
            command,
            stdin=None if self._has_person else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=not self._has_person and sys.platform != "win32",
        )


class _Helper:
    """What botocore uses of a Popen."""

    def __init__(self, helpers: Helpers, process: subprocess.Popen[bytes], patience: float | None) -> None:
        self._helpers = helpers
        self._process = process
        self._patience = patience

    @property
    def returncode(self) -> int | None:
        """As Popen has it."""
        return self._process.returncode

    def communicate(self) -> tuple[bytes, bytes]:
        """As Popen has it, but HelperFailed where the program takes too long. botocore decodes both as UTF-8."""
        try:
            out, said = self._process.communicate(timeout=self._patience)
        except subprocess.TimeoutExpired as error:
            self._helpers.said = (error.stderr or b"").decode("utf-8", "replace")
            self._end()
            raise HelperFailed(f"did not answer within {self._patience:g} seconds") from None
        self._helpers.said = said.decode("utf-8", "replace")
        return out, self._helpers.said.encode()

    def _end(self) -> None:
        if sys.platform == "win32":
            self._process.kill()
        else:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
