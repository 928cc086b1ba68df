"""What devices and programs that keep state do: idle time-outs, NAT, resets, zero windows."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from plants import apps, spaces
from plants.kinds import plant, seen, takes
from plants.lab import Lab, Wire, chain
from plants.wire import Effect

IDLE_TIMES = (350, 20, 60)
"""Seconds: those of a NAT gateway, and shorter ones, so that not only known numbers are found."""


def _delay(lab: Lab, most: float = 0.03) -> Wire:
    delay = round(lab.chance.uniform(0.001, most), 4)
    return Wire(Effect(delay=delay), Effect(delay=delay))


def _idle(lab: Lab, verdict: str) -> tuple[int, str]:
    """(seconds after which the router forgets, what became of the idle connection). A busy one lives all the time."""
    forgets = IDLE_TIMES[lab.seed % len(IDLE_TIMES)]
    lab.build(wire=_delay(lab))
    loose = {"tcp_timeout_established": forgets, "tcp_loose": 0}
    spaces.sysctl(lab.router.space, {f"netfilter/nf_conntrack_{name}": value for name, value in loose.items()})
    lab.forward(f"ct state invalid counter name hit {verdict}")
    lab.server.serve(5432, apps.http(400))
    idle, busy = lab.client.tcp(lab.server.address, 5432), lab.client.tcp(lab.server.address, 5432)
    for _ in range(3):
        apps.get(idle)
        lab.pause(0.2)
    for _ in range(7):
        apps.get(busy)
        lab.pause((forgets + 4) / 7)
    idle.settimeout(6)
    said = apps.outcome(lambda: apps.get(idle))
    lab.must(apps.get(busy)[0] == 200 and lab.hits() > 0, "the busy connection lives, the idle one is forgotten")
    return forgets, said


@plant(
    "idle-timeout",
    "idle-timeout",
    "",
    "idle-timeout",
    tempting="the server is slow or down; packet loss",
)
@takes(370)
@seen(("tcp.analysis.retransmission", ">2", "=0"))
def idle_silent(lab: Lab) -> str:
    """A stateful device forgets an idle connection and drops what comes then, as a Gateway Load Balancer."""
    forgets, said = _idle(lab, "drop")
    lab.must(said == "TimeoutError", said)
    return f"a device on the way forgets a connection after {forgets} s and drops its packets; a busy connection lives"


@plant(
    "idle-timeout",
    "idle-timeout",
    "",
    "idle-timeout",
    admits={"client": "reset-by-middlebox", "both": "reset-by-middlebox"},
    tempting="the server reset the connection",
)
@takes(370)
@seen(("tcp.flags.reset == 1 && ip.ttl == 64 && ip.dst == 10.0.0.0/8", ">0", "=0"))
def idle_reset(lab: Lab) -> str:
    """The same with a RST, as a NAT gateway: its TTL is not the server's."""
    forgets, said = _idle(lab, "reject with tcp reset")
    lab.must(said == "ConnectionResetError", said)
    return (
        f"a device on the way forgets a connection after {forgets} s and answers with RST (TTL 64, the server's is 63)"
    )


@plant(
    "nat-ports-exhausted",
    "nat-ports-exhausted|syn-unanswered",
    "healthy",
    "nat-ports-exhausted",
    admits={"client": "nat-ports-exhausted syn-unanswered", "both": "syn-unanswered"},
    tempting="the server's queue is full; packet loss",
)
@seen(("tcp.flags == 2 && tcp.dstport == 8080", ">8", "*"), ("tcp.srcport >= 2000 && tcp.srcport < 2010", "=0", ">8"))
def nat_exhausted(lab: Lab) -> str:
    """A NAT with few ports: connections live, further ones to the same address wait, to another they succeed."""
    ports = lab.chance.randint(4, 7)
    snat = f'oifname "rs" ip protocol tcp snat to {lab.far_side}:2000-{1999 + ports}'
    lab.build(wire=_delay(lab), rules=chain("postrouting", snat, kind="nat", priority="100"))
    lab.server.serve(8080, apps.http(700))
    lab.server.serve(8081, apps.http(700))
    held = [lab.client.tcp(lab.server.address, 8080) for _ in range(ports)]
    waiting = [lab.client.socket() for _ in range(lab.chance.randint(2, 4))]
    for each in waiting:
        each.setblocking(False)
        with suppress(BlockingIOError):
            each.connect((lab.server.address, 8080))
    for _ in range(5):
        for each in held:
            apps.get(each)
        lab.pause(0.9)
    other = lab.client.tcp(lab.server.address, 8081)
    lab.must(apps.get(other)[0] == 200, "another destination is reached")
    with_error = [each for each in waiting if not _is_connected(each)]
    lab.must(len(with_error) == len(waiting), "new connections wait")
    return (
        f"a NAT with {ports} ports: {ports} connections to port 8080 live, {len(waiting)} more get no answer, "
        "port 8081 is reached"
    )


def _is_connected(each: socket.socket) -> bool:
    with suppress(OSError):
        each.getpeername()
        return True
    return False


WINDOW = (("tcp.window_size_value == 0 && tcp.flags.reset == 0", ">1", ">1"),)


def _small_buffer(made: socket.socket) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)


@plant("zero-window", "zero-window", "zero-window", tempting="slow network; keep-alives (the probes)")
@seen(*WINDOW)
def zero_window_upload(lab: Lab) -> str:
    """The server's program does not read for some seconds, then goes on."""
    stall = lab.chance.uniform(1.5, 5)
    lab.build(wire=_delay(lab))
    held = threading.Event()

    def stalling(connection: socket.socket) -> None:
        connection.recv(4096)
        held.wait(stall)
        apps.sink(connection)

    lab.server.serve(9000, stalling, begin=_small_buffer)
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(apps.upload(client, lab.chance.randint(60, 200) * 1000) == b"done\n", "the upload ends well")
    client.close()
    return f"the server's program reads nothing for {stall:.1f} s: its window is 0; then the upload ends well"


@plant("zero-window", "zero-window", "zero-window", tempting="keep-alives of a healthy idle connection")
@seen(*WINDOW)
def zero_window_dead(lab: Lab) -> str:
    """The client asks and never reads."""
    lab.build(wire=_delay(lab))
    lab.server.serve(8080, apps.http(lab.chance.randint(100, 400) * 1000))
    client = lab.client.tcp(lab.server.address, 8080, begin=_small_buffer)
    client.sendall(apps.request())
    lab.pause(lab.chance.uniform(6, 10))
    return "the client's program never reads the answer: its window is 0 until the end of the file"


@plant(
    "reset-by-middlebox",
    "reset-by-middlebox",
    "reset-by-middlebox",
    tempting="the peer reset the connection",
)
@seen(
    ("tcp.flags.reset == 1 && ip.ttl == 64 && tcp.srcport == 8080", ">0", "=0"),
    ("tcp.flags.reset == 1 && ip.ttl == 64 && tcp.dstport == 8080", "=0", ">0"),
)
def reset_in_the_middle(lab: Lab) -> str:
    """A device ends a living connection at both ends."""
    packets = lab.chance.randint(12, 40)
    rules = chain(
        "forward",
        f"tcp dport 8080 ct original packets > {packets} counter name hit reject with tcp reset",
        f"tcp sport 8080 ct original packets > {packets} reject with tcp reset",
    )
    lab.build(wire=_delay(lab), rules=rules)
    lab.server.serve(8080, apps.source(60000, pace=0.05, piece=400))
    client = lab.client.tcp(lab.server.address, 8080)
    said = apps.outcome(lambda: apps.drain(client))
    lab.must(said == "ConnectionResetError" and lab.hits() > 0, said)
    lab.pause(0.5)
    return (
        f"after {packets} packets of the client a router answers each end with RST (TTL 64; the ends' packets "
        "arrive with 63)"
    )


@plant(
    "reset-by-middlebox",
    "reset-by-middlebox",
    "",
    "reset-by-middlebox",
    tempting="the server reset the connection",
)
@seen(("tcp.flags.reset == 1 && ip.ttl == 64 && tcp.srcport == 8080", ">0", "=0"), ("http.request", ">0", "=0"))
def reset_by_content(lab: Lab) -> str:
    """A filter reads the request and answers it with RST; the server sees a handshake and nothing more."""
    get = "tcp dport 8080 @th,256,32 0x47455420 counter name hit reject with tcp reset"
    lab.build(wire=_delay(lab), rules=chain("forward", get))
    lab.server.serve(8080, apps.http())
    client = lab.client.tcp(lab.server.address, 8080)
    said = apps.outcome(lambda: apps.get(client))
    lab.must(said == "ConnectionResetError" and lab.hits() == 1, said)
    lab.pause(1)
    return "a router answers the request with RST in the server's name (TTL 64, the SYN-ACK had 63)"


RESET = (
    ("tcp.flags.reset == 1 && ip.ttl == 63 && tcp.srcport == 8080", "=1", "=0"),
    ("tcp.flags.reset == 1 && ip.ttl == 64", "=0", ">0"),
)


@plant("reset-by-peer", "reset-by-peer", "reset-by-peer", tempting="a firewall reset it")
@seen(*RESET)
def reset_by_server(lab: Lab) -> str:
    """The server's program dies amid its answer."""
    part = lab.chance.randint(1000, 40000)
    lab.build(wire=_delay(lab))

    def dying(connection: socket.socket) -> None:
        apps.head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + apps.filling(part))
        lab.pause(0.3)
        apps.abort(connection)

    lab.server.serve(8080, dying)
    client = lab.client.tcp(lab.server.address, 8080)
    said = apps.outcome(lambda: apps.get(client))
    lab.must(said == "ConnectionResetError", said)
    return f"the server's host itself sends RST after {part} of 90,000 bytes: TTL as that of its other packets"


@plant(
    "one-direction",
    "healthy",
    "one-direction",
    "one-direction",
    tempting="the server never answers; lost packets",
)
@seen(("tcp.dstport == 8080", ">4", ">4"), ("tcp.srcport == 8080", ">4", "=0"), ("tcp.port == 8081", ">6", ">6"))
def asymmetric(lab: Lab) -> str:
    """The way back leaves by the server's other interface; a second client's flows use one interface both ways."""
    lab.build(wire=_delay(lab))
    near, far = lab.client.address.rsplit(".", 1)[0], lab.server.address.split(".")[1]
    spaces.batch([f"link add rs2 netns {lab.router.space} type veth peer name e1 netns {lab.server.space}"])
    spaces.batch([f"addr add {near}.11/24 dev e0"], lab.client.space)
    spaces.batch([f"addr add 10.{far}.3.1/24 dev rs2", "link set rs2 up"], lab.router.space)
    ways = [f"route add {near}.10/32 via 10.{far}.3.1", f"route add {near}.11/32 via {lab.far_side}"]
    spaces.batch([f"addr add 10.{far}.3.20/24 dev e1", "link set e1 up", *ways], lab.server.space)
    lab.server.serve(8080, apps.http(lab.chance.randint(2, 20) * 1000))
    lab.server.serve(8081, apps.http())
    for _ in range(lab.chance.randint(1, 4)):
        client = lab.client.tcp(lab.server.address, 8080, begin=lambda made: made.bind((f"{near}.10", 0)))
        other = lab.client.tcp(lab.server.address, 8081, begin=lambda made: made.bind((f"{near}.11", 0)))
        lab.must(apps.get(client)[0] == 200 and apps.get(other)[0] == 200, "both work")
        client.close()
        other.close()
    return (
        "the server's packets to one client leave by another interface: at this one only the client's are "
        "seen, and they acknowledge what is not in the file"
    )
