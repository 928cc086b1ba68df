"""Who says no by ICMP, and packets that go in circles."""

from __future__ import annotations

import socket

from plants import apps, spaces
from plants.kinds import plant, seen
from plants.lab import Lab, Wire, chain
from plants.wire import Effect


def _delay(lab: Lab) -> Wire:
    delay = round(lab.chance.uniform(0.001, 0.03), 4)
    return Wire(Effect(delay=delay), Effect(delay=delay))


def _refused(lab: Lab, reason: str) -> str:
    """A router refuses port 8080 by ICMP, port 8081 lives; what the client is told."""
    rule = f"tcp dport 8080 counter name hit reject with icmp type {reason}"
    lab.build(wire=_delay(lab), rules=chain("forward", rule))
    for port in (8080, 8081):
        lab.server.serve(port, apps.http())
    other = lab.client.tcp(lab.server.address, 8081)
    apps.get(other)
    other.close()
    return apps.outcome(lambda: lab.client.tcp(lab.server.address, 8080, lab.chance.uniform(3, 6)))


def _icmp(code: int) -> tuple[tuple[str, str, str], ...]:
    return ((f"icmp.type == 3 && icmp.code == {code}", ">0", "=0"), ("tcp.dstport == 8080 && !icmp", ">0", "=0"))


@plant(
    "icmp-refused",
    "icmp-refused",
    "healthy",
    admits={"client": "syn-unanswered", "both": "syn-unanswered"},
    tempting="nothing listens",
)
@seen(*_icmp(13))
def icmp_prohibited(lab: Lab) -> str:
    """An administrator's rule in a router."""
    said = _refused(lab, "admin-prohibited")
    lab.must(lab.hits() > 0, said)
    return (
        f"the router {lab.router.address} answers SYNs to port 8080 with ICMP 3/13, administratively "
        f"prohibited ({said})"
    )


@plant(
    "icmp-refused",
    "icmp-refused",
    "healthy",
    admits={"client": "syn-unanswered", "both": "syn-unanswered"},
    tempting="nothing listens on the server",
)
@seen(*_icmp(3))
def icmp_port_unreachable(lab: Lab) -> str:
    """The default of iptables REJECT: it reads as if the server had said it."""
    said = _refused(lab, "port-unreachable")
    lab.must(lab.hits() > 0, said)
    return f"the router {lab.router.address}, not the server, answers SYNs to port 8080 with ICMP 3/3 ({said})"


@plant(
    "icmp-refused",
    "icmp-refused",
    "healthy",
    admits={"client": "syn-unanswered", "both": "syn-unanswered"},
    tempting="a firewall drops it",
)
@seen(("icmp.type == 3 && icmp.code == 1", ">0", "=0"))
def icmp_host_unreachable(lab: Lab) -> str:
    """The router finds nobody with that address."""
    lab.build(wire=_delay(lab))
    dead = lab.server.address.rsplit(".", 1)[0] + ".99"
    lab.server.serve(8080, apps.http())
    other = lab.client.tcp(lab.server.address, 8080)
    apps.get(other)
    said = apps.outcome(lambda: lab.client.tcp(dead, 8080, 12))
    lab.must(said == "OSError", said)
    return f"nobody has the address {dead}: the router {lab.router.address} says ICMP 3/1, host unreachable"


@plant(
    "icmp-refused",
    "icmp-refused",
    "icmp-refused",
    tempting="packet loss",
)
@seen(("icmp.type == 3 && icmp.code == 3", ">0", ">0"))
def icmp_udp_port(lab: Lab) -> str:
    """Nothing listens on the UDP port: the host itself says so."""
    port = lab.chance.choice([514, 8125, 1813])
    lab.build(wire=_delay(lab))
    client = lab.client.udp()
    client.connect((lab.server.address, port))  # so that it is told of the ICMP, at its next call
    said = set()
    for _ in range(lab.chance.randint(2, 6)):
        said.add(apps.outcome(lambda: client.send(apps.filling(100))))
        lab.pause(0.3)
    lab.must("ConnectionRefusedError" in said, said)
    return f"nothing listens on UDP {port}: {lab.server.address} itself says ICMP 3/3"


@plant(
    "routing-loop",
    "routing-loop",
    "routing-loop",
    admits="syn-unanswered",
    tempting="traceroute; duplicates; a server that does not answer",
)
@seen(("icmp.type == 11 && icmp.code == 0", ">0", "*"), ("ip.dst == 10.0.0.0/8 && ip.ttl < 20 && !icmp", "=0", ">9"))
def routing_loop(lab: Lab) -> str:
    """Two routers send what is for a subnet to one another."""
    lab.build(wire=_delay(lab))
    far = lab.server.address.split(".")[1]
    spaces.batch([f"route add 10.{far}.9.0/24 via {lab.server.address}"], lab.router.space)
    if lab.chance.random() < 0.5:
        said = apps.outcome(lambda: lab.client.tcp(f"10.{far}.9.7", 443, 3.5))
        return (
            f"packets to 10.{far}.9.7 go in circles between {lab.server.address} and {lab.far_side} until their "
            f"TTL ends (TCP, {said})"
        )
    client = lab.client.socket(socket.SOCK_DGRAM)
    for _ in range(lab.chance.randint(3, 6)):
        client.sendto(apps.filling(200), (f"10.{far}.9.7", 5000))
        lab.pause(0.5)
    return (
        f"packets to 10.{far}.9.7 go in circles between {lab.server.address} and {lab.far_side} until their "
        "TTL ends (UDP)"
    )
