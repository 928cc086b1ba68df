"""RTP: lost packets, jitter, audio in one direction alone. Must not know calls beyond their packets."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from vpcshark.diagnose.finding import CANNOT_TELL, LIKELY, PROVED, Finding, Verdict
from vpcshark.diagnose.flows import MILLISECOND, SECOND, Flow, seconds
from vpcshark.diagnose.packet import Packet, address
from vpcshark.diagnose.readers import rtp
from vpcshark.diagnose.view import View

_FEWEST = 40
_LOST_SHARE, _FEWEST_LOST = 0.01, 3
_JITTER = 15 * MILLISECOND
_NEAR = 12
_LATE, _LATE_SHARE = 60 * MILLISECOND, 0.05
_STOPPED, _SURELY_TALKING = 2 * SECOND, 100
_CLOCKS = (8000, 16000, 32000, 44100, 48000, 90000)
_NO_RTP = (53, 443, 123, 500, 4500)


class Voice(NamedTuple):
    """One source's packets, with their headers: whatever their payload types, they share one sequence of numbers (RFC
    3550, 5.1), also a telephone's digits (RFC 4733, 2.1) and its comfort noise (RFC 3389)."""

    flow: Flow
    source: int
    packets: list[Packet]
    heads: list[rtp.Header]


def judge(view: View) -> Iterator[Finding]:
    """For each source."""
    voices = [v for flow, packets in view.datagrams.items() for v in voices_of(flow, packets)]
    for voice in voices:
        yield from _lost(view, voice)
        if not view.stands_at(voice.flow.source, voice.flow.target):  # before the network nothing of it can be seen
            yield from _jitter(view, voice)
    yield from _one_way(view, voices)


def voices_of(flow: Flow, packets: Sequence[Packet]) -> list[Voice]:
    """The RTP sources in a flow of datagrams."""
    if len(packets) < _FEWEST or flow.source_port in _NO_RTP or flow.target_port in _NO_RTP:
        return []
    found: dict[int, Voice] = {}
    for packet in packets:
        head = rtp.read(packet.payload)
        if head is not None:
            voice = found.setdefault(head.source, Voice(flow, head.source, [], []))
            voice.packets.append(packet)
            voice.heads.append(head)
    return [voice for voice in found.values() if len(voice.packets) >= _FEWEST and _is_rtp(voice)]


def _is_rtp(voice: Voice) -> bool:
    steps = [b.seq - a.seq & 0xFFFF for a, b in zip(voice.heads, voice.heads[1:], strict=False)]
    near = sum(1 for step in steps if 0 < step < 20 or step > 0xFFFF - 20)
    ones = sum(1 for step in steps if step == 1)
    return near >= 0.9 * len(steps) and ones >= 0.4 * len(steps)


def _lost(view: View, voice: Voice) -> Iterator[Finding]:
    numbers, gaps = [voice.heads[0].seq], []
    highest = voice.heads[0].seq
    for packet, head in zip(voice.packets[1:], voice.heads[1:], strict=True):
        step = (head.seq - highest + 0x8000 & 0xFFFF) - 0x8000
        numbers.append(highest + step)
        if step > 1:
            gaps.append(packet)
        highest = max(highest, highest + step)
    known = set(numbers)
    expected = max(known) - min(known) + 1
    lost = expected - len(known)
    if lost < _FEWEST_LOST or lost < _LOST_SHARE * expected:
        return
    sentence = (
        f"{lost} of {expected} RTP packets ({100 * lost / expected:.2g} %) from {voice.flow.client} to "
        f"{voice.flow.server} are missing up to this point."
    )
    checked = (
        "The sequence numbers skip; packets that only came late are not counted.",
        "Pauses in speech do not skip numbers.",
    )
    advice = "Capture nearer to the sender, too: vpcshark diagnose HERE THERE says between which points they vanish."
    cause = ("rtp", voice.flow)
    yield view.finding(Verdict("rtp-loss", PROVED, sentence, checked, advice, lost / 50, cause), (voice.flow,), gaps)


def _jitter(view: View, voice: Voice) -> Iterator[Finding]:
    voice = _mostly(voice)
    rate = rtp.clock(voice.heads[0].kind) or _measured(voice)
    if not rate:
        return
    first = voice.heads[0].stamp
    transit = [
        packet.at - ((head.stamp - first + (1 << 31) & 0xFFFFFFFF) - (1 << 31)) * SECOND // rate
        for packet, head in zip(voice.packets, voice.heads, strict=True)
    ]
    usual = median(_jitters(transit))
    late = [p for place, p in enumerate(voice.packets) if transit[place] - _around(transit, place) > _LATE]
    if usual < _JITTER and len(late) < _LATE_SHARE * len(transit):
        return
    sentence = (
        f"RTP from {voice.flow.client} to {voice.flow.server} comes with a jitter of {seconds(usual)}; {len(late)} of "
        f"{len(transit)} packets are more than 60 ms late, which a receiver drops."
    )
    checked = (f"By RFC 3550 with a clock of {rate} Hz: pauses in speech do not count.",)
    advice = (
        "Look for a queue or a busy host on the way: mark voice (DSCP EF) and let it go first, or enlarge the buffer."
    )
    spread = sorted(zip(transit, voice.packets, strict=True), key=lambda each: -each[0])[:8]
    packets = late or [p for _, p in spread]
    yield view.finding(
        Verdict("rtp-jitter", PROVED, sentence, checked, advice, usual / SECOND, ("j", voice.flow)),
        (voice.flow,),
        packets,
    )


def _mostly(voice: Voice) -> Voice:
    """Its packets of the payload type that most have: all packets of a digit have the time stamp of its beginning."""
    kind = Counter(head.kind for head in voice.heads).most_common(1)[0][0]
    chosen = [(packet, head) for packet, head in zip(voice.packets, voice.heads, strict=True) if head.kind == kind]
    return voice._replace(packets=[packet for packet, _ in chosen], heads=[head for _, head in chosen])


def _jitters(transit: Sequence[int]) -> list[float]:
    """The running jitter (RFC 3550, 6.4.1)."""
    jitter, found = 0.0, [0.0]
    for before, after in itertools.pairwise(transit):
        jitter += (abs(after - before) - jitter) / 16
        found.append(jitter)
    return found


def _around(transit: Sequence[int], place: int) -> float:
    """The usual transit time there: both clocks drift, so not that of the whole call."""
    return median(transit[max(place - _NEAR, 0) : place + _NEAR + 1])


def _measured(voice: Voice) -> int:
    """The clock's rate by the packets' times; 0: none of the usual ones."""
    stamps = voice.heads[-1].stamp - voice.heads[0].stamp & 0xFFFFFFFF
    lasted = (voice.packets[-1].at - voice.packets[0].at) / SECOND
    if lasted < 0.5:
        return 0
    rate = stamps / lasted
    return next((each for each in _CLOCKS if abs(rate - each) < 0.1 * each), 0)


def _one_way(view: View, voices: Sequence[Voice]) -> Iterator[Finding]:
    """One direction ends long before the other one does, or is answered by ICMP."""
    by_flow: dict[Flow, list[Voice]] = defaultdict(list)
    is_call = _is_call(view)
    for voice in voices:
        by_flow[voice.flow].append(voice)
    for flow, mine in by_flow.items():
        back = by_flow.get(flow.reversed())
        last = _last(mine)
        refusals = [q.packet for q in view.quotes_of(flow)]
        if back:
            ended = _last(back)
            silent = last.at - ended.at
            is_long = sum(len(voice.packets) for voice in mine) >= _SURELY_TALKING
            if silent >= _STOPPED and is_long and silent > max(map(_longest_pause, back)):
                yield _told(view, flow, [ended, last], f"stopped {seconds(silent)} before the other", LIKELY)
        elif refusals:
            yield _told(view, flow, [mine[0].packets[0], *refusals[:3]], "is refused by ICMP", PROVED)
        elif is_call and last.at - mine[0].packets[0].at >= _STOPPED:
            sure = LIKELY if view.is_heard_by(flow.source) else CANNOT_TELL
            yield _told(view, flow, [mine[0].packets[0], last], "never came", sure)


def _last(voices: Sequence[Voice]) -> Packet:
    """The last packet of several sources, of which one may go on while another has ended."""
    return max((voice.packets[-1] for voice in voices), key=lambda packet: packet.at)


def _longest_pause(voice: Voice) -> int:
    """How long a source was silent and went on with its next number: it need not send while nobody speaks (RFC 3551,
    4.1)."""
    steps = zip(itertools.pairwise(voice.packets), itertools.pairwise(voice.heads), strict=True)
    return max((b.at - a.at for (a, b), (before, after) in steps if after.seq - before.seq & 0xFFFF == 1), default=0)


def _is_call(view: View) -> bool:
    """Is there signalling that asks for both directions?"""
    return any(5060 in (f.source_port, f.target_port) for f in view.datagrams)


def _told(view: View, flow: Flow, packets: Sequence[Packet], what: str, sure: str) -> Finding:
    direction = "RTP" if "refused" in what else "The other direction's RTP"
    sentence = f"Audio between {flow.client} and {flow.server} goes one way: {direction} {what}."
    checked = ["The direction that is seen goes on all the time."]
    if sure == CANNOT_TELL:
        checked.append(
            f"Nothing else that is sent to {address(flow.source)} is here either: the capture may leave it out."
        )
    advice = (
        "Is the address in the SDP the one that the other side can reach (NAT, private address), and do security "
        "group and "
        "network ACL let its UDP ports in?"
    )
    return view.finding(
        Verdict("rtp-one-way", sure, sentence, tuple(checked), advice, 5.0, ("oneway", flow)), (flow,), packets
    )
