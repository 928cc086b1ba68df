"""All verdicts over all points: what explains another finding stays, the rest goes; ranked; and the JSON of it.

Must not know how a verdict comes about.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vpcshark.diagnose import between, elsewhere, joined
from vpcshark.diagnose.extent import COUNTED, counted, seen
from vpcshark.diagnose.finding import ARTEFACTS, CANNOT_TELL, PROVED, Finding, gathered, listed, merged
from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.packet import Packet
from vpcshark.diagnose.table import MOST_ROWS, Point
from vpcshark.diagnose.verdicts import (
    clients,
    dns,
    ending,
    http,
    losses,
    mtu,
    opening,
    rates,
    routing,
    tls,
    voice,
    waits,
)
from vpcshark.diagnose.view import View

if TYPE_CHECKING:
    from vpcshark.diagnose.headers import Array
    from vpcshark.diagnose.sieve import Sieve

SCHEMA = 1
CONNECTIONS = (
    *(opening.judge, mtu.judge, mtu.unproved, losses.judge, rates.judge, waits.judge, clients.judge),
    *(ending.judge, tls.judge, http.judge),
)
JUDGES = (*CONNECTIONS, dns.judge, voice.judge, routing.judge)
_OPENING = {"syn-unanswered", "synack-unanswered", "ack-unanswered", "one-direction", "peer-silent"}
_SLOW = {"slow-server", "slow-network", "slow-client", "tls-no-server-hello"}
_RESETS = {"reset-by-peer", "reset-by-middlebox"}
_LOSSES = {"loss", "policer", "reordering", "duplicates", "peer-silent"}
EXPLAINS: dict[str, set[str]] = {
    "pmtu-black-hole": _LOSSES | _SLOW | _RESETS | {"idle-timeout", "corruption", "http-502", "capture-lost-packets"},
    "icmp-refused": _OPENING | {"refused", "rtp-one-way"},
    "refused": _OPENING,
    "backlog-full": _OPENING | _LOSSES | _SLOW | _RESETS,
    "nat-ports-exhausted": _OPENING | _LOSSES | _SLOW | _RESETS,
    "ack-unanswered": {"syn-unanswered", "synack-unanswered"} | _LOSSES | _SLOW | _RESETS,
    "synack-unanswered": {"syn-unanswered"} | _LOSSES | _SLOW,
    "syn-unanswered": {"peer-silent", "loss"},
    "idle-timeout": _LOSSES | _SLOW | _RESETS | {"http-502"},
    "one-direction": {"peer-silent", "capture-lost-packets", "loss"},
    "zero-window": _SLOW | _LOSSES,
    "corruption": _LOSSES,
    "policer": {"loss", "slow-network", "reordering"},
    "shaper": {"loss", "slow-network"},
    "injected-data": _LOSSES | _RESETS | {"capture-lost-packets"},
    "reset-by-middlebox": {"reset-by-peer", "loss"},
    "http-502": _RESETS | {"slow-server"},
    "http-504": _RESETS | {"slow-server"},
    "routing-loop": {"icmp-refused", "syn-unanswered", "loss"},
    "fragments-lost": {"loss"},
    "dns-truncated": {"syn-unanswered"},
    "dns-rate-limited": {"dns-unanswered", "loss"},
    "dns-unanswered": {"loss"},
    "rtp-one-way": {"loss"},
    "rtp-loss": {"loss"},
    **{
        kind: _RESETS | {"slow-server", "slow-client"}
        for kind in ("tls-alert", "tls-expired", "tls-version", "tls-cipher")
    },
    **{kind: _RESETS | {"slow-server", "slow-client"} for kind in ("tls-name", "tls-plaintext", "tls-no-server-hello")},
}
"""What a finding makes of others about the same flow: they are its consequence."""


@dataclass(frozen=True)
class Report:
    """What was found, the most harmful first; ``remarks`` are sentences on how far the captures reach."""

    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]

    @property
    def is_healthy(self) -> bool:
        """Is there nothing but what the capture itself did?"""
        return all(finding.kind in ARTEFACTS for finding in self.findings)

    @property
    def is_undecided(self) -> bool:
        """Is nothing proved or likely, but something open?"""
        faults = [finding for finding in self.findings if finding.kind not in ARTEFACTS]
        return bool(faults) and all(finding.confidence == CANNOT_TELL for finding in faults)


def examine(points: Sequence[Point]) -> Report:
    """Judge each point alone, then each two of them together."""
    if _lone(points) is not None:
        return Examination().finish(points)
    _number(points)
    if any(point.columns is not None for point in points) and (report := _by_columns(points)) is not None:
        return report
    views = [View(point) for point in points]
    told = [view for view in views if not view.point.is_silent]
    found = [finding for view in told for finding in (*view.findings, *_of(view))]
    remarks = [seen(counted(view), view.point, len(points)) for view in told] + elsewhere.silent_ones(points)
    pairs, left_out = _pairs([len(view.packets) for view in views])
    remarks += left_out
    compared = [joined.compare(views[a], views[b], None, numbers) for a, b, numbers in pairs]
    found += [finding for made in compared for finding in joined.judge(made)]
    heard = [view for view in views if view.packets]
    if not found and len(heard) < 2:
        found = [finding for view in heard or views for finding in routing.unsaid(view)][:1]
    return _report(found, remarks, compared, points)


def _number(points: Sequence[Point]) -> None:
    for number, point in enumerate(points, 1):
        point.number = number


def _lone(points: Sequence[Point]) -> Point | None:
    """The point in columns that alone has packets."""
    heard = [point for point in points if not point.is_silent]
    return heard[0] if len(heard) == 1 and heard[0].columns is not None else None


def _pairs(sizes: Sequence[int]) -> tuple[list[tuple[int, int, tuple[int, ...]]], list[str]]:
    """(each two points of these sizes, and what they are called where there are more; whether some are left out)."""
    count = len(sizes)
    held = [place for place in range(count) if sizes[place]]
    chosen = sorted(sorted(held, key=lambda place: -sizes[place])[:_MOST_COMPARED])
    said = f"Of {len(held)} capture points the {_MOST_COMPARED} with the most packets are compared with each other"
    pairs = [(a, b, (a + 1, b + 1)[: 2 * (count > 2)]) for a, b in itertools.combinations(chosen, 2)]
    return pairs, [said] * (len(held) > _MOST_COMPARED)


def _report(
    found: Sequence[Finding], remarks: Sequence[str], compared: Sequence[joined.Comparison], points: Sequence[Point]
) -> Report:
    found = [elsewhere.located(each, compared, points) for each in found]
    found = [each for each in joined.nearest(found, compared) if not joined.is_whole_elsewhere(each, compared)]
    told = ranked(merged(explained(found)))
    return Report(tuple(told), (*remarks, *map(between.told, compared)))


def _by_columns(points: Sequence[Point]) -> Report | None:
    """The same without packets of everything; None where a point saw packets twice, so that each is looked at."""
    from vpcshark.diagnose import places

    sighted = [places.Place(point) for point in points]
    if any(place.sieve.sound.is_doubled for place in sighted):
        return None
    found: list[Finding] = []
    remarks = []
    for place in sighted:
        if not place.point.is_silent:
            alone, counts = _of_batches(place.point, place.sieve)
            found += alone
            remarks.append(seen(counts, place.point, len(points)))
    remarks += elsewhere.silent_ones(points)
    compared = []
    pairs, left_out = _pairs([place.columns.count + len(place.point.others) for place in sighted])
    remarks += left_out
    for one, other, numbers in pairs:
        here, there, matched = places.joint(sighted[one], sighted[other])
        compared.append(joined.compare(here, there, matched, numbers))
        found += joined.judge(compared[-1])
    return _report(found, remarks, compared, points)


def _of_batches(point: Point, sieve: Sieve) -> tuple[list[Finding], Counter[str]]:
    """What is suspicious, looked at packet by packet; and how much was looked at in all."""
    counts = Counter({name: getattr(sieve.sound, name) for name in COUNTED})
    found: list[Finding] = []
    for batch in sieve.batches():
        view = View(point, batch)
        found += view.findings if batch.is_first else ()
        found += [each for judge in (JUDGES if batch.is_first else CONNECTIONS) for each in judge(view)]
        counts += counted(view)
    return found, counts


class Examination:
    """One point of a file of any length: what is full is judged and let go, the least recently used connections
    first, until ``most`` rows are left; ``finish`` judges the rest."""

    def __init__(self, most: int = MOST_ROWS // 2) -> None:
        self._most = most
        self._found: list[Finding] = []
        self._seen: Counter[str] = Counter()
        self._gone: Counter[str] = Counter()

    @property
    def has_let_go(self) -> bool:
        """Is something of the file gone?"""
        return bool(self._gone["packets"])

    def relieve(self, point: Point) -> None:
        """Judge what is quiet longest in ``point``, and let go of it."""
        assert point.columns is not None
        gone = point.columns.least_recent(min(self._most, point.columns.count // 2))
        before = self._seen["connections"]
        self._judge(point, point.columns.rows[gone], point.others)
        self._gone.update(connections=self._seen["connections"] - before, packets=int(gone.sum()) + len(point.others))
        point.columns.let_go(gone)
        point.others.clear()

    def finish(self, points: Sequence[Point]) -> Report:
        """The verdicts over all."""
        point = _lone(points)
        if point is None or point.columns is None:
            return examine(points)
        _number(points)
        self._judge(point, point.columns.rows, point.others)
        remarks = [seen(self._seen, point, len(points)), *elsewhere.silent_ones(points)]
        if self._gone:
            remarks.append(
                f"{self._gone['packets']} packets of {self._gone['connections']} connections were judged while the "
                "file was read, and let go to spare memory: those that had been quiet longest, apart from later ones"
            )
        if self._gone["findings"]:
            remarks.append(f"{self._gone['findings']} more findings of less weight were let go")
        found = [elsewhere.located(each, (), points) for each in self._found]
        return Report(tuple(ranked(merged(found))), tuple(remarks))

    def so_far(self, points: Sequence[Point]) -> Report:
        """What ``finish`` would say now; more may follow."""
        other = Examination(self._most)
        other._found, other._seen, other._gone = [*self._found], Counter(self._seen), Counter(self._gone)
        return other.finish(points)

    def _judge(self, point: Point, rows: Array, others: Sequence[Packet]) -> None:
        """Look at what is suspicious packet by packet."""
        from vpcshark.diagnose.sieve import Sieve

        assert point.columns is not None
        sieve = Sieve(point.columns, others, rows)
        found, counts = _of_batches(point, sieve)
        sieve.sound.close()
        self._seen += counts
        if not found and not self._gone and counts["packets"] < _FEW:
            found = list(routing.unsaid(View(point)))[:1]
        self._keep(explained(found))

    def _keep(self, found: Sequence[Finding]) -> None:
        self._found = gathered([*self._found, *found])
        if len(self._found) > _MOST_FINDINGS:
            kept = ranked(self._found)
            self._gone.update(findings=len(kept) - _MOST_FINDINGS)
            self._found = kept[:_MOST_FINDINGS]


_MOST_FINDINGS = 5000
_FEW, _MOST_COMPARED = 3, 20


def _of(view: View) -> list[Finding]:
    return [finding for judge in JUDGES for finding in judge(view)]


def _ends(flow: Flow) -> frozenset[tuple[bytes, int]]:
    return frozenset(((flow.source, flow.source_port), (flow.target, flow.target_port)))


def explained(findings: Sequence[Finding]) -> list[Finding]:
    """Without what another finding about the same flows explains. What can't be told explains nothing that is known."""
    by_flow = _by_flow(findings)
    kept = [finding for finding in findings if not _is_explained(finding, by_flow)]
    places = _by_flow([each for each in findings if joined.is_place(each)])
    return [_placed(finding, places) for finding in kept]


def _by_flow(findings: Sequence[Finding]) -> dict[frozenset[tuple[bytes, int]], list[Finding]]:
    by_flow: dict[frozenset[tuple[bytes, int]], list[Finding]] = {}
    for finding in findings:
        for flow in finding.flows:
            by_flow.setdefault(_ends(flow), []).append(finding)
    return by_flow


def _placed(finding: Finding, places: dict[frozenset[tuple[bytes, int]], list[Finding]]) -> Finding:
    """With the place of the loss, where two points have told it."""
    if joined.is_place(finding):
        return finding
    where = next(
        (each for flow in finding.flows for each in places.get(_ends(flow), ()) if _explains(finding, each)), None
    )
    if where is None:
        return finding
    checked = (*finding.checked, where.sentence)
    return replace(finding, checked=checked, frames=(*finding.frames, *where.frames[:4]))


def _is_explained(finding: Finding, by_flow: dict[frozenset[tuple[bytes, int]], list[Finding]]) -> bool:
    if not finding.flows or (finding.kind == "capture-duplicated"):
        return False
    return all(any(_explains(other, finding) for other in by_flow[_ends(flow)]) for flow in finding.flows)


def _explains(other: Finding, finding: Finding) -> bool:
    if joined.is_place(other) and not joined.is_place(finding) and finding.kind == "loss":
        return finding.cause == ("loss", *other.ends)
    if other is finding or finding.kind not in EXPLAINS.get(other.kind, ()):
        return False
    return other.confidence != CANNOT_TELL or finding.confidence == CANNOT_TELL


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Faults before what the capture did, the sure before the open, then by the harm."""
    return sorted(
        findings,
        key=lambda each: (
            each.kind in ARTEFACTS,
            each.confidence == CANNOT_TELL,
            -each.weight,
            each.confidence != PROVED,
        ),
    )


def as_json(report: Report, files: Sequence[str]) -> dict[str, Any]:
    """What scripts rely on."""
    return {
        "schema": SCHEMA,
        "findings": [listed(finding, files) for finding in report.findings],
        "healthy": report.is_healthy,
    }
