"""Faults of DNS, and of HTTP through a proxy."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from typing import Any

from plants import apps, messages
from plants.kinds import plant, seen
from plants.lab import Lab, Wire, chain
from plants.wire import Effect

NAMES = ("db.internal", "api.shop.example", "s3.eu-west-1.example", "queue.internal")


def resolver(lab: Lab, reply: Callable[..., Any], *, rules: str = "") -> None:
    delay = round(lab.chance.uniform(0.0005, 0.03), 4)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)), rules=rules)
    lab.server.answer(53, reply)


def ask(lab: Lab, name: str, number: int, seconds: float = 5.0) -> bytes:
    """The answer; b"" if there is none within ``seconds``."""
    asker = lab.client.udp()
    asker.settimeout(seconds)
    asker.sendto(messages.question(name, number), (lab.server.address, 53))
    try:
        return asker.recv(4096)
    except TimeoutError:
        return b""


@plant(
    "dns-unanswered",
    "dns-unanswered",
    "dns-unanswered",
    tempting="the web server is down",
)
@seen(("dns.flags.response == 0", ">2", ">2"), ("dns.flags.response == 1", "=0", "=0"))
def dns_silent(lab: Lab) -> str:
    """The resolver is there and says nothing."""
    resolver(lab, lambda query, number: None)
    for number in range(1, 3):
        name = lab.chance.choice(NAMES)
        for _ in range(2):
            ask(lab, name, number, 1.6)
    return "four queries, no answer"


@plant(
    "dns-unanswered",
    "dns-unanswered",
    "healthy",
    tempting="all DNS is down",
)
@seen(("dns.flags.response == 0 && ip.dst == 10.0.0.0/8", ">3", "*"), ("dns.flags.response == 1", ">1", ">1"))
def dns_one_of_two(lab: Lab) -> str:
    """The first resolver of the list is dead (its packets are dropped); the second answers each time."""
    dead = lab.server.address.rsplit(".", 1)[0] + ".53"
    resolver(
        lab,
        lambda query, number: messages.reply(query, "10.9.9.9"),
        rules=chain("forward", f"ip daddr {dead} counter name hit drop"),
    )
    for number in range(1, lab.chance.randint(4, 6)):
        query = messages.question(lab.chance.choice(NAMES), number)
        asker = lab.client.udp()
        asker.sendto(query, (dead, 53))
        lab.pause(lab.chance.uniform(1, 1.6))
        asker.sendto(query, (lab.server.address, 53))
        lab.must(asker.recv(512), "the second answers")
    lab.must(lab.hits() > 2, "the first hears nothing")
    return f"{dead} answers none of {lab.hits()} queries, {lab.server.address} all"


@plant(
    "dns-servfail",
    "dns-servfail",
    "dns-servfail",
    tempting="the name does not exist",
)
@seen(("dns.flags.rcode == 2", ">1", ">1"))
def dns_servfail(lab: Lab) -> str:
    """The resolver itself got no answer."""
    wait = lab.chance.uniform(0, 1.5)

    def reply(query: bytes, number: int) -> bytes:
        lab.pause(wait)
        return messages.reply(query, rcode=2)

    resolver(lab, reply)
    for number in range(1, lab.chance.randint(3, 5)):
        lab.must(ask(lab, "orders.internal", number), "it answers")
    return f"SERVFAIL for orders.internal after {wait:.1f} s, each time"


@plant(
    "dns-nxdomain",
    "dns-nxdomain",
    "dns-nxdomain",
    tempting="the resolver fails",
)
@seen(("dns.flags.rcode == 3", ">1", ">1"), ("dns.flags.rcode == 0 && dns.flags.response == 1", ">0", ">0"))
def dns_nxdomain(lab: Lab) -> str:
    """A name that is not there, with and without search list; another resolves."""
    resolver(
        lab,
        lambda query, number: (
            messages.reply(query, "10.9.9.9") if b"\x03api" in query else messages.reply(query, rcode=3)
        ),
    )
    lab.must(ask(lab, "api.shop.example", 1), "a name resolves")
    for number, name in enumerate(
        ["databse.internal.eu-west-1.compute.internal", "databse.internal"] * lab.chance.randint(1, 3), 2
    ):
        lab.must(ask(lab, name, number), "it answers")
    return "NXDOMAIN for databse.internal, also without the search list; api.shop.example resolves"


@plant(
    "dns-rate-limited",
    "dns-rate-limited|dns-unanswered",
    "healthy",
    "dns-rate-limited|dns-unanswered",
    admits={"client": "dns-unanswered dns-rate-limited", "both": "dns-unanswered dns-rate-limited loss policer"},
    tempting="the resolver is down; packet loss",
)
@seen(("dns.flags.response == 0", ">200", "*"), ("dns.flags.response == 1", ">50", ">50"))
def dns_rate_limited(lab: Lab) -> str:
    """As of the VPC's resolver: above a number of packets a second the rest is dropped, below it all is well."""
    rate, fast = lab.chance.choice([30, 50]), lab.chance.choice([150, 250])
    resolver(
        lab,
        lambda query, number: messages.reply(query, "10.9.9.9"),
        rules=chain(
            "forward", f"udp dport 53 limit rate over {rate}/second burst {rate // 2} packets counter name hit drop"
        ),
    )
    asker = lab.client.udp()
    asked = itertools.chain(lab.paced(10, 20), lab.paced(fast, 3 * fast))
    for number, _ in enumerate(asked, 1):
        asker.sendto(messages.question(f"h{number % 40}.internal", number), (lab.server.address, 53))
    lab.pause(1)
    lab.must(lab.hits() > fast, "queries are dropped")
    return (
        f"all is answered at 10 queries a second; at {fast} a second about {rate} are, the rest "
        f"({lab.hits()}) is dropped before the resolver"
    )


@plant(
    "dns-truncated",
    "dns-truncated",
    "dns-truncated",
    tempting="healthy: each query is answered",
)
@seen(("dns.flags.truncated == 1 && dns.flags.response == 1", ">1", ">1"), ("tcp", "=0", "=0"))
def dns_truncated(lab: Lab) -> str:
    """The answer is cut off, and the client does not ask by TCP."""
    resolver(lab, lambda query, number: messages.reply(query, is_cut=True))
    for number in range(1, lab.chance.randint(3, 6)):
        lab.must(ask(lab, "many.internal", number), "it answers")
        lab.pause(lab.chance.uniform(1, 1.8))
    return "answers with TC=1 and no query by TCP after them"


@plant(
    "dns-truncated",
    "dns-truncated",
    "dns-truncated|healthy",
    admits={"client": "syn-unanswered", "both": "syn-unanswered", "server": "dns-truncated"},
    tempting="the resolver does not answer",
)
@seen(
    ("dns.flags.truncated == 1 && dns.flags.response == 1", ">0", ">0"),
    ("tcp.flags == 2 && tcp.dstport == 53", ">2", "=0"),
)
def dns_tcp_blocked(lab: Lab) -> str:
    """The client asks by TCP then, which a rule that allows only UDP 53 drops."""
    resolver(
        lab,
        lambda query, number: messages.reply(query, is_cut=True),
        rules=chain("forward", "tcp dport 53 counter name hit drop"),
    )
    lab.must(ask(lab, "many.internal", 1), "it answers")
    said = apps.outcome(lambda: lab.client.tcp(lab.server.address, 53, lab.chance.uniform(4.2, 6)))
    lab.must(said == "TimeoutError" and lab.hits() > 2, said)
    return "an answer with TC=1; the SYNs to TCP 53 that follow are dropped before the resolver"


class Proxy:
    """A reverse proxy in the router's namespace that keeps connections to its target, as load balancers do."""

    def __init__(self, lab: Lab, patience: float) -> None:
        self.lab, self.patience = lab, patience
        self.target = lab.router.tcp(lab.server.address, 8080, patience)
        lab.router.serve(80, self.handle)

    def handle(self, connection: socket.socket) -> None:
        while apps.head_of(connection):
            connection.sendall(self.fetched())

    def fetched(self) -> bytes:
        """The target's answer, or the proxy's own. Linux gives the error of a RST at the next call."""
        try:
            status, size = apps.get(self.target)
        except TimeoutError:
            self.target.close()
            return self.own("504 Gateway Time-out")
        except OSError:
            status = 0
        if not status:
            return self.own("502 Bad Gateway")
        return f"HTTP/1.1 {status} OK\r\nServer: app\r\nContent-Length: {size}\r\n\r\n".encode() + apps.filling(size)

    @staticmethod
    def own(status: str) -> bytes:
        return f"HTTP/1.1 {status}\r\nServer: awselb/2.0\r\nContent-Length: 20\r\n\r\n".encode() + apps.filling(20)


@plant(
    "http-504",
    "http-504",
    "slow-server",
    "http-504",
    admits={"client": "slow-server", "server": "http-504", "both": "slow-server"},
    tempting="the network; the proxy is slow",
)
@seen(("http.response.code == 504", "=1", "=0"), ("http.request", ">1", ">1"))
def http_504(lab: Lab) -> str:
    """The target takes longer than the proxy waits."""
    patience = lab.chance.uniform(3, 6)
    lab.build()
    lab.server.serve(8080, apps.http(900, lambda number: 60 if number == 3 else 0.02))
    Proxy(lab, patience)
    client = lab.client.tcp(lab.router.address, 80)
    codes = [apps.get(client)[0] for _ in range(3)]
    client.close()
    lab.must(codes == [200, 200, 504], codes)
    return (
        f"the target acknowledges the third request and does not answer; after {patience:.1f} s the proxy "
        "says 504 in its own name (awselb/2.0)"
    )


@plant(
    "http-502",
    "http-502",
    "",
    "http-502",
    admits={"server": "http-502 reset-by-peer", "both": "reset-by-peer"},
    tempting="the server crashed; the network",
)
@seen(("http.response.code == 502", "=1", "=0"), ("tcp.flags.reset == 1 && tcp.srcport == 8080", "=0", ">0"))
def http_502(lab: Lab) -> str:
    """The target's keep-alive is shorter than the proxy's: a request meets its FIN."""
    delay, keep = 0.03, lab.chance.uniform(1, 2)
    lab.build()
    closing = threading.Event()

    def handle(connection: socket.socket) -> None:
        apps.head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        lab.pause(keep)
        connection.close()
        closing.set()

    lab.server.serve(8080, handle)
    Proxy(lab, 10)
    client = lab.client.tcp(lab.router.address, 80)
    codes = [apps.get(client)[0]]
    lab.must(closing.wait(30), "the target closes")
    codes.append(apps.get(client)[0])
    lab.pause(delay)
    lab.must(codes == [200, 502], codes)
    return (
        f"the target closes the idle connection after {keep:.1f} s, the proxy's next request meets that: RST, "
        "and 502 in the proxy's own name"
    )
