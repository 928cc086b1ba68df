"""From records to what they show at each point: seen, rejected, not seen; and what that says of the walk. Pure.

Records are delivered minutes late and their starts are in no order along the way, so that they show where a packet was
and never in which order. Without a record nothing is proved unless others of the same interface came, and none was
lost. Must not know where records come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vpcshark.evidence.points import Point
from vpcshark.flowlogs import delivery, match, records
from vpcshark.flowlogs.cover import FlowLog
from vpcshark.flowlogs.delivery import Tally
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.flowlogs.replies import Replies
from vpcshark.flowlogs.scan import Row
from vpcshark.flowlogs.wanted import COLUMNS, GAPS, Wanted
from vpcshark.network.trail import Hop
from vpcshark.text import many

SEEN, REJECTED, NOT_SEEN = "seen", "rejected", "not seen"
_WAYS = {"forward": "On the way there", "return": "On the way back"}
NOT_COVERED, NEVER, UNCLEAR = "not covered", "can't be logged", "unclear"


@dataclass(frozen=True)
class Finding:
    """What is known of one point. ``packets`` and ``bytes`` are of the records; ``flow_log`` is where they are from,
    ``oldest`` the first one's start (seconds since the epoch)."""

    point: Point
    status: str
    text: str = ""
    count: int = 0
    packets: int = 0
    bytes: int = 0
    flow_log: str = ""
    command: str = ""
    is_weak: bool = False
    oldest: int = 0


@dataclass
class Records:
    """The rows that were read of one flow log, and what was seen beside them."""

    log: FlowLog
    wanted: Wanted
    tally: Tally
    rows: list[Row] = field(default_factory=list)
    why_not: str = ""


def judge(point: Point, read: Records, now: float) -> Finding:
    """One point, by the records of the flow log that covers it."""
    strong, weak = _matching(point, read)
    found = strong or weak
    if found:
        return _seen(point, read, found, is_weak=not strong)
    why = _why_unclear(point, read, now)
    if why:
        return Finding(point, UNCLEAR, why, flow_log=read.log.id)
    others = many(read.tally.rows[point.id], "record")
    said = f"none of {others} that came of it is of this flow"
    return Finding(point, NOT_SEEN, said, flow_log=read.log.id)


def _matching(point: Point, read: Records) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(records of the packet, records that may be: by ports and one address)."""
    strong, weak = [], []
    tests: dict[LogFormat, tuple[match.Test, list[match.Test]]] = {}
    for kind, row in read.rows:
        if not _is_at(point, kind, row) or _is_gap(kind, row):
            continue
        if kind not in tests:
            loose = [] if point.is_end or "pkt-srcaddr" in kind.places else point.weak_flows
            tests[kind] = (match.test(point.flow, kind), [match.test(each, kind) for each in loose])
        certain, perhaps = tests[kind]
        if certain(row):
            strong.append(records.typed(kind, row))
        elif any(each(row) for each in perhaps):
            weak.append(records.typed(kind, row))
    return strong, weak


def _is_at(point: Point, kind: LogFormat, row: Sequence[bytes]) -> bool:
    names = [kind.places[name] for name in COLUMNS if name in kind.places]
    return not names or any(row[place] == point.id.encode() for place in names)


def _is_gap(kind: LogFormat, row: Sequence[bytes]) -> bool:
    place = kind.places.get("log-status", -1)
    return place >= 0 and row[place] in GAPS


def _seen(point: Point, read: Records, found: list[dict[str, Any]], *, is_weak: bool) -> Finding:
    """The newest record decides between accepted and rejected; of several at one time, the rejection."""
    newest = max(_number(each, "start") for each in found)
    rejected = [each for each in found if each.get("action") == "REJECT" or _lost(each)]
    is_rejected = any(_number(each, "start") == newest for each in rejected)
    said = []
    if rejected:
        count = "" if len(rejected) == len(found) else f"{len(rejected)} of {many(len(found), 'record')} rejected: "
        said.append(count + _who(point, read, rejected[0]))
    if is_weak:
        said.append("by ports and one address alone: the records have no pkt-srcaddr and pkt-dstaddr")
    status = REJECTED if is_rejected else SEEN
    packets, size = (sum(max(0, _number(each, name)) for each in found) for name in ("packets", "bytes"))
    oldest = min(_number(each, "start") for each in found)
    return Finding(
        point, status, "; ".join(said), len(found), packets, size, read.log.id, is_weak=is_weak, oldest=oldest
    )


def _number(record: records.Record, name: str) -> int:
    value = record.get(name)
    return value if isinstance(value, int) else -1


def _lost(record: records.Record) -> dict[str, int]:
    found: dict[str, int] = records.meaning(record).get("lost", {})
    return found


def _who(point: Point, read: Records, record: records.Record) -> str:
    """Group or ACL, as far as records and rules tell it apart."""
    if lost := _lost(record):
        return "lost in the transit gateway: " + ", ".join(f"{count} by {why}" for why, count in lost.items())
    if record.get("reject-reason") not in (None, "-"):
        return f"AWS's reason: {record['reject-reason']}"
    if point.drop is not None:
        return f"the walk names the rule: {point.drop.kind.replace('-', ' ')} {point.drop.resource}"
    replies = Replies()
    for each in sorted((records.typed(*row) for row in read.rows), key=lambda each: _number(each, "start")):
        if _number(each, "start") <= _number(record, "end"):
            replies.meaning(each)
    unsaid = "by a security group or a network ACL: the record does not say which"
    return replies.meaning(record).get("rejected-by", unsaid)


def _why_unclear(point: Point, read: Records, now: float) -> str:
    """Why it proves nothing that there is no record; "" where it does."""
    log, tally = read.log, read.tally
    if read.why_not:
        return read.why_not
    if not log.is_good:
        return " ".join(log.problems)
    if read.wanted.begin > now - delivery.delay(log):
        return f"records come about {delivery.delay(log) // 60} minutes late: ask again, or for an earlier time"
    if tally.lost[point.id]:
        return "AWS lost records of it in that time (SKIPDATA)"
    if not point.is_end and any(each.startswith("pkt-") for each in log.lacks):
        return "its records have no pkt-srcaddr and pkt-dstaddr, so it shows its own address instead of the packet's"
    if not tally.rows[point.id]:
        return "no record of it came at all, so nobody knows whether its records are delivered"
    return ""


def against(verdict: str, found: Sequence[Finding]) -> list[str]:
    """The walk's verdict and its evidence held against each other, in sentences. ``verdict`` is that over both ways,
    for points that do not have their own way's."""
    said = [sentence for direction in _WAYS for sentence in _of_verdict(verdict, direction, found)]
    return [*said, *_of_ways(found)]


def _of_verdict(verdict: str, direction: str, found: Sequence[Finding]) -> Iterable[str]:
    """One direction by its own verdict: what only the way back meets says nothing of the way there."""
    way = [each for each in found if each.point.direction == direction]
    rejected = [each for each in way if each.status == REJECTED]
    verdict = next((each.point.way for each in way if each.point.way), verdict)
    if verdict == "reachable":
        yield from (
            f"The rules let it through, and {each.point.id} rejected it: a rule changed since, or one was not read."
            for each in rejected
        )
    ends = [each for each in way[1:][-1:] if each.point.is_end and each.status == SEEN]
    if verdict == "blocked" and ends and not rejected:
        drops = [each.point.drop for each in way if each.point.drop is not None]
        name = f" ({_named(drops[0])})" if drops else ""
        what = "it" if direction == "forward" else "the way back"
        yield f"The rules block {what}{name}, and it was seen at {ends[0].point.id}: a rule changed since."


def _named(hop: Hop) -> str:
    return f"{hop.kind.replace('-', ' ')} {hop.resource}"


def _of_ways(found: Sequence[Finding]) -> Iterable[str]:
    """Where the packets were last seen, and where not any more."""
    for direction, words in _WAYS.items():
        way = [each for each in found if each.point.direction == direction]
        last = next((each for each in reversed(way) if each.status in (SEEN, REJECTED)), None)
        rest = way[way.index(last) + 1 :] if last is not None else way
        gone = next((each for each in rest if each.status == NOT_SEEN), None)
        if gone is not None and last is not None:
            yield f"{words} it was last seen at {last.point.id}, and not at {gone.point.id}."
        elif gone is not None and not any(each.status == UNCLEAR for each in way):
            yield f"{words} it was seen nowhere."


def as_json(verdict: str, found: Sequence[Finding], wanted: Wanted) -> dict[str, Any]:
    """What scripts rely on."""
    return {
        "begin": wanted.begin,
        "end": wanted.end,
        "points": [
            {
                "direction": each.point.direction,
                "hop": each.point.number,
                "resource": each.point.id,
                "status": each.status,
                "text": each.text,
                "records": each.count,
                "packets": each.packets,
                "bytes": each.bytes,
                "flow-log": each.flow_log or None,
                "weak": each.is_weak,
                "command": each.command or None,
            }
            for each in found
        ],
        "against": against(verdict, found),
    }
