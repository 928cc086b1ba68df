"""Faults of voice: a call by SIP, and RTP both ways."""

from __future__ import annotations

import socket
import threading
import time

from plants import messages
from plants.kinds import plant, seen
from plants.lab import Lab, Wire, chain
from plants.wire import Effect, promptly

LATE = 0.015


def hold_call(lab: Lab, effect: Effect, *, rules: str = "", seconds: float = 6) -> None:
    """A call by SIP with RTP both ways, 50 packets a second of 172 bytes (RFC 3550, PCMU)."""
    lab.build(wire=Wire(Effect(delay=0.01), effect), rules=rules)
    ends = [(lab.client.udp(40000), lab.server.address, 0x1111), (lab.server.udp(40000), lab.client.address, 0x2222)]
    sip = [lab.client.udp(5060), lab.server.udp(5060)]
    for number, (ours, theirs, text) in enumerate(messages.sip(lab.client.address, lab.server.address)):
        sip[ours].sendto(text, ((lab.client, lab.server)[theirs].address, 5060))
        lab.must(sip[theirs].recv(4096), f"message {number} arrives")
    threads = [threading.Thread(target=_talk, args=(lab, *end, seconds)) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lab.pause(0.2)


def _talk(lab: Lab, audio: socket.socket, address: str, source: int, seconds: float) -> None:
    begin = time.monotonic()
    for number in range(int(seconds * 50)):
        await_turn(lab, begin + number * 0.02)
        audio.sendto(messages.rtp(number, source), (address, 40000))


def await_turn(lab: Lab, due: float) -> None:
    """Wait until it is time for the next packet; whoever is late leaves jitter that is no network's, and says so."""
    promptly()
    lab.pause(max(0.0, due - time.monotonic()))
    if (late := time.monotonic() - due) > LATE:
        lab.worst = max(lab.worst, 1 + late)


@plant(
    "rtp-loss",
    "rtp-loss",
    "",
    "rtp-loss",
    admits={"both": "loss"},
    tempting="the caller is silent",
)
@seen(("rtp.ssrc == 0x2222", ">200", ">280"), ("rtp.ssrc == 0x1111", ">280", ">280"))
def rtp_loss(lab: Lab) -> str:
    """Some of the audio to the client is lost."""
    share = lab.chance.choice([0.03, 0.06, 0.1])
    hold_call(lab, Effect(delay=0.01, lose=share, least=190, most=210))
    lost = lab.wire.did["lost"] if lab.wire else 0
    lab.must(lost > 3, f"{lost} are lost")
    return f"{lost} of 300 RTP packets to the client are lost; what leaves the server is whole"


@plant(
    "rtp-jitter",
    "rtp-jitter",
    "",
    "rtp-jitter",
    tempting="healthy: no packet is lost",
)
@seen(("rtp.ssrc == 0x2222", ">290", ">290"), ("rtp.ssrc == 0x2222 && udp.time_delta > 0.05", ">5", "*"))
def rtp_jitter(lab: Lab) -> str:
    """The audio to the client comes unevenly; none is lost."""
    jitter = lab.chance.uniform(0.12, 0.25)
    hold_call(lab, Effect(delay=0.01, jitter=jitter))
    return f"RTP to the client is delayed by 10 to {1000 * jitter + 10:.0f} ms at random, in order; it leaves evenly"


@plant(
    "rtp-one-way",
    "rtp-one-way",
    "",
    "rtp-one-way",
    tempting="healthy: no sequence number is missing",
)
@seen(("rtp.ssrc == 0x2222", "=0", ">200"), ("rtp.ssrc == 0x1111", ">200", ">200"), ("sip", ">2", ">2"))
def rtp_one_way(lab: Lab) -> str:
    """SIP agrees on audio both ways; the one to the client is dropped."""
    seconds = lab.chance.uniform(4.5, 7)
    hold_call(
        lab,
        Effect(delay=0.01),
        rules=chain("forward", f"ip saddr {lab.server.address} udp sport 40000 counter name hit drop"),
        seconds=seconds,
    )
    lab.must(lab.hits() > 200, "audio is dropped")
    return "the SDP of both says sendrecv; the client sends RTP and gets none, though the server sends"
