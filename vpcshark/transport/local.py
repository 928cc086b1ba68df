"""Commands on this machine, each in a session of its own, so that a Ctrl-C meant for us does not reach them.

Must not know what the command is for.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import IO, TypeVar, cast

from vpcshark.errors import TransportError
from vpcshark.transport.pipes import Outputs, Pipe

log = logging.getLogger(__name__)
T = TypeVar("T")
GRACE = 0.3  # seconds that a command has for ending at the end of its input, and again after SIGTERM
LAST = 2.0  # seconds after SIGKILL: who does not end by then is not ours to end, or hangs in the kernel


class LocalTransport:
    """This machine."""

    name = "local"

    def __init__(self) -> None:
        self._channels: list[LocalChannel] = []
        self._lock = threading.Lock()

    def open(self, command: Sequence[str]) -> LocalChannel:
        """Start the command without a shell. TransportError if there is no such program."""
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                close_fds=True,
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else str(exc)
            raise TransportError(f"{command[0]} cannot be started on this machine: {reason}.") from exc
        channel = LocalChannel(process)
        with self._lock:
            self._channels.append(channel)
        return channel

    def close(self) -> None:
        """End every command that still runs."""
        with self._lock:
            channels, self._channels = self._channels, []
        for channel in channels:
            channel.close()


class LocalChannel(Outputs):
    """One process and its three pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._input = cast("IO[bytes]", process.stdin)
        self._input_lock = threading.Lock()
        super().__init__(Pipe(cast("IO[bytes]", process.stdout)), Pipe(cast("IO[bytes]", process.stderr)))
        self._closing = threading.Lock()

    def write(self, data: bytes) -> None:
        """See Channel."""
        with self._input_lock:
            try:
                view = memoryview(data)
                while view:
                    view = view[self._input.write(view) :]
            except (OSError, ValueError) as exc:  # ValueError: closed by us
                raise TransportError("The command on this machine does not read its input any more.") from exc

    def close_input(self) -> None:
        """See Channel."""
        with self._input_lock:
            _close_quietly(self._input)

    def wait(self, timeout: float) -> int:
        """See Channel."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired as exc:
            raise TransportError(f"The command on this machine still runs after {timeout:g} seconds.") from exc
        return status if status >= 0 else 128 - status

    def close(self) -> None:
        """End of input, SIGTERM, SIGKILL, each to the whole session; then the pipes."""
        with self._closing:
            self._output.wake()
            self._error.wake()
            if self._input_lock.acquire(timeout=0.05):  # else a writer waits in a full pipe: SIGTERM frees it
                _close_quietly(self._input)
                self._input_lock.release()
            self._end()
            self.close_input()
            self._output.close()
            self._error.close()

    def _end(self) -> None:
        for sign in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
            try:
                self._process.wait(GRACE)
                return
            except subprocess.TimeoutExpired:
                self._kill(sign)
        try:
            self._process.wait(LAST)
        except subprocess.TimeoutExpired:
            log.warning("The process %d on this machine does not end.", self._process.pid)

    def _kill(self, sign: signal.Signals) -> None:
        """A process that sudo made another user's takes no signal of ours; it has seen the end of its input."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, sign)
            else:
                self._process.send_signal(sign)


def _close_quietly(file: IO[bytes]) -> None:
    """A pipe whose reader is gone can't be flushed; it is closed all the same."""
    with contextlib.suppress(OSError):
        file.close()
