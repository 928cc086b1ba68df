"""Which connections are to be judged packet by packet: those with anything that any verdict could begin with (NumPy).

Each test here is wider than the verdict behind it: what it lets through is looked at again, and what it holds back no
verdict would have told (a test holds the two together). Must not know findings.
"""

from __future__ import annotations

import numpy as np

from vpcshark.diagnose.columns import Columns
from vpcshark.diagnose.conversations import Conversations, Sides
from vpcshark.diagnose.flows import MILLISECOND, SECOND
from vpcshark.diagnose.headers import ALERT, DATA, FAILED, HANDSHAKE, REQUEST, Array
from vpcshark.diagnose.packet import ACK, FIN, RST, SYN, WRONG

_SLOW_OPENING = 250 * MILLISECOND
_THINKS = 500 * MILLISECOND
_IDLE = 3 * SECOND
_MENDED = SECOND - 1
_NEAR = 3000
_QUEUE = 30 * MILLISECOND
_FEWEST_TIMES = 50
_SURELY = 0.9
_DNS = 53


def suspects(columns: Columns, talk: Conversations, sides: Sides, end: int) -> Array:
    """True for each connection that is one; ``end`` is the capture's last moment."""
    found = _opening(talk) | _ending(talk) | _waits(talk, end) | _order(talk, sides) | _layers(columns, talk)
    return found | _queues(talk, sides, found)


def _opening(talk: Conversations) -> Array:
    """Not one SYN, one SYN-ACK and an ACK soon after them; or one side alone."""
    of_client = talk.is_of_client
    syns, answers = talk.number(talk.is_syn & of_client), talk.number(talk.is_answer & ~of_client)
    odd = (syns > 1) | (answers > 1) | ((syns > 0) & (answers == 0))
    odd |= ~(talk.any(of_client) & talk.any(~of_client))
    begun = talk.when(talk.first(talk.is_syn))
    answered = talk.when(talk.first(talk.is_answer))
    opened = talk.when(talk.first(of_client & (talk.flags & (SYN | RST) == 0)))
    odd |= (syns > 0) & (_since(answered, begun) >= _SLOW_OPENING) | (_since(opened, begun) >= _SLOW_OPENING)
    asked = talk.when(talk.first(of_client & talk.is_data))
    found: Array = odd | (_since(asked, opened) >= _THINKS)
    return found


def _since(later: Array, earlier: Array) -> Array:
    """How long after; 0 where one of both never was."""
    ever = np.iinfo(np.int64).max
    return np.where((later < ever) & (earlier < ever), later - np.minimum(earlier, later), 0)


def _ending(talk: Conversations) -> Array:
    """A reset that does not only follow a FIN."""
    ended, reset = talk.first(talk.flags & FIN > 0), talk.first(talk.flags & RST > 0)
    has_reset = talk.any(talk.flags & RST > 0)
    after = talk.is_data & (np.arange(len(talk.of)) > ended[talk.of])
    found: Array = has_reset & ((reset < ended) | talk.any(after))
    return found


def _waits(talk: Conversations, end: int) -> Array:
    """A closed window, a silence, a request without an answer."""
    flags = talk.flags
    found = talk.any((talk.window == 0) & (flags & (SYN | RST) == 0))
    step = np.zeros(len(talk.of), np.int64)
    step[1:] = talk.at[1:] - talk.at[:-1]
    found |= talk.any(~talk.is_first & (step >= _IDLE) & (talk.size > 0) & (flags & (FIN | RST | SYN) == 0))
    data = np.flatnonzero(talk.is_data)
    one, other = data[:-1], data[1:]
    is_late = (talk.of[one] == talk.of[other]) & (talk.at[other] - talk.at[one] >= _THINKS) & talk.is_of_client[one]
    is_late &= ~talk.is_of_client[other] | (talk.marks[one] & REQUEST > 0)
    found[talk.of[one[is_late]]] = True
    last = np.append(one[talk.of[one] != talk.of[other]], data[-1:])
    is_open = talk.is_of_client[last] & (talk.marks[last] & REQUEST > 0) & (end - talk.at[last] >= _IDLE)
    found[talk.of[last[is_open]]] = True
    return found


def _order(talk: Conversations, sides: Sides) -> Array:
    """A segment that does not begin where the one before it ended; numbers skipped in a silence."""
    bare = ~sides.is_data & (talk.flags[sides.places] & SYN == 0)
    odd = sides.is_data & (sides.start != sides.upto)
    odd[_mended(talk, sides, odd)] = False
    odd |= bare & (sides.start > sides.upto) & ~sides.is_after_end
    silent = np.zeros(len(sides.places), bool)
    at, ident = talk.at[sides.places], talk.ident[sides.places].astype(np.int64)
    skipped = (ident[1:] - ident[:-1]) & 0xFFFF
    silent[1:] = (at[1:] - at[:-1] >= SECOND) & (skipped >= 3) & (skipped < 64) & ~sides.is_first[1:]
    odd |= silent & (talk.size[sides.places] >= 256)
    return np.bincount(talk.of[sides.places[odd]], minlength=talk.count) > 0


def _mended(talk: Conversations, sides: Sides, odd: Array) -> list[int]:
    """Places of gaps that one later segment filled exactly and soon, where a side has no more than two of them: that
    is every network's loss, which TCP mends unseen (``losses``)."""
    found: list[int] = []
    places = np.flatnonzero(odd)
    ends = np.append(np.flatnonzero(np.diff(sides.side[places])) + 1, len(places)) if len(places) else places
    begin = 0
    for end in ends.tolist():
        mine = places[begin:end]
        begin = end
        if len(mine) in (2, 4) and _are_mended(talk, sides, mine.tolist()):
            found += mine.tolist()
    return found


def _are_mended(talk: Conversations, sides: Sides, places: list[int]) -> bool:
    gaps: dict[tuple[int, int], int] = {}
    for place in places:
        start, end, upto = int(sides.start[place]), int(sides.end[place]), int(sides.upto[place])
        at = int(talk.at[sides.places[place]])
        if start > upto:
            gaps[upto, start] = at
            continue
        waited = at - gaps.pop((start, end), at - 2 * _MENDED)
        if waited > _MENDED or end - start < 2 or talk.checksum[sides.places[place]] == WRONG:
            return False
    return not gaps


def _layers(columns: Columns, talk: Conversations) -> Array:
    """What payloads say: a failed HTTP answer, an alert, TLS that is not answered; and all of DNS."""
    found = talk.any(talk.marks & (FAILED | ALERT) > 0)
    found |= is_tls(talk) & ~talk.any(talk.is_data & ~talk.is_of_client)
    ports = np.frombuffer(columns.ways.keys["ports"][talk.way[talk.starts]].tobytes(), ">u2").reshape(-1, 2)
    dns: Array = (ports == _DNS).any(1)
    return found | dns


def is_tls(talk: Conversations) -> Array:
    """Whose client speaks TLS?"""
    return talk.any((talk.marks & HANDSHAKE > 0) & talk.is_of_client)


def handshakes(talk: Conversations) -> Array:
    """Rows up to where application data have gone both ways, of what speaks TLS."""
    place = np.arange(len(talk.of))
    beyond = len(talk.of)
    data = talk.marks & DATA > 0
    asked, answered = talk.first(data & talk.is_of_client), talk.first(data & ~talk.is_of_client)
    last = np.where((asked < beyond) & (answered < beyond), np.maximum(asked, answered), talk.starts + _MOST)
    last = np.minimum(last, talk.starts + _MOST)
    found: Array = is_tls(talk)[talk.of] & (place <= last[talk.of])
    return found


_MOST = 80
"""Packets of a connection in which a handshake is over."""


def _queues(talk: Conversations, sides: Sides, known: Array) -> Array:
    """Do round trips stand far above the shortest one? (``rates.judge``; of resends ``known`` has left two at most.)"""
    found = np.zeros(talk.count, bool)
    bounds = np.append(sides.begins, len(sides.places))
    numbers = np.add.reduceat(sides.is_data, sides.begins, dtype=np.int64) if len(sides.begins) else bounds[:0]
    where = {int(side): place for place, side in enumerate(sides.side[sides.begins].tolist())}
    first = talk.first(talk.is_of_client & (talk.flags & (SYN | RST) == 0))
    opened = _since(talk.when(first), talk.when(talk.first(talk.is_syn)))
    for place in np.flatnonzero(numbers >= _FEWEST_TIMES).tolist():
        side = int(sides.side[bounds[place]])
        other = where.get(side ^ 1)
        if other is None or known[side >> 1]:
            continue
        others = sides.places[bounds[other] : bounds[other + 1]]
        segments = np.arange(bounds[place], bounds[place + 1])
        segments = segments[sides.is_data[segments]]
        found[side >> 1] |= _has_queue(talk, sides, segments, others, int(opened[side >> 1]))
    return found


def _has_queue(talk: Conversations, sides: Sides, segments: Array, others: Array, opened: int) -> bool:
    acks = others[talk.flags[others] & ACK > 0]
    if not len(acks):
        return False
    is_new = sides.start[segments] >= sides.upto[segments]
    again = sides.start[segments[~is_new]] - sides.start[segments[0]]
    segments = segments[is_new]
    sent, base = sides.places[segments], talk.seq[sides.places[segments[0]]]
    ends = sides.end[segments] - sides.start[segments[0]]
    asked = np.cumsum(np.diff(talk.ack[acks], prepend=base).astype(np.int32), dtype=np.int64)
    covered = np.searchsorted(ends, asked, "right") - 1
    before = np.append(-1, np.maximum.accumulate(covered)[:-1])
    fresh = covered > before
    for start in again.tolist():
        fresh &= np.abs(asked - start) > _NEAR
    times = talk.at[acks[fresh]] - talk.at[sent[covered[fresh]]]
    times = times[times >= 0]
    if len(times) < _FEWEST_TIMES:
        return False
    usual, shortest = float(np.median(times[len(times) // 2 :])), min(int(times.min()), opened or _QUEUE)
    return usual - shortest >= _SURELY * max(_QUEUE, 2 * shortest)
