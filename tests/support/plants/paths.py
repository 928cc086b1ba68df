"""What routes, MTUs and filters do to packets: black holes, clamps, handshakes cut off, refusals, loops, one way."""

from __future__ import annotations

import socket
from contextlib import suppress

from plants import apps, spaces
from plants.kinds import plant, seen
from plants.lab import Lab, Wire, chain
from plants.wire import Effect

NO_FRAG_NEEDED = chain("output", "icmp type destination-unreachable icmp code 4 counter name hit drop")
TIMES = (("tcp.analysis.retransmission", "*", ">2"), ("icmp.type == 3", "=0", "=0"))


def _hop(lab: Lab) -> tuple[int, int]:
    """(MTU of the ends, of the hop)."""
    return lab.chance.choice([(9001, 8500), (9001, 1500), (1500, 1400), (1500, 1446), (9001, 1500)])


def _delay(lab: Lab, most: float = 0.04) -> Wire:
    delay = round(lab.chance.uniform(0.002, most), 3)
    return Wire(Effect(delay=delay), Effect(delay=delay))


@plant(
    "pmtu-black-hole",
    "pmtu-black-hole",
    "pmtu-black-hole",
    admits={"both": "loss", "server": "", "client": ""},
    tempting="slow server (seen from the client); random loss",
)
@seen(*TIMES)
def pmtu_download(lab: Lab) -> str:
    """The client ends after some seconds: the sequence number of the server's answer tells what never came."""
    mtu, hop = _hop(lab)
    size = lab.chance.randint(4, 30) * 1000
    lab.build(mtu=mtu, hops=(hop, 0), wire=_delay(lab), rules=NO_FRAG_NEEDED)
    lab.server.serve(8080, apps.http(size))
    client = lab.client.tcp(lab.server.address, 8080)
    client.settimeout(lab.chance.uniform(5, 7))
    said = apps.outcome(lambda: apps.get(client))
    client.shutdown(socket.SHUT_WR)
    lab.pause(1.5)
    lab.must(said == "TimeoutError" and lab.hits() > 2, f"the answer is lost: {said}")
    return f"an answer of {size} bytes; the hop to the client takes {hop} of {mtu} bytes; its ICMP 3/4 is dropped"


@plant(
    "pmtu-black-hole",
    "",
    "pmtu-black-hole",
    admits={"client": "pmtu-black-hole"},
    tempting="slow server (the client's packets are the same)",
)
@seen(*TIMES)
def pmtu_download_cut(lab: Lab) -> str:
    """The capture ends while the client waits: its packets are those of a server that thinks."""
    mtu, hop = _hop(lab)
    lab.build(
        mtu=mtu, rules=chain("forward", f"ip saddr {lab.server.address} meta length > {hop} counter name hit drop")
    )
    lab.server.serve(8080, apps.http(20000))
    client = lab.client.tcp(lab.server.address, 8080)
    client.settimeout(lab.chance.uniform(4, 6))
    said = apps.outcome(lambda: apps.get(client))
    for tap in lab.taps["client"]:
        lab.must(tap.process and tap.process.poll() is None, "tcpdump runs")
    lab.must(said == "TimeoutError" and lab.hits() > 2, f"the answer is lost: {said}")
    return (
        f"a silent hop drops what is longer than {hop} bytes (ends: {mtu}); the client has nothing but the "
        "ACK of its request"
    )


@plant(
    "pmtu-black-hole",
    "pmtu-black-hole",
    "",
    "pmtu-black-hole",
    admits={"server": "pmtu-black-hole slow-client"},
    tempting="the server does not answer; random loss",
)
@seen(("tcp.analysis.retransmission", ">2", "*"), ("icmp.type == 3", "=0", "=0"))
def pmtu_upload(lab: Lab) -> str:
    """A small request passes before; then the client sends much."""
    mtu, hop = _hop(lab)
    lab.build(mtu=mtu, hops=(0, hop), wire=_delay(lab), rules=NO_FRAG_NEEDED)
    lab.server.serve(8080, apps.http(300))
    client = lab.client.tcp(lab.server.address, 8080)
    apps.get(client)
    client.sendall(b"POST /up HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 60000\r\n\r\n" + apps.filling(60000))
    client.settimeout(lab.chance.uniform(4, 6))
    said = apps.outcome(lambda: apps.answer(client))
    lab.must(said == "TimeoutError" and lab.hits() > 2, f"the upload is lost: {said}")
    return f"an upload of 60,000 bytes; the hop to the server takes {hop} of {mtu} bytes; its ICMP 3/4 is dropped"


@plant(
    "pmtu-black-hole",
    "pmtu-black-hole",
    "pmtu-black-hole",
    admits={"client": "loss", "both": "loss"},
    tempting="packet loss; a slow server",
)
@seen(("icmp.type == 3", "=0", "=0"), ("tcp.len > 0 && ip.src == ip.src && tcp.srcport == 8080", ">3", ">5"))
def pmtu_shrinks(lab: Lab) -> str:
    """tcp_mtu_probing=1: the sender tries smaller segments after some silence, and they pass. The last segment is
    short and arrives at once: so the client knows that those before it were sent."""
    mtu, hop = lab.chance.choice([(9001, 1500), (1500, 1400), (1500, 1300)])
    lab.build(mtu=mtu, hops=(hop, 0), wire=_delay(lab, 0.01), rules=NO_FRAG_NEEDED)
    spaces.sysctl(lab.server.space, {"ipv4/tcp_mtu_probing": 1, "ipv4/tcp_retries1": 2, "ipv4/tcp_base_mss": 536})
    body = lab.chance.randint(2, 6) * (mtu - 52) + lab.chance.randint(200, 500)
    lab.server.serve(8080, apps.http(body))
    client = lab.client.tcp(lab.server.address, 8080)
    client.settimeout(40)
    status, size = apps.get(client)
    client.close()
    lab.must(status == 200 and size == body and lab.hits() > 1, "the answer comes late")
    return (
        f"the hop to the client takes {hop} of {mtu} bytes and hides it; after some seconds the server "
        "shrinks and all passes"
    )


@plant("mss-clamp-one-way", "", "", "mss-clamp-one-way", tempting="healthy: each point alone sees a usual handshake")
def mss_clamp_one_way(lab: Lab) -> str:
    """Only SYN-ACKs, or only SYNs, are clamped on the way."""
    clamp = lab.chance.choice([1379, 1406, 1300])
    mtu = lab.chance.choice([1500, 9001])
    port = lab.chance.choice(["tcp sport 8080", "tcp dport 8080"])
    rule = f"{port} tcp flags & syn == syn tcp option maxseg size set {clamp} counter name hit"
    lab.build(mtu=mtu, wire=_delay(lab), rules=chain("forward", rule))
    lab.server.serve(8080, apps.http(900))
    client = lab.client.tcp(lab.server.address, 8080)
    lab.must(apps.get(client)[0] == 200 and lab.hits() == 1, "one MSS is clamped")
    client.close()
    which = "SYN-ACK" if "sport" in port else "SYN"
    return (
        f"the MSS of the {which} is {mtu - 40} where it leaves and {clamp} where it arrives; the other way it "
        "is untouched"
    )


def _handshake(lab: Lab, rule: str) -> str:
    """A connection whose packets are dropped by ``rule``, beside one to port 8081 that lives; how the first ends."""
    lab.build(wire=_delay(lab), rules=chain("forward", f"{rule} counter name hit drop"))
    lab.server.serve(8080, apps.http())
    lab.server.serve(8081, apps.http())
    healthy = lab.client.tcp(lab.server.address, 8081)
    apps.get(healthy)
    healthy.close()
    said = apps.outcome(lambda: lab.client.tcp(lab.server.address, 8080, lab.chance.uniform(4.2, 6.5)))
    lab.must(lab.hits() > 1, "packets are dropped")
    return said


@plant(
    "syn-unanswered",
    "syn-unanswered",
    "healthy",
    tempting="the server is slow; nothing listens",
)
@seen(("tcp.flags == 2 && tcp.dstport == 8080", ">2", "=0"))
def syn_dropped(lab: Lab) -> str:
    """As a security group drops what it does not allow."""
    said = _handshake(lab, "tcp dport 8080")
    lab.must(said == "TimeoutError", said)
    return "SYNs to port 8080 are dropped before the server; port 8081 works"


@plant(
    "syn-unanswered",
    "syn-unanswered",
    "healthy",
    tempting="packet loss everywhere (the SYNs' retransmissions)",
)
@seen(("tcp.flags == 2", ">6", "*"), ("icmp", "=0", "=0"))
def syn_one_dead_target(lab: Lab) -> str:
    """One of several targets is not there; the others answer."""
    dead = lab.server.address.rsplit(".", 1)[0] + ".99"
    lab.build(wire=_delay(lab), rules=chain("output", "icmp type destination-unreachable counter name hit drop"))
    lab.server.serve(443, apps.http())
    for _ in range(lab.chance.randint(3, 6)):
        client = lab.client.tcp(lab.server.address, 443)
        apps.get(client)
        client.close()
    waiting = [lab.client.socket() for _ in range(lab.chance.randint(2, 4))]
    for each in waiting:
        each.setblocking(False)
        with suppress(BlockingIOError):
            each.connect((dead, 443))
    lab.pause(4.5)
    return f"{len(waiting)} connections to {dead}, where nobody is; those to {lab.server.address} are healthy"


@plant(
    "synack-unanswered",
    "syn-unanswered",
    "synack-unanswered",
    "synack-unanswered",
    admits={"both": "syn-unanswered"},
    tempting="the server is down (from the client); the client is gone (from the server)",
)
@seen(("tcp.flags == 0x12 && tcp.srcport == 8080", "=0", ">1"), ("tcp.flags == 2 && tcp.dstport == 8080", ">2", ">2"))
def synack_dropped(lab: Lab) -> str:
    """As a network ACL drops the way back."""
    said = _handshake(lab, "tcp sport 8080 tcp flags & (syn|ack) == (syn|ack)")
    lab.must(said == "TimeoutError", said)
    return "the server answers each SYN, its SYN-ACKs are dropped on the way back"


@plant(
    "ack-unanswered",
    "ack-unanswered",
    "synack-unanswered|ack-unanswered",
    "ack-unanswered",
    admits={"both": "synack-unanswered loss"},
    tempting="the server does not answer the request",
)
@seen(
    ("tcp.flags == 0x12 && tcp.srcport == 8080", ">1", ">1"), ("tcp.flags.syn == 0 && tcp.dstport == 8080", ">2", "=0")
)
def ack_dropped(lab: Lab) -> str:
    """As a stateful device that saw only one direction."""
    rule = "tcp dport 8080 tcp flags & (syn|ack) == ack counter name hit drop"
    lab.build(wire=_delay(lab), rules=chain("forward", rule))
    lab.server.serve(8080, apps.http())
    client = lab.client.tcp(lab.server.address, 8080)
    client.settimeout(lab.chance.uniform(4.5, 6.5))
    said = apps.outcome(lambda: apps.get(client))
    lab.must(said == "TimeoutError" and lab.hits() > 3, said)
    return "after the SYN nothing of the client reaches the server: its ACK and its request are dropped"


@plant(
    "backlog-full",
    "syn-unanswered|backlog-full",
    "backlog-full",
    "backlog-full",
    admits={"both": "syn-unanswered", "server": "syn-unanswered"},
    tempting="the network loses SYNs",
)
@seen(("tcp.flags == 2", ">6", ">6"), ("tcp.flags == 0x12", ">0", ">0"))
def backlog_full(lab: Lab) -> str:
    """Nobody accepts: the first connections are in the queue, further SYNs are ignored by the server itself."""
    backlog = lab.chance.randint(1, 3)
    lab.build(wire=_delay(lab))
    lab.server.listen(8080, backlog)
    for _ in range(backlog + 1):
        lab.client.tcp(lab.server.address, 8080).sendall(apps.request())
        lab.pause(0.1)
    late = [lab.client.socket() for _ in range(lab.chance.randint(3, 5))]
    for each in late:
        each.setblocking(False)
        with suppress(BlockingIOError):
            each.connect((lab.server.address, 8080))
    lab.pause(4.5)
    overflows = spaces.run(lab.server.space, "nstat", "-az", "TcpExtListenDrops")
    lab.must("TcpExtListenDrops                0 " not in overflows, f"the queue overflows: {overflows}")
    return (
        f"listen({backlog}) and no accept: {backlog + 1} connections are taken, {len(late)} ignored by the "
        "server's own host"
    )


@plant(
    "refused",
    "refused",
    "refused",
    tempting="a firewall",
)
@seen(("tcp.flags == 0x14 && ip.ttl == 63", ">0", "*"), ("tcp.flags == 0x14 && ip.ttl == 64", "*", ">0"))
def refused_by_host(lab: Lab) -> str:
    """Nothing listens; another port of the host answers, so that its TTL is known."""
    lab.build(wire=_delay(lab))
    lab.server.serve(8081, apps.http())
    healthy = lab.client.tcp(lab.server.address, 8081)
    apps.get(healthy)
    healthy.close()
    for _ in range(lab.chance.randint(1, 4)):
        said = apps.outcome(lambda: lab.client.tcp(lab.server.address, 8080))
        lab.must(said == "ConnectionRefusedError", said)
    return "nothing listens on port 8080: the host's own RST has the TTL of its other packets"


@plant(
    "refused",
    "refused",
    "healthy",
    admits={"client": "reset-by-middlebox", "both": "reset-by-middlebox"},
    tempting="nothing listens on the server",
)
@seen(("tcp.flags == 0x14 && ip.ttl == 64", ">0", "=0"), ("tcp.flags == 2 && tcp.dstport == 8080", ">0", "=0"))
def refused_by_firewall(lab: Lab) -> str:
    """A router on the way answers SYNs with RST in the server's name."""
    lab.build(wire=_delay(lab), rules=chain("forward", "tcp dport 8080 counter name hit reject with tcp reset"))
    for port in (8080, 8081):
        lab.server.serve(port, apps.http())
    healthy = lab.client.tcp(lab.server.address, 8081)
    apps.get(healthy)
    healthy.close()
    said = apps.outcome(lambda: lab.client.tcp(lab.server.address, 8080))
    lab.must(said == "ConnectionRefusedError" and lab.hits() > 0, said)
    return (
        "a router rejects port 8080 with RST: its TTL is one higher than that of the server's packets; the "
        "server sees none of it"
    )
