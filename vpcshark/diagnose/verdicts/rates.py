"""What a connection's rate says: a token bucket that drops (policer), a queue that fills (shaper).

The policer is told as in "An Internet-Wide Analysis of Traffic Policing" (SIGCOMM 2016, 3.1): between the first and the
last loss the goodput is taken for the rate, and losses must meet an emptier bucket than passed packets do. Must not
know how losses are told.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from statistics import median, quantiles
from typing import NamedTuple

from vpcshark.diagnose.finding import LIKELY, Finding, Verdict
from vpcshark.diagnose.flows import MILLISECOND, SECOND, Flow, seconds
from vpcshark.diagnose.streams import NEW, RESENT, Pair, Segment, Stream
from vpcshark.diagnose.view import View

_FEWEST_LOST = 15
_SHARE_LOST = 0.02
_QUEUE = 30 * MILLISECOND
_FEWEST_TIMES = 50
_BINS = 8


def policed(pair: Pair, stream: Stream, again: Sequence[Segment]) -> float | None:
    """The rate in bytes a second that a policer lets through; None: none."""
    if len(again) < _FEWEST_LOST or len(again) < _SHARE_LOST * len(stream.segments):
        return None
    lost = {s.start for s in again}
    first_lost = min((s.first.at for s in again if s.first is not None), default=0)
    last_lost = max(s.packet.at for s in again)
    between = [s for s in stream.segments if first_lost <= s.packet.at <= last_lost]
    lasted = (last_lost - first_lost) / SECOND
    events = _events(between, again)
    rate = sum(event.size for event in events if event.has_passed) / lasted if lasted >= 0.2 else 0
    if not rate or not _empties_a_bucket(events, rate) or _has_queue(pair, stream):
        return None
    return rate if _is_steady(between, lost, lasted) and _has_burst(stream, first_lost, rate) else None


class _Event(NamedTuple):
    """A data packet that passed, or was lost: when (ns), and how many bytes."""

    at: int
    size: int
    has_passed: bool


def _events(between: Sequence[Segment], again: Sequence[Segment]) -> list[_Event]:
    """In order of time. Of what was sent several times only the last one passed; what this point never saw was lost
    when what came behind it was seen."""
    last = {s.start: s for s in between}
    found = [_Event(s.packet.at, s.end - s.start, last[s.start] is s) for s in between]
    seen = {s.start for s in between if last[s.start] is not s}
    unseen = [s for s in again if s.first is not None and s.start not in seen]
    found += [_Event(s.first.at, s.end - s.start, has_passed=False) for s in unseen if s.first is not None]
    return sorted(found)


_BY_CHANCE = 0.25
"""How often, at most, a loss meets a fuller bucket than a passed packet does: without a bucket half of them."""
_STRETCHES = ((64, 0.1), (256, 0.15))
"""(packets that are compared with one another, how often at most), besides all of them: over a long time a rate that is
taken one part in a hundred too high fills any bucket; over a short one the point behind a policer does not know when
losses were, and chance alone comes nearer to it."""


def _empties_a_bucket(events: Sequence[_Event], rate: float) -> bool:
    """A bucket that is filled at ``rate`` and emptied by what passes: was there less in it when packets were lost?"""
    stretches = (*_STRETCHES, (len(events), _BY_CHANCE))
    return any(_fuller(events, rate, length) <= most for length, most in stretches)


def _fuller(events: Sequence[_Event], rate: float, length: int) -> float:
    """How often a loss meets a fuller bucket than a passed packet of the same stretch does (1: nothing to compare)."""
    fuller = compared = 0
    for begin in range(0, len(events), length):
        passed, lost = _levels(events[begin : begin + length], rate)
        fuller += sum(bisect.bisect_left(passed, each) for each in lost)
        compared += len(passed) * len(lost)
    return fuller / compared if compared else 1.0


def _levels(events: Sequence[_Event], rate: float) -> tuple[list[float], list[float]]:
    """What is in the bucket, beside what was in it at first: when packets passed (sorted), and when they were lost."""
    level, before = 0.0, events[0].at
    found: dict[bool, list[float]] = {True: [], False: []}
    for event in events:
        level += rate * (event.at - before) / SECOND
        before = event.at
        found[event.has_passed].append(level)
        level -= event.size * event.has_passed
    return sorted(found[True]), found[False]


def _has_burst(stream: Stream, first_lost: int, rate: float) -> bool:
    """Before the first loss more went through than the rate: the bucket was full at the beginning."""
    before = [s for s in stream.segments if s.packet.at < first_lost]
    if len(before) < 2:
        return True
    lasted = (first_lost - before[0].packet.at) / SECOND
    burst = sum(s.end - s.start for s in before[-max(10, len(before) // 2) :])
    span = (first_lost - before[-max(10, len(before) // 2) :][0].packet.at) / SECOND
    return lasted <= 0 or span <= 0 or burst / span > 1.3 * rate


def _is_steady(between: Sequence[Segment], lost: set[int], lasted: float) -> bool:
    """Is what passes about the same in each part of the time?"""
    bins = [0.0] * _BINS
    begin = between[0].packet.at if between else 0
    width = lasted * SECOND / _BINS
    for segment in between:
        if segment.kind == RESENT or segment.start not in lost:
            bins[min(int((segment.packet.at - begin) / width), _BINS - 1)] += segment.end - segment.start
    inner = sorted(bins)[1:-1]
    middle = median(inner)
    return middle > 0 and all(abs(each - middle) <= 0.4 * middle for each in inner)


def _has_queue(pair: Pair, stream: Stream) -> bool:
    """Do round trips grow with the load?"""
    times = round_trips(pair, stream)
    if len(times) < 10:
        return False
    tenths = quantiles(times, n=10)
    return tenths[8] > max(3 * tenths[0], tenths[0] + 50 * MILLISECOND)


def round_trips(pair: Pair, stream: Stream) -> list[int]:
    """From data that was sent once to the first ACK that covers it, in nanoseconds, as this point sees it."""
    is_client = stream is pair.client
    waiting = [(s.end, s.packet.at) for s in stream.segments if s.kind == NEW]
    found, place = [], 0
    again = sorted({s.start for s in stream.segments if s.kind == RESENT})
    for packet in pair.of(not is_client).packets:
        if not packet.flags & 16:
            continue
        ack = stream.relative(packet.ack)
        newest = -1
        while place < len(waiting) and waiting[place][0] <= ack:
            newest = waiting[place][1]
            place += 1
        if newest >= 0 and packet.at >= newest and not _near(again, ack):
            found.append(packet.at - newest)
    return found


def _near(again: Sequence[int], ack: int) -> bool:
    place = bisect.bisect_left(again, ack - 3000)
    return place < len(again) and again[place] <= ack + 3000


def judge(view: View) -> Iterator[Finding]:
    """A queue that stands: seen where the sender is."""
    for pair in view.pairs:
        for is_client in (True, False):
            stream, flow = pair.of(is_client), pair.way(is_client)
            if len(stream.segments) >= _FEWEST_TIMES:
                yield from _shaped(view, pair, stream, flow)


def _shaped(view: View, pair: Pair, stream: Stream, flow: Flow) -> Iterator[Finding]:
    times = round_trips(pair, stream)
    again = sum(1 for s in stream.segments if s.kind == RESENT)
    if len(times) < _FEWEST_TIMES or again > 0.01 * len(stream.segments):
        return
    shortest = min([*times, *([pair.round_trip] if pair.round_trip else [])])
    late = times[len(times) // 2 :]
    waits = median(late)
    if waits - shortest < max(_QUEUE, 2 * shortest) or not _is_plateau(stream):
        return
    span = (stream.segments[-1].packet.at - stream.segments[len(stream.segments) // 2].packet.at) / SECOND
    rate = sum(s.end - s.start for s in stream.segments[len(stream.segments) // 2 :]) / span if span > 0 else 0
    sentence = (
        f"{flow.client} to {flow.server} goes at a steady {rate / 1e6:.2g} MB/s, and packets wait "
        f"{seconds(waits - shortest)} in a queue (round trips grow from {seconds(shortest)} to {seconds(waits)}) with "
        "hardly a loss: a shaper, or the slowest link of the way with a deep queue."
    )
    checked = (
        f"{again} of {len(stream.segments)} data packets were sent again: nothing polices.",
        "The round trip of the handshake was short: the distance is not to blame.",
    )
    advice = (
        "Look for the slowest hop: the instance's allowance (ethtool -S), a VPN, a tc qdisc, an appliance's policy."
    )
    packets = [s.packet for s in (stream.segments[0], *stream.segments[-3:])]
    cause = ("shaper", flow.source, flow.target)
    yield view.finding(Verdict("shaper", LIKELY, sentence, checked, advice, waits / SECOND, cause), (flow,), packets)


def _is_plateau(stream: Stream) -> bool:
    """In its second half, does each part carry about the same?"""
    later = stream.segments[len(stream.segments) // 2 :]
    begin, lasted = later[0].packet.at, later[-1].packet.at - later[0].packet.at
    if lasted < 300 * MILLISECOND:
        return False
    bins = [0] * _BINS
    for segment in later:
        bins[min(int((segment.packet.at - begin) * _BINS / lasted), _BINS - 1)] += segment.end - segment.start
    middle = median(bins)
    return middle > 0 and sum(1 for each in bins if abs(each - middle) <= 0.3 * middle) >= _BINS - 2
