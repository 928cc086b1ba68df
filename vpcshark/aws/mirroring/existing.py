"""Mirror filters and targets that stand in the account already, and a few more things to choose from.

Must not know that a capture will use them: what is listed here is nobody's to delete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.aws.inventory.interfaces import SEPARATOR
from vpcshark.aws.paging import pages
from vpcshark.aws.tagging import clean, tags_of
from vpcshark.errors import AwsError, Mistake

_NO_SUCH = "InvalidTrafficMirror"


@dataclass(frozen=True)
class Target:
    """A mirror target: exactly one of ``eni``, ``balancer`` (a Network Load Balancer's ARN) and ``endpoint`` (a Gateway
    Load Balancer's, vpce-…) is not "". ``name`` is what a person recognises, ``owner`` the account that it belongs to,
    which may have shared it with ours; ``description`` and ``tags`` as whoever made it gave them."""

    id: str
    name: str
    eni: str
    balancer: str = ""
    endpoint: str = ""
    owner: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def filters(ec2: Ec2) -> list[tuple[str, str]]:
    """(id, what a person recognises) of every mirror filter. AwsError."""
    with mapped("list the mirror filters"):
        found = list(pages(ec2, "describe_traffic_mirror_filters", "TrafficMirrorFilters"))
    return [(raw["TrafficMirrorFilterId"], _named(raw, raw["TrafficMirrorFilterId"])) for raw in found]


def targets(ec2: Ec2) -> list[Target]:
    """Every mirror target. AwsError."""
    with mapped("list the mirror targets"):
        found = list(pages(ec2, "describe_traffic_mirror_targets", "TrafficMirrorTargets"))
    return [_target(raw) for raw in found]


def find_target(ec2: Ec2, target_id: str) -> Target:
    """The mirror target with this id. Mistake if there is none; AwsError."""
    try:
        with mapped("look up the mirror target"):
            found = list(
                pages(
                    ec2,
                    "describe_traffic_mirror_targets",
                    "TrafficMirrorTargets",
                    Filters=[{"Name": "traffic-mirror-target-id", "Values": [target_id]}],
                )
            )
    except AwsError as error:
        if not error.code.startswith(_NO_SUCH):
            raise
        found = []
    matching = [target for target in map(_target, found) if target.id == target_id]
    if not matching:
        raise Mistake(f"There is no mirror target {target_id}.", "Choose another capture host with --host.")
    return matching[0]


def target_of(ec2: Ec2, resource: str) -> Target | None:
    """The mirror target that this ENI, Network Load Balancer (its ARN) or endpoint is; None if AWS shows none.
    AwsError."""
    wanted = [] if resource.startswith("vpce-") else [{"Name": _filter_for(resource), "Values": [resource]}]
    with mapped("look up the mirror target"):
        found = list(pages(ec2, "describe_traffic_mirror_targets", "TrafficMirrorTargets", Filters=wanted))
    standing = map(_target, found)
    return next((one for one in standing if resource in (one.eni, one.balancer, one.endpoint)), None)


def _filter_for(resource: str) -> str:
    return "network-load-balancer-arn" if resource.startswith("arn:") else "network-interface-id"


def _target(raw: Any) -> Target:
    identity = raw["TrafficMirrorTargetId"]
    eni, balancer = raw.get("NetworkInterfaceId", ""), raw.get("NetworkLoadBalancerArn", "")
    endpoint = raw.get("GatewayLoadBalancerEndpointId", "")
    behind = eni or endpoint or balancer_name(balancer)
    return Target(
        identity,
        _named(raw, identity, behind),
        eni,
        balancer,
        endpoint,
        raw.get("OwnerId", ""),
        raw.get("Description", ""),
        tags_of(raw),
    )


def balancer_name(arn: str) -> str:
    """The name in a load balancer's ARN (…:loadbalancer/net/NAME/ID); the ARN itself where it has another form."""
    parts = arn.split("/")
    return parts[-2] if len(parts) >= 3 else arn


def _named(raw: Any, *more: str) -> str:
    parts = (tags_of(raw).get("Name", ""), raw.get("Description", ""), *more)
    return SEPARATOR.join(dict.fromkeys(clean(part) for part in parts if part))
