"""The contract of every transport: open(command) -> a channel with stdin, stdout, stderr and an exit status.

Must not know any way to a machine. Several threads may use one channel, one per stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")
NO_STATUS = 255  # what ssh(1) gives for a command that ended without an exit status


class Stream(Protocol):
    """What SSH runs over: a socket, or what looks like one (``tunnel.Tunnel``, a channel of another connection)."""

    def send(self, data: bytes, /) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, value: float | None, /) -> None: ...
    def close(self) -> None: ...


class Channel(Protocol):
    """One running command. Read both outputs: a full stderr stops the command."""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes of stdout; waits for at least one; b"" at its end or after ``close``."""

    def read_error(self, size: int) -> bytes:
        """The same for stderr."""

    def write(self, data: bytes) -> None:
        """All of ``data`` to stdin. TransportError if the command no longer reads, or the way to it broke."""

    def close_input(self) -> None:
        """The end of stdin."""

    def wait(self, timeout: float) -> int:
        """The exit status, 128 + n for signal n where that is known. TransportError if the command still runs after
        ``timeout`` seconds, or the way to it broke before a status came."""

    def close(self) -> None:
        """End the command if it runs, wake everybody who waits in this channel. May be called again, by any thread.

        A command that should end in its own time gets ``close_input`` first, and is read until b"". One that neither
        reads nor writes goes on where no signal reaches it: root's by SSH, and all over OpenSSH's client.
        """


@runtime_checkable
class Piped(Protocol):
    """A channel whose stdout is a pipe of this machine."""

    def hand_over(self, take: Callable[[int], T]) -> T | None:
        """Wait until there is something on stdout, or its end, and return ``take(descriptor)``; ``take`` must not wait.
        None after ``close``."""


class Transport(Protocol):
    """A way to one machine. ``name`` is for messages: "local", "ssh ec2-user@10.1.0.20"."""

    @property
    def name(self) -> str: ...

    def open(self, command: Sequence[str]) -> Channel:
        """Start the command, given as an argument vector: each argument reaches it as it is. TransportError."""

    def close(self) -> None:
        """Close every channel and the way itself. May be called again, by any thread."""
