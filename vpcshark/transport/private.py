"""A folder for one ssh, which nobody else can open, with sockets in it on which this process answers ssh and the small
programs that ssh starts: what must stay in memory, or is a connection already.

No key and no secret is ever written there. Must not know what is answered.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

Answer = Callable[[socket.socket], None]
LONGEST = 60  # bytes of the folder's path: a socket's may have 104, and ssh adds 17 to that of a master
# Both run as ``python -I -S -c PROGRAM SOCKET …``. PASS hands the connection to ssh (ProxyUseFdpass) and ends; ASK
# sends its arguments as a line and prints the answer (KnownHostsCommand).
_PASS = "import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);"
_PASS += "socket.send_fds(socket.socket(fileno=1),[bytes(1)],[s.fileno()])"
_ASK = "import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);f=s.makefile('rw');"
_ASK += "print(*sys.argv[2:],file=f,flush=True);sys.stdout.write(f.read())"


class Private:
    """``close`` ends its sockets and removes the folder; it may be called again."""

    def __init__(self) -> None:
        """OSError if there can be none."""
        self.folder = Path(tempfile.mkdtemp(prefix="vpcshark-"))
        if len(str(self.folder)) > LONGEST:
            self.folder.rmdir()
            self.folder = Path(tempfile.mkdtemp(prefix="vpcshark-", dir="/tmp"))
        self._listeners: list[socket.socket] = []

    def path(self, name: str) -> str:
        """Of a file in it."""
        return str(self.folder / name)

    def serve(self, name: str, answer: Answer) -> str:
        """The path of a socket; ``answer`` gets each connection to it in a thread, and need not close it."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path(name))
        listener.listen(4)
        self._listeners.append(listener)
        threading.Thread(target=_accept, args=(listener, answer), name=f"ssh's {name}", daemon=True).start()
        return self.path(name)

    def end_sockets(self) -> None:
        """No new connections; those that there are go on."""
        while self._listeners:
            listener = self._listeners.pop()
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
            listener.close()

    def close(self) -> None:
        """See above."""
        self.end_sockets()
        shutil.rmtree(self.folder, ignore_errors=True)


def passing(path: str) -> str:
    """The ProxyCommand that gives ssh a connection to the socket ``path``; a shell of ssh execs it."""
    return _percent(shlex.join(_python(_PASS, path)))


def asking(path: str, tokens: Sequence[str]) -> str:
    """The KnownHostsCommand that sends the ``tokens`` to the socket ``path``; no shell runs it, but quotes count."""
    return " ".join([*(_percent(shlex.quote(one)) for one in _python(_ASK, path)), *tokens])


def _python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", program, *arguments]


def _percent(text: str) -> str:
    return text.replace("%", "%%")


def _accept(listener: socket.socket, answer: Answer) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection, answer), name="for ssh", daemon=True).start()


def _answer(connection: socket.socket, answer: Answer) -> None:
    with connection, contextlib.suppress(OSError):
        answer(connection)
