"""A command over a connection of OpenSSH's ``ssh``, which reads and writes our pipes itself.

OpenSSH's client sends no signals, so a command that neither reads its input nor writes goes on after ``close``, as all
of root's do (see ``base.Channel``). Must not know how the connection was made.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from vpcshark import threads
from vpcshark.errors import TransportError
from vpcshark.transport.base import NO_STATUS
from vpcshark.transport.mux import Connection
from vpcshark.transport.pipes import Outputs, Pipe
from vpcshark.transport.slots import NoSession

T = TypeVar("T")


class OpenSshChannel(Outputs):
    """One command; ``name`` is its transport's, ``is_broken`` says whether the connection is gone."""

    def __init__(self, control: Connection, command: str, name: str, is_broken: Callable[[], bool]) -> None:
        """Start it. TransportError."""
        self._control = control
        self._name = name
        self._is_broken = is_broken
        self._lock = threading.Lock()
        self._closed = False
        self._input, theirs = socket.socketpair()  # unlike a pipe's, a blocked writer can be woken
        output, error = os.pipe(), os.pipe()
        super().__init__(*(Pipe(open(end, "rb", buffering=0)) for end in (output[0], error[0])))  # noqa: SIM115
        try:
            control.run(command, [theirs.fileno(), output[1], error[1]])
        except TransportError as exc:
            self._let_go()
            if "refused by peer" in exc.problem:  # as ssh's mux.c has it
                raise NoSession(name) from exc
            raise TransportError(f"{name} does not start a command: {exc.problem.rstrip('.')}.", exc.remedy) from exc
        finally:
            theirs.close()
            os.close(output[1])
            os.close(error[1])
        self._status = threads.start(control.status, name="exit status")

    def write(self, data: bytes) -> None:
        """See Channel."""
        try:
            self._input.sendall(data)
        except OSError as exc:
            raise TransportError(f"The command on {self._name} does not read its input any more.") from exc

    def close_input(self) -> None:
        """See Channel."""
        self._end_input(socket.SHUT_WR)

    def wait(self, timeout: float) -> int:
        """See Channel."""
        try:
            status = self._status.result(timeout)
        except FutureTimeout as exc:
            raise TransportError(f"The command on {self._name} still runs after {timeout:g} seconds.") from exc
        if status is not None:
            return status
        if self._is_broken():
            raise TransportError(f"The connection {self._name} broke.", "Start the capture again.")
        return NO_STATUS

    def close(self) -> None:
        """End of its input and of its outputs."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._end_input(socket.SHUT_RDWR)
        self._let_go()

    def _end_input(self, how: int) -> None:
        with contextlib.suppress(OSError):  # ended already
            self._input.shutdown(how)

    def _let_go(self) -> None:
        for pipe in (self._output, self._error):
            pipe.wake()
        self._control.close()
        self._input.close()
        for pipe in (self._output, self._error):
            pipe.close()
