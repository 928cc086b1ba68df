"""What a gateway's own counts say of the question: of all its traffic, so they prove nothing of one flow by themselves.

Source: VPC User Guide, "Monitor NAT gateways with CloudWatch". Must not know how counts are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vpcshark.evidence.counting import NAT, Counted
from vpcshark.why.steps import NAT_PORTS, Cause, Step

METRIC = "ErrorPortAllocation"


def beside(step: Step, counted: Iterable[Counted]) -> Step:
    """The step with what gateways count; records of the flow itself come first."""
    short = [(each.id, count) for each in counted if each.kind == NAT and (count := each.total(METRIC))]
    if not short:
        return step
    said = " ".join(f"{id} had no port left for a connection {count:,.0f} times ({METRIC})." for id, count in short)
    mend = "Add addresses to the NAT gateway, close idle connections, or spread the destinations."
    told = replace(step, sentence=f"{step.sentence} {said}")
    return told if step.cause is not None else replace(told, cause=Cause(NAT_PORTS, said, mend, is_general=True))
