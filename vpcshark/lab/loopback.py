"""The data plane without root: made-up traffic of the sources, mirrored as real VXLAN datagrams to this machine.

Must not use ``vpcshark.wire`` to encapsulate: the product is not its own judge.
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Sequence
from zlib import crc32

from vpcshark.errors import VpcsharkError
from vpcshark.lab.flows import Frame, conversation
from vpcshark.lab.matching import choose
from vpcshark.lab.model import VXLAN_PORT, LabEni, LabSession, LabWorld

_log = logging.getLogger(__name__)
_PAUSE = 0.2  # seconds between rounds
_TARGET_MTU = 9001
_OUTER = 36  # IPv4, UDP and VXLAN header: what the target's MTU has to hold beside the inner frame
_SOCKETS = 8  # so that flows come from different ports, as EC2's hash of the 5-tuple makes them


class LoopbackPlane:
    """Sends the traffic of each source with a session to the session's target, if that is this machine."""

    def __init__(self, port: int = VXLAN_PORT) -> None:
        self._port = port
        self._lock = threading.Lock()  # held for each datagram: after ``apply`` nothing old is sent
        self._sessions: tuple[LabSession, ...] = ()
        self._enis: dict[str, LabEni] = {}
        self._peers: dict[str, LabEni] = {}
        self._here: set[str] = set()
        self._resolver = ""
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._sockets: list[socket.socket] = []

    def start(self, world: LabWorld) -> None:
        """Start the traffic; nothing is sent before there is a session."""
        self._resolver = world.resolver
        self._enis = {eni.id: eni for instance in world.instances for eni in instance.enis}
        self._here = {eni.id for instance in world.instances if "host" in instance.roles for eni in instance.enis}
        self._peers = peers(world)
        self._sockets = [_open_socket() for _ in range(_SOCKETS)]
        self._thread = threading.Thread(target=self._talk, name="lab-loopback", daemon=True)
        self._thread.start()

    def apply(self, sessions: Sequence[LabSession]) -> None:
        """Mirror exactly these sessions from now on."""
        with self._lock:
            self._sessions = tuple(session for session in sessions if session.target in self._here)

    def stop(self) -> None:
        """Send no more. Idempotent."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()
        for sock in self._sockets:
            sock.close()
        self._thread, self._sockets = None, []

    def _talk(self) -> None:
        number = 0
        while not self._ending.wait(_PAUSE):
            number += 1
            for source in {session.source for session in self._sessions} & self._peers.keys():
                for frame in conversation(self._enis[source], self._peers[source], self._resolver, number):
                    self._mirror(source, frame)

    def _mirror(self, source: str, frame: Frame) -> None:
        direction, data = frame
        with self._lock:
            session = choose([session for session in self._sessions if session.source == source], data, direction)
            if session is None:
                return
            sender = self._sockets[crc32(data[23:38]) % len(self._sockets)]
            try:
                sender.sendto(encapsulated(session, data), (self._enis[session.target].ipv4, self._port))
            except OSError as error:  # a full buffer loses a packet, as a network would
                _log.warning("a mirrored frame was lost: %s", error)


def encapsulated(session: LabSession, frame: bytes) -> bytes:
    """The frame behind a VXLAN header (RFC 7348, 5), cut to the session's packet length and to the target's MTU."""
    length = min(session.packet_length or len(frame), _TARGET_MTU - _OUTER)
    return struct.pack("!II", 1 << 27, session.vni << 8) + frame[:length]


def peers(world: LabWorld) -> dict[str, LabEni]:
    """For each ENI that can be a source, the one that it talks with: the next instance's first."""
    machines = [instance for instance in world.instances if "host" not in instance.roles]
    following = [*machines[1:], *machines[:1]]
    return {eni.id: peer.enis[0] for here, peer in zip(machines, following, strict=True) for eni in here.enis}


def _open_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind(("127.0.0.1", 0))
    except OSError as error:
        sock.close()
        raise VpcsharkError(f"The lab cannot send to 127.0.0.1: {error}.") from error
    return sock
