"""What a test connection from the source's own host says of the question. Must not know how it is made.

A connection that opens proves that the way is open, there and back. A refusal came from whoever answers for that
address, which packets tell apart; silence says only that the fault is still there.
"""

from __future__ import annotations

from vpcshark.network.answer import Answer
from vpcshark.network.packet import TCP, end_words
from vpcshark.network.trail import JUMBO
from vpcshark.why.steps import PROBE, UNKNOWN, Cause, Step
from vpcshark.why.tried import ANSWERED, CONNECTED, REFUSED, SILENT, UNREACHABLE, Probe, Router

HOLE = "pmtu-black-hole"
"""``diagnose``'s class."""

_REFUSALS = {2: ("dns-servfail", "SERVFAIL"), 5: ("dns-refused", "REFUSED")}
"""RCODE (RFC 1035, 4.1.1) -> ``diagnose``'s class, its name."""


def judge(answer: Answer, probe: Probe) -> Step:
    """The step."""
    outcome = _outcome(answer, probe)
    if probe.hole is not None and probe.hole[0] < _known_mtu(answer):
        said = f"{outcome} {_lost(*probe.hole)}"
        mend = f"Let the hop between send ICMP {_too_big(answer)}, or lower the source's MTU to {probe.hole[0]} and ask"
        return Step(PROBE, "sizes are lost", said, Cause(HOLE, said, f"{mend} again."))
    said = f"{outcome}{_sizes(probe)}"
    if probe.outcome == ANSWERED and probe.code in _REFUSALS:
        return _not_answered_well(answer, probe, said)
    if probe.outcome in (CONNECTED, ANSWERED):
        return Step(PROBE, probe.outcome, said, is_proved=True, works=True)
    if probe.outcome in (REFUSED, UNREACHABLE):
        mend = "Look at what listens on the destination's host: ss -ltnu." if probe.outcome == REFUSED else ""
        return Step(PROBE, probe.outcome, said, Cause(probe.outcome, said, mend))
    return Step(PROBE, probe.outcome if probe.outcome == SILENT else UNKNOWN, said)


def _not_answered_well(answer: Answer, probe: Probe, said: str) -> Step:
    """The way is open; what the service makes of the application's own questions, its packets show."""
    kind, name = _REFUSALS[probe.code]
    told = f"{said} It says {name} to a question for the root's name servers: so does a server that serves others or"
    told += " its own zones alone."
    mend = f"Let the DNS server at {answer.packet.dst} answer {answer.packet.src} (its list of clients, its zones)."
    return Step(PROBE, f"{ANSWERED} with {name}", told, Cause(kind, told, mend))


def _known_mtu(answer: Answer) -> int:
    """What the rules' way lets through: a transit gateway drops larger packets, and clamps TCP's segments to it."""
    return min((hop.mtu for hop in answer.there.shown.hops if hop.mtu), default=JUMBO)


def _lost(passed: int, lost: int) -> str:
    return (
        f"Echo requests of {passed} bytes are answered, and of {lost} bytes, which nobody may cut, vanish without a "
        "word: what is larger is lost on the way, and the sender is not told."
    )


def _outcome(answer: Answer, probe: Probe) -> str:
    source, there = answer.asked.source.text, end_words(answer.packet.dst, answer.packet.dport)
    what = f"{'A TCP connection' if answer.packet.protocol == TCP else 'A datagram'} from {source} to {there}"
    took = f" after {probe.milliseconds} ms" if probe.milliseconds >= 0 else ""
    sentences = {
        CONNECTED: f"{what} was made{took}.",
        ANSWERED: f"{what} was answered{took}.",
        REFUSED: f"{what} was refused{took}: somebody answers for that address, not at that port.",
        SILENT: f"{what} had no answer{took}.",
        UNREACHABLE: f"{what} could not be made: {probe.words}.",
        "": "There is no port to try.",
    }
    return sentences.get(probe.outcome, f"{source} has nothing to try it with ({probe.words}).")


def _sizes(probe: Probe) -> str:
    """The path MTU, as far as echo requests and tracepath tell it."""
    hops = [
        f"{each.number} {each.address or '*'}" + (f" (MTU {each.mtu})" if each.mtu else "") for each in probe.routers
    ]
    by_hops = f" By tracepath: {', '.join(hops)}." if hops else ""
    if probe.path_mtu:
        return f" The path MTU is {probe.path_mtu} bytes, as the way itself says.{by_hops}"
    answered = [each.size for each in probe.echoes if each.is_answered]
    return (f" Packets of {max(answered)} bytes pass whole." if answered else "") + by_hops


def _router(each: Router) -> str:
    return f"{each.number} {each.address or '*'}" + (f" (MTU {each.mtu})" if each.mtu else "")


def _too_big(answer: Answer) -> str:
    """RFC 1191, RFC 8201."""
    return "type 2 (packet too big)" if answer.packet.is_v6 else "type 3 code 4 (fragmentation needed)"
