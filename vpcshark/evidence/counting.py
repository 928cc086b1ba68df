"""What a walk's transit gateway attachments count as dropped, in sentences: CloudWatch knows no flow, so it is of
all traffic. Must not know how a walk is made.
"""

from __future__ import annotations

from collections.abc import Sequence

from vpcshark.aws.client import Aws
from vpcshark.aws.monitoring import gateway_metrics
from vpcshark.errors import AwsError
from vpcshark.evidence.points import ATTACHMENT, Point
from vpcshark.flowlogs.wanted import Wanted
from vpcshark.text import many

_FLOWS = ("PacketsIn", "PacketsOut")
_DROPS = {
    "PacketDropCountBlackhole": "into a black hole",
    "PacketDropCountNoRoute": "without a route",
    "PacketDropCountTTLExpired": "whose time to live expired",
}


def told(accounts: Sequence[Aws], points: Sequence[Point], wanted: Wanted) -> list[str]:
    """A sentence for each attachment: what came in and went out, and what was dropped. What nobody may read is told."""
    ids = dict.fromkeys(point.id for point in points if point.kind == ATTACHMENT)
    return [sentence for id in ids for sentence in _of(accounts, id, wanted)]


def _of(accounts: Sequence[Aws], id: str, wanted: Wanted) -> list[str]:
    said = []
    for aws in accounts:
        try:
            found = [each for each in gateway_metrics.read(aws, id, wanted.begin, wanted.end) if not each.zone]
        except AwsError as error:
            said.append(f"The counts of {id} can't be read: {error}")
            continue
        for series in found:
            counts = {name: series.total(name) for name in (*_FLOWS, *_DROPS)}
            if all(count is None for count in counts.values()):
                continue
            into, out = (f"{count:,.0f}" if (count := counts[name]) is not None else "no data on" for name in _FLOWS)
            drops = [
                f"{many(int(count), 'packet')} {words}" for name, words in _DROPS.items() if (count := counts[name])
            ]
            return [f"{id} counts, of all traffic, {into} packets in and {out} out" + _and(drops) + "."]
    return said or [f"CloudWatch has no counts of {id} in that time."]


def _and(drops: Sequence[str]) -> str:
    return f"; {', '.join(drops)}" if drops else "; nothing dropped"
