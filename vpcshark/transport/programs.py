"""A program as a byte stream: a child whose input and output it is, and which outlives neither it nor this process.

A program that waits for something else than its input (AWS's plugin until its handshake is complete, any ProxyCommand)
does not notice that its input has ended. So it is ended, with the process group that it leads; and where this process
cannot do that any more, as it was killed, a shell beside the program does, which waits on a pipe that ends with us.
Must not know what runs over it, nor who is at the other end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from vpcshark import text
from vpcshark.errors import TransportError
from vpcshark.transport.tunnel import CHUNK, Tunnel, pumped

log = logging.getLogger(__name__)
MOST_WORDS = 2000  # bytes of a line on stderr, which may be another machine's
GRACE = 1.0  # seconds that a program has to end after its input did, and again after SIGTERM
PATIENCE = 10.0  # seconds for a host's greeting and key exchange over a program
LAST_MOMENT = 0.5  # seconds between the end of its output and its own
_GREETING = b"SSH-"  # RFC 4253, 4.2
_KEPT = 2000  # bytes of what it gives first
_TOLD = 300  # characters of that, in a message
# Standard input is the pipe, standard output the stream. The words of the program are arguments: no shell reads them.
_GUARDED = 'exec 3<&0 0<&1; { trap "" TERM; read -r end || kill -9 -$$; } <&3 >&- 2>&- & exec 3<&-; exec "$@"'


def stream(
    command: Sequence[str], environment: Mapping[str, str] | None = None, name: str = "", remedy: str = ""
) -> Tunnel:
    """A tunnel over a program's stdin and stdout; it runs in a session of its own, without our terminal. What it says
    on stderr goes to the log. ``name`` and ``remedy`` are for messages. TransportError if it can't be started."""
    name = name or command[0]
    if shutil.which(command[0]) is None:
        raise TransportError(f"{name} cannot be started: there is no program {command[0]}.")
    try:
        return _piped(command, environment, name) if os.name == "nt" else _joined(command, environment, (name, remedy))
    except OSError as exc:
        raise TransportError(f"{name} cannot be started: {exc.strerror}.") from exc


@contextlib.contextmanager
def blamed(way: object, host: str) -> Iterator[None]:
    """An SSH greeting that fails by a program's fault is told as that, and not as ``host``'s."""
    try:
        yield
    except TransportError as error:
        found = way.blame(host) if isinstance(way, ProgramTunnel) else None
        if found is None:
            raise
        raise found from error


class ProgramTunnel(Tunnel):
    """A tunnel that can say how its program is doing. ``lifeline`` is a descriptor whose closing ends the program."""

    def __init__(
        self, inner: socket.socket, child: subprocess.Popen[bytes], names: tuple[str, str], lifeline: int
    ) -> None:
        super().__init__(inner, self._reap)
        self._child, self._lifeline = child, lifeline
        self._name, self._remedy = names
        self._first = b""
        self._words = ""
        self._is_at_end = False
        self._status: int | None = None
        self._receive: Callable[..., bytes] = inner.recv
        self.recv = self._received
        self._listening = threading.Thread(target=self._listen, name="program's words", daemon=True)
        self._listening.start()

    def close(self) -> None:
        """See ``Tunnel``. What the program said and nobody has read yet is the reason that is wanted."""
        if not self._first:
            with contextlib.suppress(OSError):
                self._received(_KEPT, socket.MSG_DONTWAIT)
        super().close()

    def blame(self, host: str) -> TransportError | None:
        """Why nobody greeted; None if an SSH server did: then the rest is its own."""
        if any(line.startswith(_GREETING) for line in self._first.splitlines()):
            return None
        if self._status is not None:  # what it said before it ended may not have been read yet
            self._listening.join(LAST_MOMENT)
        how = "brought no SSH greeting" if self._status is None else f"ended (status {self._status}) without a greeting"
        shown = " ".join([*self._first.decode("utf-8", "replace").split(), self._words]).strip()
        words = f" It said: {text.line(shown, _TOLD).rstrip('.')}." if shown else ""
        return TransportError(f"{self._name} {how} from {host}.{words}", self._remedy)

    def _received(self, size: int, flags: int = 0, /) -> bytes:
        try:
            data = self._receive(size, flags)
        except ConnectionResetError:  # it ended without reading all: Linux tells that once, before what it wrote
            data = self._receive(size, flags)
        self._is_at_end = not data
        if len(self._first) < _KEPT:
            self._first += data[:_KEPT]
        return data

    def _listen(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as said:
            while line := said.readline(MOST_WORDS):
                self._words = line.decode("utf-8", "replace").strip()
                log.info("%s said: %s", self._name, self._words)

    def _reap(self) -> None:
        """Its input is closed; a thread sees it end, so that nobody has to wait; but this process waits for that
        thread, whatever thread closed the tunnel: daemons are not waited for, and beget daemons."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._status = self._child.wait(LAST_MOMENT) if self._is_at_end else self._child.poll()
        ending = threading.Thread(target=_end, args=(self._child, self._lifeline), name="program's end", daemon=False)
        with contextlib.suppress(RuntimeError):  # too late for a thread: the shell beside the program ends it
            ending.start()


def _end(child: subprocess.Popen[bytes], lifeline: int) -> None:
    """What a program that had to be asked has started goes with it; where it ended by itself, the shell is let go."""
    is_asked = False
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            child.wait(GRACE)
            break
        except subprocess.TimeoutExpired:
            is_asked = True
            with contextlib.suppress(OSError):
                os.killpg(child.pid, number)  # it is not reaped, so the number is its own
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    if not is_asked:
        with contextlib.suppress(OSError):
            os.write(lifeline, b"\n")
    os.close(lifeline)


def _joined(command: Sequence[str], environment: Mapping[str, str] | None, names: tuple[str, str]) -> ProgramTunnel:
    """OSError."""
    ours, theirs = socket.socketpair()
    reading, lifeline = os.pipe()
    try:
        child = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDED, "sh", *command],
            stdin=reading,
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
    except OSError:
        ours.close()
        os.close(lifeline)
        raise
    finally:
        os.close(reading)
        theirs.close()
    return ProgramTunnel(ours, child, names, lifeline)


def _piped(command: Sequence[str], environment: Mapping[str, str] | None, name: str) -> Tunnel:
    """On Windows, where a socket can't be a standard stream. OSError."""
    pipe = subprocess.PIPE
    environment = None if environment is None else dict(environment)
    child = subprocess.Popen(list(command), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=environment)
    log.info("%s runs as process %d.", name, child.pid)
    source, drain = child.stdout, child.stdin
    assert source is not None
    assert drain is not None
    reading = source.fileno()

    def send(data: bytes) -> None:
        drain.write(data)
        drain.flush()

    def close() -> None:
        with contextlib.suppress(OSError):
            drain.close()
        threading.Thread(target=_end_alone, args=(child,), name="program's end", daemon=False).start()

    return pumped(lambda: os.read(reading, CHUNK), send, close)


def _end_alone(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
