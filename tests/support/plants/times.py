"""Who is slow, and what queues and wires do: loss, policer, shaper, order, doubles, corruption."""

from __future__ import annotations

import socket
from collections.abc import Callable

from plants import apps, spaces
from plants.kinds import plant, seen
from plants.lab import Lab, Wire, chain
from plants.wire import Effect

DATA = "tcp.len > 0 && tcp.srcport == 9000"


def _delay(lab: Lab, least: float = 0.001, most: float = 0.03) -> float:
    return round(lab.chance.uniform(least, most), 4)


@plant(
    "slow-server",
    "slow-server",
    "slow-server",
    tempting="slow network; PMTU black hole",
)
@seen(("http.response", ">0", ">0"), ("tcp.analysis.retransmission", "=0", "=0"))
def slow_server(lab: Lab) -> str:
    """The request is acknowledged at once, the answer takes seconds; requests before were quick."""
    delay, think = _delay(lab), lab.chance.uniform(1.2, 6)
    slow = lab.chance.randint(1, 4)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)))
    lab.server.serve(
        8080, apps.http(lab.chance.randint(1, 30) * 1000, lambda number: think if number == slow else 0.01)
    )
    client = lab.client.tcp(lab.server.address, 8080)
    for _ in range(4):
        lab.must(apps.get(client)[0] == 200, "it answers")
    client.close()
    return f"request {slow} of 4 is acknowledged at once and answered after {think:.2f} s; RTT {2000 * delay:.0f} ms"


@plant(
    "slow-server",
    "slow-server",
    "slow-server",
    tempting="healthy; a slow client",
)
@seen(("http.request", "=1", "=1"), ("http.response", "=0", "=0"))
def server_never_answers(lab: Lab) -> str:
    """The request is acknowledged; the client gives up; the server's answer to its FIN shows that nothing was sent."""
    delay, patience = _delay(lab), lab.chance.uniform(4, 8)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)))
    lab.server.serve(8080, lambda connection: lab.pause(60))
    client = lab.client.tcp(lab.server.address, 8080)
    client.settimeout(patience)
    lab.must(apps.outcome(lambda: apps.get(client)) == "TimeoutError", "no answer")
    client.close()
    lab.pause(0.5)
    return (
        f"the request is acknowledged and not answered within {patience:.1f} s; the sequence number of the "
        "server's ACK of the FIN shows that it sent nothing"
    )


@plant(
    "slow-network",
    "slow-network",
    "slow-network",
    tempting="slow server",
)
@seen(("http.response", ">0", ">0"), ("tcp.analysis.ack_rtt > 0.4", ">0", ">0"))
def slow_network(lab: Lab) -> str:
    """Each round trip takes most of a second, for handshake and acknowledgements too."""
    delay = _delay(lab, 0.3, 0.46)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)))
    lab.server.serve(8080, apps.http(lab.chance.randint(1, 9) * 1000))
    for _ in range(2):
        client = lab.client.tcp(lab.server.address, 8080)
        lab.must(apps.get(client)[0] == 200, "it answers")
        client.close()
    lab.pause(2 * delay)
    return f"RTT {2000 * delay:.0f} ms from the SYN on; the server answers at once"


@plant(
    "slow-client",
    "slow-client",
    "slow-client",
    tempting="slow server; slow network",
)
@seen(("http.response", ">0", ">0"), ("tcp.time_delta > 1.4 && tcp.dstport == 8080 && tcp.len > 0", ">0", ">0"))
def slow_client(lab: Lab) -> str:
    """The client sends the first half of a request and the other half seconds later; the answer comes at once."""
    delay, wait = _delay(lab), lab.chance.uniform(1.5, 5)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)))
    lab.server.serve(8080, apps.http(3000))
    client = lab.client.tcp(lab.server.address, 8080)
    whole = apps.request("/order", "shop.example")
    half = lab.chance.randint(20, len(whole) - 6)
    client.sendall(whole[:half])
    lab.pause(wait)
    client.sendall(whole[half:])
    lab.must(apps.answer(client)[0] == 200, "it answers")
    client.close()
    return f"the client lets {wait:.1f} s pass amid its request; the server answers within one RTT"


def _download(lab: Lab, size: int, begin: Callable[[socket.socket], None] | None = None) -> None:
    lab.server.serve(9000, apps.source(size))
    client = lab.client.tcp(lab.server.address, 9000, begin=begin)
    client.settimeout(60)
    lab.must(len(apps.drain(client)) == size, "all comes")
    client.close()


RESENT = (("tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.out_of_order", ">0", ">2"),)


@plant("loss", "loss", "loss", tempting="reordering (tshark calls the resends out-of-order)")
@seen(*RESENT)
def loss_random(lab: Lab) -> str:
    """Some of the server's segments are lost at random."""
    delay, share = _delay(lab, 0.004, 0.03), lab.chance.choice([0.01, 0.02, 0.04])
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay, lose=share)))
    _download(lab, lab.chance.randint(500, 1200) * 1000)
    lost = lab.wire.did["lost"] if lab.wire else 0
    lab.must(lost > 3, f"{lost} are lost")
    return f"{lost} segments of the server are lost at random ({share:.0%}); RTT {2000 * delay:.0f} ms"


@plant(
    "loss",
    "loss",
    "loss",
    tempting="the capture began late; reordering",
)
@seen(("tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.out_of_order", ">4", "*"))
def loss_upload_burst(lab: Lab) -> str:
    """A run of the client's segments is lost at once."""
    delay, burst = _delay(lab, 0.004, 0.02), lab.chance.randint(6, 12)
    lab.build(wire=Wire(Effect(delay=delay, burst=(lab.chance.randint(40, 90), burst)), Effect(delay=delay)))
    lab.server.serve(9000, apps.sink)
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(
        apps.upload(client, 400_000) == b"done\n" and lab.wire and lab.wire.did["lost"] == burst, "a burst is lost"
    )
    client.close()
    return f"{burst} segments of the client that follow one another are lost, once"


@plant(
    "loss",
    "",
    "loss",
    "loss",
    admits={"client": "slow-server loss"},
    tempting="slow server",
)
@seen(("tcp.analysis.retransmission", "*", ">1"))
def loss_of_the_tail(lab: Lab) -> str:
    """The last segments of short answers are lost: nothing comes after them that would tell, until a time-out."""
    delay = _delay(lab, 0.02, 0.05)
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)))
    lab.forward("tcp sport 8080 meta length > 200 numgen inc mod 2 == 0 counter name hit drop")
    lab.server.serve(8080, apps.http(900))
    for _ in range(lab.chance.randint(3, 5)):
        client = lab.client.tcp(lab.server.address, 8080)
        lab.must(apps.get(client)[0] == 200, "it answers in the end")
        client.close()
        lab.pause(0.2)
    lab.must(lab.hits() > 2, "answers are lost")
    return f"{lab.hits()} times the only segment of an answer is lost and sent again after a time-out"


@plant(
    "policer",
    "policer|loss",
    "policer|loss",
    "policer",
    admits="policer loss",
    tempting="random loss; congestion",
)
@seen(*RESENT)
def policer_download(lab: Lab) -> str:
    """What is above a rate is dropped at once: the RTT stays as it is."""
    delay, rate = _delay(lab, 0.005, 0.02), lab.chance.choice([400, 700, 1000])
    burst = lab.chance.choice([32, 64])
    rule = f"tcp sport 9000 limit rate over {rate} kbytes/second burst {burst} kbytes counter name hit drop"
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)), rules=chain("forward", rule))
    _download(lab, rate * lab.chance.randint(3500, 5000))
    lab.must(lab.hits() > 20, "the policer drops")
    return f"a policer drops what is above {rate} kB/s ({lab.hits()} packets); RTT {2000 * delay:.0f} ms throughout"


@plant(
    "policer",
    "policer|loss",
    "policer|loss",
    "policer",
    admits="policer loss",
    tempting="random loss",
)
@seen(("tcp.analysis.retransmission || tcp.analysis.fast_retransmission || tcp.analysis.out_of_order", ">20", "*"))
def policer_upload(lab: Lab) -> str:
    """The same from client to server."""
    delay, rate = _delay(lab, 0.005, 0.02), lab.chance.choice([400, 700, 1000])
    rule = f"tcp dport 9000 limit rate over {rate} kbytes/second burst 32 kbytes counter name hit drop"
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)), rules=chain("forward", rule))
    lab.server.serve(9000, apps.sink)
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(
        apps.upload(client, rate * lab.chance.randint(3500, 5000)) == b"done\n" and lab.hits() > 20, "the policer drops"
    )
    client.close()
    return f"a policer drops what is above {rate} kB/s ({lab.hits()} packets); RTT {2000 * delay:.0f} ms throughout"


def _shaped(lab: Lab, device: str) -> tuple[int, float]:
    """(Mbit/s, one-way delay) of a network whose router queues what is above the rate, and loses nothing."""
    delay, rate = _delay(lab, 0.003, 0.015), lab.chance.choice([4, 6, 8])
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay)))
    for host in (lab.client, lab.server):  # cubic leaves its slow start before there is a queue
        spaces.sysctl(host.space, {"ipv4/tcp_congestion_control": "reno"})
    spaces.run(lab.router.space, "tc", *f"qdisc add dev {device} root tbf rate {rate}mbit burst 16kb limit 8mb".split())
    return rate, delay


def _modest(made: socket.socket) -> None:
    """A receive window that fills a queue of some tenths of a second, not of seconds."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 131072)


def _dropped(lab: Lab, device: str) -> bool:
    return "dropped 0," not in spaces.run(lab.router.space, "tc", "-s", "qdisc", "show", "dev", device)


@plant(
    "shaper",
    "shaper|healthy",
    "shaper",
    "shaper",
    admits={"client": "shaper", "server": "", "both": ""},
    tempting="slow network; a slow server",
)
@seen(("tcp.analysis.retransmission", "=0", "*"), ("tcp.analysis.ack_rtt > 0.1", "*", ">9"))
def shaper_download(lab: Lab) -> str:
    """What is above a rate waits in a queue: the RTT grows, nothing is lost."""
    rate, delay = _shaped(lab, "rc")
    _download(lab, rate * 125_000 * lab.chance.randint(3, 4), _modest)
    lab.must(not _dropped(lab, "rc"), "nothing is lost")
    return (
        f"a shaper lets {rate} Mbit/s pass and queues the rest: no loss, RTT from {2000 * delay:.0f} ms to some hundred"
    )


@plant(
    "shaper",
    "shaper",
    "shaper|healthy",
    "shaper",
    admits={"server": "shaper", "client": "", "both": ""},
    tempting="slow network",
)
@seen(("tcp.analysis.retransmission", "*", "=0"), ("tcp.analysis.ack_rtt > 0.1", ">9", "*"))
def shaper_upload(lab: Lab) -> str:
    """The same from client to server."""
    rate, delay = _shaped(lab, "rs")
    lab.server.serve(9000, apps.sink, begin=_modest)
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(apps.upload(client, rate * 125_000 * lab.chance.randint(3, 4)) == b"done\n", "all comes")
    client.close()
    lab.must(not _dropped(lab, "rs"), "nothing is lost")
    return (
        f"a shaper lets {rate} Mbit/s pass and queues the rest: no loss, RTT from {2000 * delay:.0f} ms to some hundred"
    )


@plant(
    "reordering",
    "reordering",
    "",
    "reordering",
    admits={"server": "reordering", "client": "", "both": ""},
    tempting="loss, fast retransmission",
)
@seen(("tcp.analysis.out_of_order || tcp.analysis.fast_retransmission || tcp.analysis.retransmission", ">5", "*"))
def reordering(lab: Lab) -> str:
    """Some segments arrive milliseconds after those that were sent later; none is lost."""
    delay, share, late = (
        _delay(lab, 0.004, 0.02),
        lab.chance.choice([0.03, 0.05, 0.08]),
        lab.chance.uniform(0.003, 0.008),
    )
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay, late=share, late_by=late)))
    _download(lab, lab.chance.randint(400, 800) * 1000)
    count = lab.wire.did["late"] if lab.wire else 0
    lab.must(count > 8, f"{count} are late")
    return f"{count} segments come {1000 * late:.1f} ms late, behind later ones; none is lost"


@plant(
    "duplicates",
    "duplicates",
    "",
    "duplicates",
    admits={"server": "duplicates", "client": "", "both": ""},
    tempting="spurious retransmissions; a capture that sees all twice",
)
@seen(("tcp.analysis.retransmission", ">5", "*"))
def duplicates(lab: Lab) -> str:
    """The network doubles some segments: same IP id, same TTL."""
    delay, share = _delay(lab, 0.002, 0.02), lab.chance.choice([0.03, 0.05, 0.1])
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay, double=share)))
    _download(lab, lab.chance.randint(700, 900) * 1000)
    count = lab.wire.did["doubled"] if lab.wire else 0
    lab.must(count > 8, f"{count} are doubled")
    return f"the network delivers {count} segments of the server twice"


@plant(
    "corruption",
    "corruption",
    "loss",
    "corruption",
    admits={"client": "loss", "both": "loss"},
    tempting="checksum offload; loss alone",
)
@seen(("tcp.checksum.status == 0", ">3", "=0"))
def corruption(lab: Lab) -> str:
    """A wire flips a bit of some segments: the receiver's host drops them, the sender sends them again."""
    delay, share = _delay(lab, 0.002, 0.02), lab.chance.choice([0.02, 0.04])
    lab.build(wire=Wire(Effect(delay=delay), Effect(delay=delay, corrupt=share)))
    _download(lab, lab.chance.randint(500, 800) * 1000)
    count = lab.wire.did["corrupted"] if lab.wire else 0
    lab.must(count > 3, f"{count} are corrupted")
    return f"{count} segments of the server arrive with a wrong TCP checksum and are sent again; all others are right"
