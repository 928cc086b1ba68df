"""Sound traffic over TCP that looks like a fault."""

from __future__ import annotations

import socket
import threading
from typing import Any

from plants import apps, spaces
from plants.kinds import seen, sound
from plants.lab import Lab, Wire, chain
from plants.wire import Effect


def _wire(lab: Lab, least: float = 0.001, most: float = 0.03) -> Wire:
    delay = round(lab.chance.uniform(least, most), 4)
    return Wire(Effect(delay=delay), Effect(delay=delay))


def _connected(lab: Lab, size: int = 1200, **options: Any) -> socket.socket:
    """A client of a quick server."""
    lab.build(**{"wire": _wire(lab), **options})
    lab.server.serve(8080, apps.http(size))
    return lab.client.tcp(lab.server.address, 8080)


def _fetch(lab: Lab, client: socket.socket, times: int = 1) -> None:
    for _ in range(times):
        lab.must(apps.get(client)[0] == 200, "it answers")


QUIET = (("tcp.analysis.retransmission || tcp.analysis.fast_retransmission", "=0", "=0"),)


@sound("-")
@seen(*QUIET)
def plain_web(lab: Lab) -> str:
    """Nothing special."""
    client = _connected(lab, lab.chance.randint(1, 60) * 1000)
    _fetch(lab, client, lab.chance.randint(1, 8))
    client.close()
    return "requests are answered at once"


@sound(
    "retransmissions (keep-alives repeat a byte)",
)
@seen(("tcp.analysis.keep_alive", ">1", ">1"), ("tcp.analysis.keep_alive_ack", ">1", ">1"))
def keep_alives(lab: Lab) -> str:
    """An idle connection is kept alive by TCP."""
    client = _connected(lab)
    _fetch(lab, client)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1)):
        client.setsockopt(socket.IPPROTO_TCP, option, value)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    lab.pause(lab.chance.uniform(4, 7))
    _fetch(lab, client)
    client.close()
    return "an idle connection with TCP keep-alives each second, all answered; then another request"


@sound("checksum errors, jumbo frames")
# Not the status: newer Wiresharks call a sum that the interface is to finish good.
@seen(("ip.len > 1500", "*", ">0"), ("tcp.checksum != tcp.checksum_calculated", ">0", ">0"))
def offloads(lab: Lab) -> str:
    """Captured on hosts that leave sums and segmentation to the interface: wrong sums, packets above the MTU."""
    client = _connected(lab, lab.chance.randint(100, 400) * 1000, wire=None, is_offloading=True)
    _fetch(lab, client, 3)
    client.close()
    return "the hosts leave checksums and segmentation to their interfaces: what they send shows wrong sums and giants"


@sound(
    "connection reset",
    admits="reset-by-peer",
)
@seen(("tcp.flags.reset == 1", ">0", ">0"), ("http.response", ">0", ">0"))
def reset_at_close(lab: Lab) -> str:
    """The client closes with RST after the whole answer, as many programs do."""
    client = _connected(lab)
    _fetch(lab, client, lab.chance.randint(1, 4))
    apps.abort(client)
    lab.pause(0.3)
    return "after the whole answer the client ends the connection by RST: nothing is lost"


@sound("slow network", admits="slow-network")
@seen(*QUIET)
def far_away(lab: Lab) -> str:
    """Another continent: 150 to 240 ms, steady; the server answers at once."""
    client = _connected(lab, lab.chance.randint(1, 10) * 1000, wire=_wire(lab, 0.075, 0.12))
    _fetch(lab, client, 4)
    client.close()
    lab.pause(0.6)
    return "a steady RTT of a long way; all is answered within one round trip"


@sound(
    "loss, retransmission",
    admits="reordering",
)
@seen(("tcp.analysis.out_of_order || tcp.analysis.lost_segment || tcp.analysis.duplicate_ack", ">0", "*"))
def reordered_a_little(lab: Lab) -> str:
    """A few segments are overtaken by one or two, without a resend."""
    delay = round(lab.chance.uniform(0.004, 0.02), 4)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay, late=0.03, late_by=0.0015)))
    lab.server.serve(9000, apps.source(300_000, pace=0.01, piece=2900))
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(len(apps.drain(client)) == 300_000 and lab.wire and lab.wire.did["late"] > 1, "some are late")
    client.close()
    return "a few segments are overtaken by their neighbour; none is lost"


@sound("slow server (40 ms)")
@seen(*QUIET)
def delayed_acks(lab: Lab) -> str:
    """The receiver waits before it acknowledges a lone segment."""
    lab.build(wire=_wire(lab))
    lab.server.serve(9000, apps.sink)
    client = lab.client.tcp(lab.server.address, 9000)
    for _ in range(lab.chance.randint(5, 12)):
        client.sendall(apps.filling(lab.chance.randint(20, 300)))
        lab.pause(lab.chance.uniform(0.06, 0.2))
    client.shutdown(socket.SHUT_WR)
    lab.must(apps.drain(client) == b"done\n", "all comes")
    client.close()
    return "lone small segments, acknowledged up to 40 ms later, as TCP does"


@sound("the server hangs; the connection is half dead")
@seen(*QUIET)
def half_closed(lab: Lab) -> str:
    """The client ends its half and the answer comes all the same."""
    lab.build(wire=_wire(lab))

    def slowly(connection: socket.socket) -> None:
        apps.drain(connection)
        apps.source(40_000, pace=0.1, piece=4000)(connection)

    lab.server.serve(9000, slowly)
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(len(apps.upload(client, lab.chance.randint(2, 30) * 1000)) == 40_000, "the answer comes")
    client.close()
    return "the client sends FIN after its question; the answer of 40,000 bytes streams for a second after it, then FIN"


@sound("routing fault")
@seen(("icmp.type == 5", ">0", "*"), *QUIET)
def redirected(lab: Lab) -> str:
    """A router tells the client of a shorter way by ICMP redirect, and forwards all the same."""
    lab.build()
    near = lab.client.address.rsplit(".", 1)[0]
    spaces.batch([f"addr add {near}.2/24 dev rc"], lab.router.space)
    spaces.sysctl(lab.router.space, {f"ipv4/conf/{name}/send_redirects": 1 for name in ("all", "rc", "default")})
    spaces.batch([f"route add 10.77.0.0/24 via {near}.30"], lab.router.space)
    lab.server.serve(8080, apps.http())
    client = lab.client.tcp(lab.server.address, 8080)
    neighbour = lab.client.udp()
    spaces.batch([f"neigh add {near}.30 lladdr 02:00:00:00:00:30 dev rc"], lab.router.space)
    for _ in range(3):
        neighbour.sendto(b"news", ("10.77.0.9", 5000))
        _fetch(lab, client)
        lab.pause(0.2)
    client.close()
    return "the router sends ICMP redirects for another subnet; all connections are healthy"


@sound(
    "zero window: the receiver is overloaded",
    admits="zero-window",
)
@seen(("tcp.window_size_value == 0 && tcp.flags.reset == 0", ">0", ">0"))
def window_dips(lab: Lab) -> str:
    """The receiver's window is 0 for a moment, and opens before any probe."""
    lab.build(wire=_wire(lab, 0.001, 0.004))
    # An ACK that is 40 ms late would come after the reading, and not tell that the window was full.
    spaces.batch([f"route replace default via {lab.far_side} quickack 1"], lab.server.space)
    pace = lab.chance.uniform(0.01, 0.02)

    def reading(connection: socket.socket) -> None:
        while connection.recv(16384):
            lab.pause(pace)
        connection.sendall(b"done\n")
        connection.close()

    lab.server.serve(9000, reading, begin=lambda made: made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384))
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(apps.upload(client, 300_000) == b"done\n", "all comes")
    client.close()
    return (
        "the receiver's window touches 0 for some milliseconds, time and again: it reads a little slower than it gets"
    )


@sound(
    "zero window: the receiver is dead",
    admits="zero-window",
)
@seen(("tcp.window_size_value == 0 && tcp.flags.reset == 0", ">0", ">0"))
def window_recovers(lab: Lab) -> str:
    """The receiver pauses, is probed once or twice, and goes on: true to tell, whether it is a fault is for people."""
    lab.build(wire=_wire(lab, 0.001, 0.004))
    lab.may_resend = True
    wait = lab.chance.uniform(0.3, 0.6)
    held = threading.Event()

    def pausing(connection: socket.socket) -> None:
        connection.recv(1000)
        held.wait(wait)
        apps.sink(connection)

    lab.server.serve(9000, pausing, begin=lambda made: made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192))
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(apps.upload(client, 80_000) == b"done\n", "all comes")
    client.close()
    return f"the receiver pauses for {wait:.1f} s: window 0, one or two probes, then all comes"


@sound("packet loss")
@seen(*QUIET)
def acks_lost(lab: Lab) -> str:
    """Some pure ACKs are lost; later ones cover them, nothing is sent again."""
    lab.build(wire=_wire(lab, 0.002, 0.01))
    lab.forward("tcp dport 9000 meta length < 72 ct original packets > 6 numgen inc mod 10 == 0 counter name hit drop")
    lab.server.serve(9000, apps.source(lab.chance.randint(300, 600) * 1000))
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(len(apps.drain(client)) > 200_000 and lab.hits() > 4, "ACKs are lost")
    client.close()
    return f"{lab.hits()} pure ACKs are lost, and no data: later ACKs cover them"


@sound("PMTU black hole; loss", admits={"client": "loss", "server": "", "both": ""})
@seen(("icmp.type == 3 && icmp.code == 4", "=0", ">0"))
def pmtu_discovered(lab: Lab) -> str:
    """A router says what fits, and the sender obeys."""
    mtu, hop = lab.chance.choice([(9001, 1500), (9001, 8500), (1500, 1400)])
    lab.may_resend = True
    client = _connected(lab, lab.chance.randint(20, 60) * 1000, mtu=mtu, hops=(hop, 0))
    _fetch(lab, client, 2)
    client.close()
    return f"the hop to the client takes {hop} of {mtu} bytes and says so (ICMP 3/4); the server obeys"


@sound("MSS clamp one way")
@seen(("tcp.options.mss_val == 1379", ">0", ">0"), *QUIET)
def clamped_both_ways(lab: Lab) -> str:
    """An appliance clamps the MSS of both directions."""
    rule = (
        "tcp dport 8080 tcp flags & syn == syn tcp option maxseg size set 1379",
        "tcp sport 8080 tcp flags & syn == syn tcp option maxseg size set 1379",
    )
    client = _connected(lab, 20_000, mtu=lab.chance.choice([1500, 9001]), rules=chain("forward", *rule))
    _fetch(lab, client)
    client.close()
    return "the MSS of SYN and SYN-ACK is clamped to 1379, both ways: as it should be"


@sound("slow server: seconds without a packet")
@seen(*QUIET)
def client_idles(lab: Lab) -> str:
    """The user thinks between requests on one connection."""
    client = _connected(lab)
    for _ in range(3):
        _fetch(lab, client)
        lab.pause(lab.chance.uniform(1.5, 3.5))
    client.close()
    return "seconds pass between an answer and the next request: that is the user, each request is answered at once"


@sound("slow server; stalls")
@seen(*QUIET)
def events_streamed(lab: Lab) -> str:
    """A server that tells news when there are some (server-sent events)."""
    lab.build(wire=_wire(lab))

    def tell(connection: socket.socket) -> None:
        apps.head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in range(4):
            connection.sendall(b"data: %d\n\n" % number)
            lab.pause(lab.chance.uniform(0.5, 1.8))
        connection.close()

    lab.server.serve(8080, tell)
    client = lab.client.tcp(lab.server.address, 8080)
    client.sendall(apps.request("/events"))
    lab.must(b"data: 3" in apps.drain(client), "all comes")
    client.close()
    return "a stream of events with pauses: the head of the answer comes at once"


@sound(
    "the server closes: idle time-out of a middlebox",
    admits="idle-timeout",
)
@seen(("tcp.flags.fin == 1 && tcp.srcport == 8080", ">0", ">0"), ("tcp.flags.reset == 1", "=0", "=0"))
def server_closes_idle(lab: Lab) -> str:
    """The server ends an idle keep-alive connection by FIN, in order."""
    lab.build(wire=_wire(lab))
    keep = lab.chance.uniform(3, 6)

    def handle(connection: socket.socket) -> None:
        apps.head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        lab.pause(keep)
        connection.close()

    lab.server.serve(8080, handle)
    client = lab.client.tcp(lab.server.address, 8080)
    _fetch(lab, client)
    lab.must(client.recv(1) == b"", "the server ends it")
    client.close()
    lab.pause(0.2)
    return f"the server's keep-alive ends after {keep:.1f} s: FIN, answered by FIN, its TTL is the server's"


@sound(
    "packet loss; the network marks",
    admits={"both": "marks-changed", "client": "", "server": ""},
)
@seen(("ip.dsfield.ecn == 3", ">0", "=0"), *QUIET)
def congestion_marked(lab: Lab) -> str:
    """ECN at work: a router marks instead of dropping."""
    lab.build(wire=_wire(lab))
    lab.forward("tcp sport 9000 ip ecn ect0 numgen inc mod 40 == 7 counter name hit ip ecn set ce")
    for host in (lab.client, lab.server):
        spaces.sysctl(host.space, {"ipv4/tcp_ecn": 1})
    lab.server.serve(9000, apps.source(lab.chance.randint(200, 400) * 1000))
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(len(apps.drain(client)) > 100_000 and lab.hits() > 0, "some are marked")
    client.close()
    return f"a router marks {lab.hits()} packets CE instead of dropping them; none is lost"


@sound("refused; loss: many connections")
@seen(("tcp.flags == 2", ">15", ">15"), *QUIET)
def many_short_ones(lab: Lab) -> str:
    """Short connections one after the other, and some at once."""
    client = _connected(lab)
    client.close()
    for _ in range(lab.chance.randint(15, 30)):
        client = lab.client.tcp(lab.server.address, 8080)
        _fetch(lab, client)
        client.close()
    return "many short connections, all answered"
