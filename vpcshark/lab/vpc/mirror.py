"""The lab's Traffic Mirroring: a process in the fabric that copies sources' frames to their targets, in VXLAN.

It is told what to mirror as JSON lines on stdin, one answer line per line on stdout; the end of stdin ends it.
Must not know the EC2 API, what namespaces are for, or ``vpcshark.wire`` (the product is not its own judge).

A frame is read where the ENI's cable enters the fabric, by a packet(7) socket per source: what comes in there left the
instance (egress), what goes out there enters it (ingress). Copies go out at the target's port, so that the target's own
network stack, firewall included, has the last word.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import socket
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any, TextIO

from vpcshark.lab import matching
from vpcshark.lab.model import LabRule, LabSession
from vpcshark.lab.vpc import geneve, netns, vxlan

_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_PACKET_STATISTICS, _PACKET_AUXDATA = 6, 8  # linux/if_packet.h
_SO_RCVBUFFORCE = 33
_BUFFER = 64 << 20  # holds the lab's traffic for many seconds in which this process does not get a CPU
_LARGEST_FRAME = 1 << 16
_BATCH = 64  # frames per turn of one source, so that none starves another
_BACKLOG = 20000  # frames per source that a change of sessions still handles the old way
_AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
_TP_STATUS_VLAN_VALID, _TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
_ETHERTYPE_VLAN = 0x8100


@dataclass(frozen=True)
class Eni:
    """What the mirror knows of an ENI: its port in the fabric and its addresses; ``mtu`` counts the outer IP packet.
    ``space`` is the namespace that the port is in, "" for the mirror's own."""

    port: str
    mac: str
    ipv4: str
    router: str
    subnet: str
    mtu: int
    space: str = ""


def _opened(space: str) -> socket.socket:
    """A packet socket in a namespace: it stays there."""

    def make() -> socket.socket:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

    return netns.inside(space, make) if space else make()


class Tap:
    """Reads all frames of one port, in both directions, and sends frames out of it.

    Linux does not show a packet socket what it sent itself, so a source that is a target as well cannot see the
    copies that it is sent: nothing is mirrored twice, and no loop can start.
    """

    def __init__(self, port: str, space: str = "") -> None:
        self._socket = _opened(space)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._socket.setblocking(False)
        self._socket.bind((port, _ETH_P_ALL))

    def fileno(self) -> int:
        """For the selector."""
        return self._socket.fileno()

    def read(self) -> tuple[bytes, str] | None:
        """The next frame and its direction seen from the instance; None if there is none."""
        try:
            frame, ancillary, _, address = self._socket.recvmsg(_LARGEST_FRAME, socket.CMSG_SPACE(_AUXDATA.size))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ENETDOWN):  # a port that went down may come up again
                return None
            raise
        direction = "ingress" if address[2] == socket.PACKET_OUTGOING else "egress"
        return restore_vlan(frame, ancillary), direction

    def send(self, frame: bytes) -> None:
        """Send a whole Ethernet frame out of the port."""
        self._socket.send(frame)

    def drops(self) -> int:
        """How many frames the kernel had no room for since the last question (packet(7), PACKET_STATISTICS)."""
        _, drops = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        return int(drops)

    def close(self) -> None:
        """Close the socket; what it still held is gone."""
        self._socket.close()


def restore_vlan(frame: bytes, ancillary: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Put a VLAN tag back that the kernel took out of the frame (packet(7), PACKET_AUXDATA)."""
    for level, kind, data in ancillary:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA) and len(data) >= _AUXDATA.size:
            status, _, _, _, _, tci, tpid = _AUXDATA.unpack(data[: _AUXDATA.size])
            if status & _TP_STATUS_VLAN_VALID:
                tpid = tpid if status & _TP_STATUS_VLAN_TPID_VALID else _ETHERTYPE_VLAN
                return frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
    return frame


class Mirror:
    """Mirrors the sessions in force. ``enis`` is the whole VPC by ENI id."""

    def __init__(self, enis: dict[str, Eni]) -> None:
        self._enis = enis
        self._sessions: dict[str, list[LabSession]] = {}  # by source
        self._outer: dict[tuple[str, str], vxlan.Outer] = {}  # by session and ENI that it goes to
        self._senders: dict[str, socket.socket] = {}  # by namespace
        self.taps: dict[str, Tap] = {}  # by source
        self._counts = {"seen": 0, "mirrored": 0, "dropped": 0, "unsent": 0}

    def apply(self, sessions: Iterable[LabSession], gone: Iterable[str] = ()) -> None:
        """Put exactly these sessions in force, in a VPC without the ENIs that are ``gone``. Frames that were on the
        wire before are still handled the old way."""
        for source in self.taps:
            self.pump(source, _BACKLOG)
        for eni in gone:
            self._enis.pop(eni, None)
        known = [one for s in sessions if (one := self._known(s)) is not None]
        self._sessions = {source: [s for s in known if s.source == source] for source in {s.source for s in known}}
        self._outer = {(s.id, to): self._addresses(s, to) for s in known for to in s.behind}
        for source in self.taps.keys() - self._sessions.keys():
            self._count_drops(source)
            self.taps.pop(source).close()
        for source in self._sessions.keys() - self.taps.keys():
            self.taps[source] = Tap(self._enis[source].port, self._enis[source].space)

    def _known(self, session: LabSession) -> LabSession | None:
        """With all ENIs that its frames may go to in ``behind``; None if there are none, or no source."""
        goals = tuple(eni for eni in (session.target, *session.behind) if eni in self._enis)
        return replace(session, behind=goals) if goals and session.source in self._enis else None

    def _addresses(self, session: LabSession, to: str) -> vxlan.Outer:
        """A Network Load Balancer keeps the client's address; a Gateway Load Balancer has one of its own in each
        subnet, here the last."""
        source, target = self._enis[session.source], self._enis[to]
        if session.endpoint:
            return vxlan.outer(target.router, target.mac, str(ip_network(target.subnet)[-2]), target.ipv4)
        is_neighbour = ip_address(source.ipv4) in ip_network(target.subnet)
        return vxlan.outer(source.mac if is_neighbour else target.router, target.mac, source.ipv4, target.ipv4)

    def join(self, enis: dict[str, Eni]) -> None:
        """These are in the VPC from now on."""
        self._enis.update(enis)

    def leave(self, gone: Iterable[str]) -> None:
        """These ENIs are not there any more, nor what is mirrored from or to them."""
        self.apply([session for sessions in self._sessions.values() for session in sessions], gone)

    def pump(self, source: str, limit: int = _BATCH) -> None:
        """Mirror what has arrived at the source, at most ``limit`` frames."""
        tap = self.taps[source]
        for _ in range(limit):
            found = tap.read()
            if found is None:
                return
            self._counts["seen"] += 1
            self._mirror(source, *found)

    def _mirror(self, source: str, frame: bytes, direction: str) -> None:
        session = matching.choose(self._sessions[source], frame, direction)
        if session is None:
            return
        target, copy = self._copy(session, frame)
        try:
            self._send(target, copy)
            self._counts["mirrored"] += 1
        except OSError:  # the target's port is full, or gone: Traffic Mirroring gives no guarantee either, but counts
            self._counts["unsent"] += 1

    def _copy(self, session: LabSession, frame: bytes) -> tuple[str, bytes]:
        """Where the copy goes, and the copy."""
        port = vxlan.source_port(frame)
        if session.endpoint:
            return self._copy_through_endpoint(session, frame, port)
        target = session.behind[0]
        if len(session.behind) > 1:
            target = _choose(session, vxlan.packet(self._outer[session.id, target], 0, b"", port))
        room = self._enis[target].mtu - vxlan.OUTER_HEADERS
        inner = frame[: min(room, session.packet_length or room)]
        return target, vxlan.encapsulate(self._outer[session.id, target], session.vni, inner, port)

    def _copy_through_endpoint(self, session: LabSession, frame: bytes, port: int) -> tuple[str, bytes]:
        """The load balancer sees a packet from the source to the endpoint, here the subnet's last address but one."""
        source = self._enis[session.source]
        between = vxlan.outer(source.mac, source.router, source.ipv4, str(ip_network(source.subnet)[-3]))
        room = geneve.MTU - vxlan.OUTER_HEADERS
        packet = vxlan.packet(between, session.vni, frame[: min(room, session.packet_length or room)], port)
        target = _choose(session, packet)
        return target, geneve.encapsulate(self._outer[session.id, target], session.endpoint, packet)

    def _send(self, target: str, frame: bytes) -> None:
        if target in self.taps:
            self.taps[target].send(frame)
        else:
            self._sender(self._enis[target].space).sendto(frame, (self._enis[target].port, 0))

    def _sender(self, space: str) -> socket.socket:
        if space not in self._senders:
            self._senders[space] = _opened(space)
        return self._senders[space]

    def _count_drops(self, source: str) -> None:
        self._counts["dropped"] += self.taps[source].drops()

    def stats(self) -> dict[str, int]:
        """Frames seen at sources, mirrored, dropped by the kernel before they were read, and not sent."""
        for source in self.taps:
            self._count_drops(source)
        return dict(self._counts)


def _choose(session: LabSession, packet: bytes) -> str:
    """The ENI that gets the flow of the packet."""
    return session.behind[geneve.flow(packet) % len(session.behind)]


def read_session(fields: dict[str, Any], resolver: str) -> LabSession:
    """A session from its JSON object (``dataclasses.asdict``); ``resolver`` stands in where it names none."""
    rules = tuple(_read_rule(rule) for rule in fields.pop("rules", ()))
    session = LabSession(**{**fields, "behind": tuple(fields.get("behind", ()))}, rules=rules)
    return session if session.resolver else replace(session, resolver=resolver)


def _read_rule(fields: dict[str, Any]) -> LabRule:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return LabRule(**values)


class Control:
    """Talks with the one who started the mirror: one JSON object per line in, one out.

    In: ``{"enis": {id: {…}}, "resolver": "…"}`` first, then ``{"sessions": [{…}]}``, ``{"join": {id: {…}}}``,
    ``{"leave": [id]}`` and ``{"stats": true}``.
    Out: ``{"ok": true}``, or the counts, or ``{"error": "…"}``; always after the request is in force.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._pending = b""
        self.mirror = Mirror({})
        self._resolver = ""

    def feed(self, data: bytes) -> None:
        """Take bytes from stdin and answer every whole line."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            try:
                answer = self._answer(json.loads(line))
            except (OSError, TypeError, ValueError, KeyError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            self._out.write(json.dumps(answer) + "\n")
            self._out.flush()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "enis" in request:
            self._resolver = request["resolver"]
            enis = {eni_id: Eni(**facts) for eni_id, facts in request["enis"].items()}
            self.mirror = Mirror(enis)
        elif "sessions" in request:
            self.mirror.apply([read_session(fields, self._resolver) for fields in request["sessions"]])
        elif "join" in request:
            self.mirror.join({eni_id: Eni(**facts) for eni_id, facts in request["join"].items()})
        elif "leave" in request:
            self.mirror.leave(request["leave"])
        elif "stats" in request:
            return dict(self.mirror.stats())
        return {"ok": True}


def run(stdin: int, out: TextIO) -> None:
    """Mirror until stdin ends."""
    control = Control(out)
    while True:
        with selectors.DefaultSelector() as selector:
            selector.register(stdin, selectors.EVENT_READ)
            for source, tap in control.mirror.taps.items():
                selector.register(tap, selectors.EVENT_READ, source)
            _pump_until_input(control.mirror, selector)
        data = os.read(stdin, _LARGEST_FRAME)
        if not data:
            return
        control.feed(data)


def _pump_until_input(mirror: Mirror, selector: selectors.BaseSelector) -> None:
    while True:
        for key, _ in selector.select():
            if key.data is None:
                return
            mirror.pump(key.data)


if __name__ == "__main__":
    run(sys.stdin.fileno(), sys.stdout)
