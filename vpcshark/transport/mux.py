"""The client's side of OpenSSH's multiplexing protocol (PROTOCOL.mux, version 4): commands and streams over the
connection of an ssh(1) that runs as a master, whose socket has a path here.

So no process is started for a command, and whether it was is known at once. Must not know who started the master.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence

from vpcshark.errors import TransportError

HELLO, VERSION = 0x1, 4
NEW_SESSION, ALIVE_CHECK, TERMINATE, NEW_STREAM = 0x10000002, 0x10000004, 0x10000005, 0x10000008
DENIED, FAILURE, EXIT, ALIVE, OPENED = 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006
NO_ESCAPE = 0xFFFFFFFF
PATIENCE = 15.0  # seconds for an answer, for which the host may be asked
LONGEST = 1 << 16  # bytes of a packet
_REQUEST = 1


class Connection:
    """One connection to the master at ``path``; the master carries one command, or one stream, for each."""

    def __init__(self, path: str) -> None:
        """TransportError if no master answers there."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect(path)
            self._send(_numbers(HELLO, VERSION))
            hello = self._receive()
            if hello[:8] != _numbers(HELLO, VERSION):
                raise TransportError(f"What listens at {path} is no ssh that shares its connection.")
        except (OSError, EOFError) as exc:
            self._socket.close()
            raise TransportError(f"The ssh at {path} does not answer: {_reason(exc)}.") from exc
        except TransportError:
            self._socket.close()
            raise

    def run(self, command: str, descriptors: Sequence[int]) -> None:
        """Start ``command``, a shell's line, with these as stdin, stdout and stderr. TransportError with the reason."""
        flags = _numbers(0, 0, 0, 0)  # terminal, X11, agent, subsystem
        head = _numbers(NEW_SESSION, _REQUEST) + _string("") + flags + _numbers(NO_ESCAPE)
        self._begin(head + _string("") + _string(command), descriptors)

    def reach(self, host: str, port: int, descriptors: Sequence[int]) -> None:
        """A TCP connection from the host on, with these as its input and output. TransportError with the reason."""
        head = _numbers(NEW_STREAM, _REQUEST) + _string("")
        self._begin(head + _string(host) + _numbers(port), descriptors)

    def pid(self) -> int:
        """The master's process. TransportError."""
        kind, rest = self._asked(_numbers(ALIVE_CHECK, _REQUEST))
        if kind != ALIVE:
            raise TransportError("The ssh that shares its connection does not say that it lives.")
        return int(struct.unpack_from(">I", rest, 4)[0])

    def terminate(self) -> None:
        """Ask the master to end, and wait until it has. OSError if it does not within ``PATIENCE``."""
        self._send(_numbers(TERMINATE, _REQUEST))
        while self._socket.recv(LONGEST):
            pass

    def status(self) -> int | None:
        """Wait for the command's exit status; None if it, or the master, ended without one."""
        self._socket.settimeout(None)
        try:
            while True:
                message = self._receive()
                if message[:4] == _numbers(EXIT):
                    return int(struct.unpack_from(">I", message, 8)[0])
        except (OSError, EOFError, struct.error):
            return None

    def close(self) -> None:
        """End it, and what it carries; wakes who waits in ``status``."""
        with contextlib.suppress(OSError):  # it ended already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _begin(self, request: bytes, descriptors: Sequence[int]) -> None:
        try:
            self._send(request)
            for one in descriptors:  # each with a byte of its own, as monitor_fdpass.c has it
                socket.send_fds(self._socket, [b"\0"], [one])
            kind, rest = _split(self._receive())
        except (OSError, EOFError) as exc:
            raise TransportError(_reason(exc)) from exc
        if kind in (DENIED, FAILURE):
            raise TransportError(_text(rest[4:]))
        if kind != OPENED:
            raise TransportError(f"ssh answers with a message of the kind {kind:#x}")

    def _asked(self, request: bytes) -> tuple[int, bytes]:
        try:
            self._send(request)
            return _split(self._receive())
        except (OSError, EOFError) as exc:
            raise TransportError(f"The ssh that shares its connection does not answer: {_reason(exc)}.") from exc

    def _send(self, message: bytes) -> None:
        self._socket.sendall(_numbers(len(message)) + message)

    def _receive(self) -> bytes:
        size = int(struct.unpack(">I", self._exactly(4))[0])
        if size > LONGEST:
            raise OSError("its answer is too long")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._socket.recv(size - len(data))
            if not more:
                raise EOFError("it closed the connection")
            data += more
        return data


def _numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return _numbers(len(data)) + data


def _split(message: bytes) -> tuple[int, bytes]:
    if len(message) < 4:
        raise EOFError("its answer is too short")
    return int(struct.unpack_from(">I", message)[0]), message[4:]


def _text(data: bytes) -> str:
    """A string's first characters, for the middle of a sentence."""
    return data[4:204].decode("utf-8", "replace").rstrip(".") or "it does not say why"


def _reason(exc: BaseException) -> str:
    return (exc.strerror if isinstance(exc, OSError) else "") or str(exc) or type(exc).__name__
