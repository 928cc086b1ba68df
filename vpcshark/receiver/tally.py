"""Counts for a while what arrives on our ports, whatever the filter says of it: why a capture stays empty.

The ring's filter hides in the kernel what it refuses, so a tally has a socket of its own, which looks at the head of
each frame and keeps none. Where there is no right to one, the kernel tells how many datagrams the filter refused. Sent
to the capture host: Python 3.6 and the standard library only. Must not know why it is counted.
"""
# ruff: noqa: UP006, UP035, UP045

import socket
import time
from typing import Any, Dict, List, Optional

from vpcshark.receiver import kernel
from vpcshark.receiver.datagrams import Datagrams
from vpcshark.receiver.frames import Frames
from vpcshark.wire.overlay.vxlan import unwrap

MOST = 2000
"""Frames; after these it is known that there are many, and the CPU is for the capture."""
_HEAD = 256
_PER_TURN = 64


class Tally:
    """From its making to ``result``. ``OSError`` where the kernel lets us have no socket."""

    def __init__(self, frames: Frames, interfaces: List[int], refusing: Optional[Datagrams] = None) -> None:
        """``refusing``: the sockets whose filter refuses, where frames come from those."""
        self._frames, self._refusing = frames, refusing
        self._began = time.monotonic()
        self._ended = 0.0
        self._counts: Dict[str, Any] = {"own": 0, "other": 0}
        self._foreign: Dict[int, int] = {}
        self._socket: Optional[socket.socket] = None
        if refusing is not None:
            self._before = refusing.refused()
        else:
            self._socket = _open(frames, interfaces)

    def descriptors(self) -> List[int]:
        """What to poll for input."""
        return [] if self._socket is None else [self._socket.fileno()]

    def read(self) -> None:
        """Count some of what is there."""
        for _ in range(_PER_TURN if self._socket is not None else 0):
            try:
                head = self._socket.recv(_HEAD) if self._socket is not None else b""
            except BlockingIOError:
                return
            inner = unwrap(head, 0, len(head), self._frames.ports)
            if inner is None:
                self._counts["other"] += 1
            elif inner.vni in self._frames.by_vni:
                self._counts["own"] += 1
            else:
                self._foreign[inner.vni] = self._foreign.get(inner.vni, 0) + 1
            if self._counts["own"] + self._counts["other"] + sum(self._foreign.values()) >= MOST:
                self.close()

    def result(self) -> Dict[str, Any]:
        """What was counted, in how many "seconds"; "own" and "other" frames, "foreign" by VNI, or else "refused"."""
        if self._refusing is not None:
            counts: Dict[str, Any] = {"refused": self._refusing.refused() - self._before}
        else:
            self.read()
            counts = dict(self._counts, foreign=self._foreign)
        self.close()
        return dict(counts, seconds=round(self._ended - self._began, 1))

    def close(self) -> None:
        """Count no more; again is harmless."""
        self._ended = self._ended or time.monotonic()
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _open(frames: Frames, interfaces: List[int]) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kernel.ETH_P_ALL))
    try:
        kernel.attach(sock, kernel.arriving(kernel.any_datagram(frames.ports[:2]), interfaces))
        sock.setblocking(False)
        while True:  # what came before the filter was there
            sock.recv(1)
    except BlockingIOError:
        return sock
    except BaseException:
        sock.close()
        raise
