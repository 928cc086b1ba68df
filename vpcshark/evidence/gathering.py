"""Reads the records of a walk's points: which flow logs cover them, each read once, side by side, within a limit.

What can't be asked or read is a finding of its points, not an error. Must not know how findings are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from vpcshark import threads
from vpcshark.aws.client import Aws
from vpcshark.aws.flow_records import choice
from vpcshark.aws.flow_records.reading import LIMIT, Reading
from vpcshark.aws.monitoring import flow_logs
from vpcshark.clock import Clock
from vpcshark.errors import AwsError, InputError, VpcsharkError
from vpcshark.evidence import findings
from vpcshark.evidence.findings import Finding, Records
from vpcshark.evidence.points import ATTACHMENT, Point
from vpcshark.flowlogs import cover
from vpcshark.flowlogs.cover import FlowLog, Place
from vpcshark.flowlogs.delivery import Tally
from vpcshark.flowlogs.match import Flow
from vpcshark.flowlogs.wanted import Wanted

_AT_ONCE = 8


@dataclass(frozen=True)
class Covered:
    """One resource: who can read it, and by which flow log (None: none, or nobody knows: ``why``)."""

    place: Place | None
    aws: Aws | None = None
    log: FlowLog | None = None
    why: str = ""
    command: str = ""
    is_asked: bool = True


@dataclass
class Gathering:
    """``accounts`` are asked in their order. ``tell`` takes a sentence for the user."""

    accounts: Sequence[Aws]
    clock: Clock
    tell: Callable[[str], None]
    limit: int = LIMIT

    def look(self, points: Sequence[Point], wanted: Wanted) -> list[Finding]:
        """What records of the time of ``wanted`` show at each point."""
        ids = [*dict.fromkeys(point.id for point in points if not point.why_never)]
        covers = dict(zip(ids, threads.together([partial(self._cover, id) for id in ids], _AT_ONCE), strict=True))
        logs = {each.log.id: each for each in covers.values() if each.log is not None}
        works = [partial(self._read, each, _of_log(each, covers), points, wanted) for each in logs.values()]
        read = dict(zip(logs, threads.together(works, _AT_ONCE), strict=True))
        found = [self._finding(point, covers.get(point.id), read) for point in points]
        return [each for each in found if each.point.kind != ATTACHMENT or each.status != findings.NOT_COVERED]

    def _cover(self, id: str) -> Covered:
        why = ""
        for aws in self.accounts:
            try:
                place, logs = flow_logs.covering(aws, id)
            except (AwsError, InputError) as error:
                why = str(error)
                continue
            try:
                return Covered(place, aws, choice.best(place, logs))
            except InputError as error:
                if logs:
                    return Covered(place, aws, why=error.problem, is_asked=False)
                return Covered(place, aws, why="no flow log covers it", command=cover.command(place, logs))
        return Covered(None, why=why, is_asked=False)

    def _read(self, one: Covered, ids: Sequence[str], points: Sequence[Point], wanted: Wanted) -> Records:
        assert one.aws is not None
        assert one.log is not None
        assert one.place is not None
        own = choice.resources(one.place, one.log)
        mine = [point for point in points if point.id in ids]
        flows = tuple(dict.fromkeys(flow for point in mine for flow in _flows(point, one.log)))
        asked = Wanted(wanted.begin, wanted.end, tuple(ids) if own else (), flows)
        tally = Tally()
        reading = Reading(one.aws, one.log, asked, self.tell, self.limit, self.clock, tally=tally)
        read = Records(one.log, asked, tally)
        by = "cloudwatch" if one.log.destination_type == cover.CLOUDWATCH else ""
        try:
            read.rows = [*choice.reader(reading, by).rows()]
        except VpcsharkError as error:
            read.why_not = str(error)
        if not own:
            tally.rows[one.place.id] += sum(tally.rows.values()) or len(read.rows)
        return read

    def _finding(self, point: Point, covered: Covered | None, read: dict[str, Records]) -> Finding:
        if covered is None:
            return Finding(point, findings.NEVER, point.why_never)
        if covered.log is not None:
            return findings.judge(point, read[covered.log.id], self.clock.now())
        status = findings.NOT_COVERED if covered.is_asked else findings.UNCLEAR
        return Finding(point, status, covered.why, command=covered.command)


def _of_log(one: Covered, covers: dict[str, Covered]) -> list[str]:
    return [
        id for id, each in covers.items() if each.log is not None and one.log is not None and each.log.id == one.log.id
    ]


def _flows(point: Point, log: FlowLog) -> tuple[Flow, ...]:
    is_loose = not point.is_end and any(each.startswith("pkt-") for each in log.lacks)
    return (point.flow, *(point.weak_flows if is_loose else ()))
