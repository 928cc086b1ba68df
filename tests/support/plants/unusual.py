"""Sound traffic that is seldom seen: handshakes of other shapes, datagrams that nobody has to answer."""

from __future__ import annotations

import random
import socket
import struct
import threading

from plants import apps, spaces
from plants.kinds import seen, sound
from plants.lab import Lab, Wire
from plants.wire import Effect

QUIET = ("tcp.analysis.retransmission || tcp.analysis.fast_retransmission", "=0", "=0")
OPENED = 4


def _wire(lab: Lab, least: float = 0.002, most: float = 0.03) -> Wire:
    delay = round(lab.chance.uniform(least, most), 4)
    return Wire(Effect(delay=delay), Effect(delay=delay))


@sound("data in a SYN: corruption, refused")
@seen(("tcp.flags.syn == 1 && tcp.len > 0", ">0", ">0"), QUIET)
def asked_in_the_syn(lab: Lab) -> str:
    """TCP Fast Open (RFC 7413): the second connection has a cookie, and asks in its SYN."""
    lab.build(wire=_wire(lab))
    for host in (lab.client, lab.server):
        spaces.sysctl(host.space, {"ipv4/tcp_fastopen": 3})
    lab.server.serve(
        8080,
        apps.http(lab.chance.randint(1, 20) * 1000),
        begin=lambda made: made.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5),
    )
    for _ in range(OPENED):
        client = lab.client.socket()
        client.settimeout(None)  # with a time-out it would not wait for the handshake
        client.sendto(apps.request(), socket.MSG_FASTOPEN, (lab.server.address, 8080))
        lab.must(apps.answer(client)[0] == 200, "it answers")
        client.close()
    return "requests are in SYNs, after a first connection that got a cookie"


@sound("SYNs without an answer")
@seen(("tcp.flags.syn == 1 && tcp.flags.ack == 0", "=2", "=2"))
def both_open_at_once(lab: Lab) -> str:
    """Simultaneous open (RFC 9293, 3.5): the SYNs cross on a long way."""
    lab.build(wire=Wire(Effect(delay=0.15), Effect(delay=0.15)))
    ends = []
    for host, port in ((lab.client, 5001), (lab.server, 5000)):
        made = host.socket()
        made.bind((host.address, port))
        ends.append(made)
    one, other = ends
    opening = threading.Thread(target=other.connect, args=((lab.client.address, 5001),))
    opening.start()
    one.connect((lab.server.address, 5000))
    opening.join()
    for _ in range(lab.chance.randint(2, 5)):
        one.sendall(apps.filling(500))
        lab.must(len(apps.drain(other, 500)) == 500, "it arrives")
        other.sendall(apps.filling(300))
        lab.must(len(apps.drain(one, 300)) == 300, "it arrives")
    one.close()
    other.close()
    lab.pause(0.8)
    return "both ends connect to each other at the same time: one connection, no listener"


@sound("connections that are reset: a middlebox, an overloaded server")
@seen(("tcp.flags.reset == 1", ">5", ">5"), QUIET)
def looked_for_open_ports(lab: Lab) -> str:
    """A half-open scan of ports where somebody listens: the scanner's kernel resets each SYN-ACK."""
    lab.build(wire=_wire(lab))
    ports = range(9000, 9000 + lab.chance.randint(8, 20))
    for port in ports:
        lab.server.listen(port)
    raw = lab.client.socket(socket.SOCK_RAW, protocol=socket.IPPROTO_TCP)
    for number, port in enumerate(ports):
        raw.sendto(_syn(lab.client.address, lab.server.address, 61000 + number, port), (lab.server.address, 0))
        lab.pause(0.1)
    lab.pause(0.3)
    return f"SYNs to {len(ports)} open ports, each answered, and reset by the scanner's own kernel"


def _syn(source: str, target: str, sport: int, dport: int) -> bytes:
    head = struct.pack(">HHIIBBHHH", sport, dport, 7000 + sport, 0, 0x50, 2, 1024, 0, 0)
    data = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack(">HH", 6, len(head)) + head
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:16] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + head[18:]


@sound("large datagrams without an answer: a path MTU black hole")
@seen(("udp.port == 443", ">40", ">40"), ("udp.length > 1420", ">1", "*"))
def quic_looks_for_the_mtu(lab: Lab) -> str:
    """QUIC-like datagrams; larger ones probe, and are meant to be lost where they do not fit (RFC 9000, 14.4)."""
    lab.build(wire=_wire(lab), hops=(0, 0))
    lab.forward("udp dport 443 meta length > 1450 counter name hit drop")
    dice = random.Random(lab.seed)
    lab.server.answer(443, lambda data, _: b"\x43" + dice.randbytes(1150) if len(data) < 1400 else None)
    client = lab.client.udp()
    client.sendto(b"\xc3" + dice.randbytes(1199), (lab.server.address, 443))
    client.recv(2000)
    for number in range(lab.chance.randint(30, 50)):
        client.sendto(b"\x41" + dice.randbytes(40), (lab.server.address, 443))
        client.recv(2000)
        if number % 15 == 4:
            client.sendto(b"\x42" + dice.randbytes(1440), (lab.server.address, 443))
        lab.pause(0.02)
    lab.must(lab.hits() > 1, "probes are dropped")
    return "datagrams to and fro; a few larger ones probe the path and are dropped, as the sender expects"


@sound("nobody answers")
@seen(("ip.dst == 239.1.2.3", ">30", "=0"), ("udp.dstport == 5353", ">0", "=0"))
def told_to_a_group(lab: Lab) -> str:
    """A stream to a multicast group, and questions to all neighbours, which nobody has to answer."""
    lab.build()
    sender = lab.client.udp()
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(lab.client.address))
    question = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x04_ipp\x04_tcp\x05local\0\0\x0c\0\x01"
    for number in range(lab.chance.randint(60, 90)):
        sender.sendto(b"\x80\x21" + struct.pack(">HII", number, number * 3000, 77) + bytes(900), ("239.1.2.3", 5004))
        if number % 20 == 0:
            sender.sendto(question, ("224.0.0.251", 5353))
        lab.pause(0.03)
    web = lab.server
    web.serve(8080, apps.http())
    client = lab.client.tcp(web.address, 8080)
    lab.must(apps.get(client)[0] == 200, "it answers")
    client.close()
    return "a multicast stream and multicast DNS questions; nobody answers these, and nobody has to"


@sound("slow server")
@seen(("tcp.port == 7000 && tcp.len > 0", ">6", ">6"), QUIET)
def both_speak_by_their_clocks(lab: Lab) -> str:
    """Heartbeats of two peers: what the one says is no answer to what the other said."""
    lab.build(wire=_wire(lab))
    every = lab.chance.uniform(0.8, 1.3)

    def beat(connection: socket.socket) -> None:
        connection.sendall(b"W" + apps.head_of(connection)[:4])
        for _ in range(5):
            lab.pause(every)
            connection.sendall(b"d" + apps.filling(40))
        connection.shutdown(socket.SHUT_WR)
        apps.drain(connection)
        connection.close()

    lab.server.serve(7000, beat)
    client = lab.client.tcp(lab.server.address, 7000)
    client.sendall(b"START" + apps.END)
    client.recv(100)
    for _ in range(5):
        client.sendall(b"d" + apps.filling(30))
        client.recv(100)
    lab.must(client.recv(100) == b"", "the peer ends it")
    client.close()
    return f"after a greeting each peer says something every {every:.1f} s"
