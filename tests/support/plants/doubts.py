"""Sound traffic that a sceptic thought of: protocols where nobody owes an answer, captures that do not cover the same
time or bytes, and packets that a network card cuts between two points."""

from __future__ import annotations

import random
import socket
import time
from contextlib import suppress

from plants import apps, spaces
from plants.kinds import plant, seen, sound, takes
from plants.lab import Lab, Wire
from plants.wire import Effect

QUIET = ("tcp.analysis.retransmission || tcp.analysis.fast_retransmission", "=0", "=0")


def _wire(lab: Lab, least: float = 0.001, most: float = 0.02) -> Wire:
    delay = round(lab.chance.uniform(least, most), 4)
    return Wire(Effect(delay=delay), Effect(delay=delay))


@sound("slow server: silence after what the client said")
@takes(20)
@seen(QUIET)
def pushes(lab: Lab) -> str:
    """Both sides say things when they have them; nothing of it answers anything."""
    lab.build(wire=_wire(lab))
    gaps = [lab.chance.uniform(1.0, 2.5) for _ in range(5)]

    def push(connection: socket.socket) -> None:
        for gap in gaps:
            time.sleep(gap)
            connection.sendall(apps.filling(lab.chance.randint(40, 400)))
        apps.drain(connection)
        connection.close()

    lab.server.serve(9000, push)
    client = lab.client.tcp(lab.server.address, 9000)
    for _ in range(lab.chance.randint(6, 9)):
        client.sendall(b"\x00\x01beat")
        lab.pause(1.1)
    client.shutdown(socket.SHUT_WR)
    apps.drain(client)
    client.close()
    return "a client's heartbeats that nobody answers, and a server's messages at times of their own"


@sound("slow server, zero window: a stream in portions")
@takes(20)
@seen(QUIET)
def video_in_portions(lab: Lab) -> str:
    """A video is fetched in portions with pauses, as players do."""
    lab.build(wire=_wire(lab))
    lab.server.serve(8080, apps.http(lab.chance.randint(100, 300) * 1000))
    client = lab.client.tcp(lab.server.address, 8080)
    for number in range(4):
        lab.must(apps.get(client, f"/part{number}")[0] == 200, "it answers")
        lab.pause(lab.chance.uniform(2.0, 3.5))
    client.close()
    return "portions of a video, each at once, with pauses between that the player wants"


@sound("SYN unanswered, reset: the loser of two attempts")
@seen(("tcp.flags.syn == 1 && tcp.flags.ack == 0", ">3", ">3"))
def two_attempts(lab: Lab) -> str:
    """Two connections are begun at once, the first that stands is used, the other one is ended (RFC 8305)."""
    lab.build(wire=_wire(lab, 0.01, 0.03))
    lab.server.serve(8080, apps.http(2000))
    for _ in range(3):
        one, other = (lab.client.tcp(lab.server.address, 8080) for _ in range(2))
        apps.abort(other)
        lab.must(apps.get(one)[0] == 200, "it answers")
        one.close()
    return "of two connections at once one is used, and the other is dropped by a reset without a byte"


@sound("RTP loss and jitter: datagrams whose first bits look like RTP")
@seen(("udp.dstport == 7777", ">100", ">100"))
def random_datagrams(lab: Lab) -> str:
    """A game's datagrams: encrypted, so any bytes."""
    lab.build(wire=_wire(lab))
    dice = random.Random(lab.seed)
    lab.server.answer(7777, lambda data, number: dice.randbytes(len(data)))
    client = lab.client.udp(27777)
    for _ in range(300):
        client.sendto(
            bytes([0x80 | dice.randrange(64)]) + dice.randbytes(dice.randint(60, 300)), (lab.server.address, 7777)
        )
        lab.pause(dice.uniform(0.005, 0.03))
    lab.pause(0.2)
    return "300 datagrams of random bytes behind the bits of RTP's version, each answered"


@sound("DNS unanswered: one query was lost and asked again")
@seen(("dns.flags.response == 0", ">5", "*"))
def dns_asked_twice(lab: Lab) -> str:
    """One answer gets lost, and the second question is answered."""
    from plants import messages
    from plants.layers import ask, resolver

    resolver(lab, lambda query, number: None if number == 3 else messages.reply(query, "10.9.9.9"))
    for number in range(1, lab.chance.randint(8, 14)):
        with suppress(OSError):
            ask(lab, f"svc{number}.internal", number)
        if number == 3:
            lab.pause(0.3)
            ask(lab, f"svc{number}.internal", number)
    lab.pause(2.5)
    return "one DNS answer of many gets lost, and the name is asked again and answered"


@sound("shaper, slow network: a jittery path")
@seen(("tcp.len > 0", ">50", ">50"))
def jittery(lab: Lab) -> str:
    """Delays vary by some milliseconds, as in a wireless network."""
    delay = round(lab.chance.uniform(0.01, 0.02), 4)
    lab.build(wire=Wire(Effect(delay=delay, jitter=0.004), Effect(delay=delay, jitter=0.004)))
    lab.server.serve(9000, apps.source(300_000, pace=0.02, piece=4000))
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(len(apps.drain(client)) == 300_000, "all comes")
    client.close()
    lab.may_resend = True
    return "a path whose delay varies by milliseconds; all comes"


@sound("lost between the points: one capture begins later and ends sooner")
@takes(15)
@seen(QUIET)
def uneven_captures(lab: Lab) -> str:
    """The two captures do not cover the same time."""
    lab.build(wire=_wire(lab), is_tapped=False)
    lab.server.serve(8080, apps.http(9000))
    client = lab.client.tcp(lab.server.address, 8080)
    lab.tap("client", lab.client.space, "e0")
    for number in range(16):
        if number == 5:
            lab.tap("server", lab.server.space, "e0")
        lab.must(apps.get(client)[0] == 200, "it answers")
        lab.pause(0.35)
        if number == 11:
            lab.taps["server"][0].end()
    client.close()
    return "the server's capture begins two seconds later and ends two seconds sooner"


@sound("lost between the points: large segments here, small ones there")
@seen(("ip.len > 1500", ">0", "=0"))
def cut_by_a_card(lab: Lab) -> str:
    """The client leaves segmentation to its card; behind the router all packets have 1500 bytes."""
    lab.build(is_offloading=True)
    for space, interface in ((lab.server.space, "e0"), (lab.router.space, "rs")):
        spaces.offload(space, interface, False)
    lab.server.serve(9000, apps.sink)
    client = lab.client.tcp(lab.server.address, 9000)
    lab.must(apps.upload(client, lab.chance.randint(200, 900) * 1000) == b"done\n", "all comes")
    client.close()
    return "segments of up to 64 kB where they are sent, cut to 1500 bytes where they arrive"


@sound("lost between the points: the one capture keeps 96 bytes of each packet")
@seen(("frame.cap_len < frame.len", ">3", "=0"))
def short_at_one_point(lab: Lab) -> str:
    """Snap lengths differ."""
    lab.build(wire=_wire(lab), is_tapped=False)
    lab.tap("client", lab.client.space, "e0", snaplen=96)
    lab.tap("server", lab.server.space, "e0")
    lab.server.serve(8080, apps.http(20_000))
    lab.server.answer(7000, lambda data, number: data)
    client, voice = lab.client.tcp(lab.server.address, 8080), lab.client.udp(17000)
    for _ in range(lab.chance.randint(5, 9)):
        lab.must(apps.get(client)[0] == 200, "it answers")
        for _ in range(6):
            voice.sendto(apps.filling(lab.chance.randint(100, 900)), (lab.server.address, 7000))
            lab.pause(0.02)
    client.close()
    return "one of the captures keeps the first 96 bytes of each packet"


@sound("refused, reset: a port scan of a monitor that finds all open")
@seen(("tcp.flags.reset == 1", ">3", ">3"))
def health_checks(lab: Lab) -> str:
    """A load balancer's health check: connect, and end by a reset."""
    lab.build(wire=_wire(lab))
    lab.server.serve(8080, apps.http(100))
    for _ in range(lab.chance.randint(6, 12)):
        apps.abort(lab.client.tcp(lab.server.address, 8080))
        lab.pause(0.3)
    return "connections that are opened and ended by a reset at once: TCP health checks"


@sound("lost: the far end reads slowly, so segments wait")
@takes(15)
@seen(("tcp.analysis.retransmission", "*", "*"))
def echo_of_typing(lab: Lab) -> str:
    """A person types on a port that is none of the known ones: each key comes back, and pauses are the person's."""
    lab.build(wire=_wire(lab))

    def echo(connection: socket.socket) -> None:
        while data := connection.recv(100):
            if data != b"*":
                connection.sendall(data)

    lab.server.serve(2222, echo)
    client = lab.client.tcp(lab.server.address, 2222)
    for key in b"ls -l*****cat":
        client.sendall(bytes([key]))
        lab.pause(lab.chance.uniform(0.1, 0.9))
    client.close()
    return "keys and their echo; a password's keys have none"


@plant(
    "loss",
    "",
    "",
    "loss",
    admits={
        "client": "loss capture-lost-packets",
        "server": "loss capture-lost-packets",
        "both": "policer capture-lost-packets",
    },
    tempting="large segments",
)
@takes(15)
@seen(("ip.len > 1500", ">0", "=0"), ("tcp.analysis.retransmission", ">2", "*"))
def loss_behind_a_card(lab: Lab) -> str:
    """As ``cut_by_a_card``, and the router drops some of the small ones."""
    lab.build(is_offloading=True)
    for space, interface in ((lab.server.space, "e0"), (lab.router.space, "rs")):
        spaces.offload(space, interface, False)
    lab.forward("meta length > 1000 numgen random mod 100 < 12 counter name hit drop")
    lab.server.serve(9000, apps.sink)
    client = lab.client.tcp(lab.server.address, 9000)
    with suppress(OSError):
        apps.upload(client, 3_000_000)
    lab.must(lab.hits() >= 4, "segments are dropped")
    client.close()
    return "large segments are lost between the points, others are cut to 1500 bytes"
