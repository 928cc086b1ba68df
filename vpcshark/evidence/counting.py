"""What CloudWatch counts at a walk's gateways (attachments, NAT gateways, load balancers), in sentences.

CloudWatch knows no flow, so it is of all traffic: it shows that a gateway drops, and which of ours it may be records
must say. Must not know how a walk is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vpcshark.aws.client import Aws
from vpcshark.aws.monitoring import gateway_metrics
from vpcshark.aws.monitoring.gateway_metrics import Series
from vpcshark.errors import AwsError
from vpcshark.evidence.points import ATTACHMENT
from vpcshark.flowlogs.wanted import Wanted
from vpcshark.network.answer import Answer
from vpcshark.text import many

NAT, BALANCER = "nat-gateway", "load-balancer"


@dataclass(frozen=True)
class _Words:
    """Of a kind of gateway: what it does with packets, and what goes wrong; metric -> words around a count."""

    good: Mapping[str, str]
    bad: Mapping[str, str]


_ATTACHMENT = _Words(
    {"PacketsIn": "{} packets in", "PacketsOut": "{} out"},
    {
        "PacketDropCountBlackhole": "{} into a black hole",
        "PacketDropCountNoRoute": "{} without a route",
        "PacketDropCountTTLExpired": "{} whose time to live expired",
    },
)
_NAT = _Words(
    {
        "PacketsOutToDestination": "{} packets out to destinations",
        "PacketsInFromDestination": "{} in from them",
        "ConnectionAttemptCount": "{} attempts to connect",
        "ConnectionEstablishedCount": "{} connections established",
    },
    {
        "ErrorPortAllocation": "{} times it had no port left for a connection (ErrorPortAllocation)",
        "IdleTimeoutCount": "{} connections ended for being idle (350 seconds)",
        "PacketsDropCount": "{} dropped",
    },
)
_BALANCER = _Words(
    {"NewFlowCount": "{} new flows", "ProcessedPackets": "{} packets"},
    {
        "RejectedFlowCount": "{} flows rejected",
        "TCP_Target_Reset_Count": "{} resets from targets",
        "TCP_Client_Reset_Count": "{} resets from clients",
        "PortAllocationErrorCount": "{} times it had no port left for a target (PortAllocationErrorCount)",
        "UnHealthyHostCount": "{} targets unhealthy at most",
    },
)
_KINDS = {ATTACHMENT: _ATTACHMENT, NAT: _NAT, BALANCER: _BALANCER}
_PREFIXES = ("tgw-attach-", "nat-", "arn:")


def gateways(answer: Answer) -> dict[str, str]:
    """The gateways of both ways that CloudWatch counts at, in their order: id -> kind."""
    ways = [answer.there, *([answer.back] if answer.back is not None else [])]
    hops = [hop for way in ways for hop in way.shown.hops]
    return {hop.resource: hop.kind for hop in hops if hop.kind in _KINDS and hop.resource.startswith(_PREFIXES)}


@dataclass(frozen=True)
class Counted:
    """One gateway: what was read of all zones together, or why nothing was."""

    id: str
    kind: str
    series: tuple[Series, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """What came in and went out, and what went wrong. What nobody may read is told."""
        return [*(_sentences(self.id, _KINDS[self.kind], self.series) if self.series else self.why)]

    def total(self, name: str) -> float | None:
        """Of a metric; None where there are no data."""
        return next((total for each in self.series if (total := each.total(name)) is not None), None)

    @property
    def shown(self) -> list[tuple[str, bool, Mapping[int, float]]]:
        """(metric, whether it is one of what goes wrong, time -> count) of those that there are counts of."""
        words = _KINDS[self.kind]
        return [
            (name, name in words.bad, points)
            for name in (*words.good, *words.bad)
            if (points := next((each.values[name] for each in self.series if each.values.get(name)), {}))
            and (name in words.good or any(points.values()))
        ]


def read(accounts: Sequence[Aws], met: Mapping[str, str], wanted: Wanted) -> list[Counted]:
    """The counts of each of ``gateways`` in the time of ``wanted``."""
    return [_of(accounts, id, kind, wanted) for id, kind in met.items()]


def _of(accounts: Sequence[Aws], id: str, kind: str, wanted: Wanted) -> Counted:
    said = []
    words = _KINDS[kind]
    for aws in accounts:
        try:
            found = [each for each in gateway_metrics.read(aws, id, wanted.begin, wanted.end) if not each.zone]
        except AwsError as error:
            said.append(f"The counts of {id} can't be read: {error}")
            continue
        if any(each.total(name) is not None for each in found for name in (*words.good, *words.bad)):
            return Counted(id, kind, tuple(found))
    return Counted(id, kind, why=tuple(said or [f"CloudWatch has no counts of {id} in that time."]))


def _sentences(id: str, words: _Words, found: Sequence[Series]) -> Iterator[str]:
    """A metric is of the first set of dimensions that has it: a load balancer's target groups come after it."""
    counts = {
        name: next((total for each in found if (total := each.total(name)) is not None), None)
        for name in (*words.good, *words.bad)
    }
    good = ", ".join(form.format(_counted(counts[name])) for name, form in words.good.items())
    bad = [form.format(_bad(name, count)) for name, form in words.bad.items() if (count := counts[name])]
    yield f"{id} counts, of all traffic, {good}; {', '.join(bad) if bad else 'nothing dropped'}."
    attempts, established = (counts.get(name) for name in ("ConnectionAttemptCount", "ConnectionEstablishedCount"))
    if attempts and established is not None and established < attempts:
        yield f"{id} established fewer connections than were attempted: some targets did not answer."


def _counted(count: float | None) -> str:
    return "no data on" if count is None else f"{count:,.0f}"


def _bad(name: str, count: float) -> str:
    return many(int(count), "packet") if name.startswith("Packet") else f"{count:,.0f}"
