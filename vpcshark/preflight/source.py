"""Can the source be mirrored at all: its kind, its instance, the sessions that it has. Pure.

https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-network-limitations.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, attaching, command, not_seen, starting
from vpcshark.preflight.picture import Interface, Picture
from vpcshark.traffic_mirroring import SESSIONS_PER_SOURCE

# "You can only use requester-managed network interfaces created by Amazon RDS or Amazon ElastiCache": as their
# requester ids and the descriptions tell ("RDSNetworkInterface", "ElastiCache name").
_MIRRORED_SERVICES = re.compile(r"rds|elasticache", re.IGNORECASE)
MIRRORED_KIND = "interface"  # the one of EC2's interface types


def is_mirrored(kind: str, managed_by: str = "") -> bool:
    """Does AWS mirror network interfaces of this type, and, where AWS manages them, of this service (any words that
    name it)? The one place where that stands."""
    return kind == MIRRORED_KIND and (not managed_by or bool(_MIRRORED_SERVICES.search(managed_by)))


def kind(picture: Picture) -> Iterator[Finding]:
    """EC2's interface type, who manages it, what it is attached to."""
    source = picture.source
    if not is_mirrored(source.kind):
        yield Finding(
            "source",
            FAIL,
            source.id,
            f"{source.id} is of the type {source.kind}, and AWS mirrors only network interfaces of type interface.",
        )
    elif source.is_managed and not is_mirrored(source.kind, source.requester or "AWS"):
        yield Finding(
            "source",
            FAIL,
            source.id,
            f"{source.id} is managed by {source.requester or 'an AWS service'}; of managed interfaces AWS mirrors only "
            "those of RDS and ElastiCache.",
        )
    elif picture.target is not None and picture.target.id == source.id:
        yield Finding("source", FAIL, source.id, f"{source.id} cannot be the source and its own target.")
    else:
        yield from _state(picture, source)
    yield from _addresses(picture, source)


def _state(picture: Picture, source: Interface) -> Iterator[Finding]:
    """A source may be attached or started while a capture runs, so these only warn. No other warning is of the check
    "source", so it says that there are no packets yet."""
    if source.is_managed:
        yield Finding("source", OK, source.id, f"{source.id} is an interface of {source.requester}.")
    elif source.attachment != "attached":
        yield Finding(
            "source",
            WARN,
            source.id,
            f"{source.id} is attached to no instance, so it has no packets.",
            command=attaching(picture, source.id),
        )
    elif source.instance_state not in ("running", ""):
        yield Finding(
            "source",
            WARN,
            source.instance,
            f"The instance {source.instance} of {source.id} is {source.instance_state}, so there are no packets yet.",
            command=starting(picture, source.instance),
        )
    else:
        yield Finding("source", OK, source.id, f"{source.id} is attached to the running {source.instance}.")


def _addresses(picture: Picture, source: Interface) -> Iterator[Finding]:
    subnet = picture.subnet(source.subnet)
    if subnet is not None and subnet.cidrs and all(":" in cidr for cidr in subnet.cidrs):
        yield Finding(
            "source", FAIL, subnet.id, f"{subnet.id} has IPv6 alone, and AWS mirrors nothing out of such subnets."
        )


def instance_type(picture: Picture) -> Iterator[Finding]:
    """Is the type on AWS's list? The list is older than AWS, so it only warns."""
    source = picture.source
    if not source.instance_type:
        return
    if source.is_listed:
        yield Finding("type", OK, source.instance, f"Instances of the type {source.instance_type} can be mirrored.")
    else:
        yield Finding(
            "type",
            WARN,
            source.instance,
            f"{source.instance_type} is not on AWS's list of types that can be mirrored (as of {picture.plan.listed}); "
            "AWS may refuse it, and mode tcpdump does without a mirror.",
        )


def sessions(picture: Picture) -> Iterator[Finding]:
    """At most three sessions; a packet goes to the first whose filter accepts it."""
    source = picture.source
    if "sessions" in picture.unknown:
        yield not_seen("sessions", source.id, picture.unknown["sessions"], "Other sessions could not be looked for.")
        return
    found = sorted((s for s in picture.sessions if s.source == source.id), key=lambda s: s.number)
    if len(found) >= SESSIONS_PER_SOURCE:
        last = found[-1]
        holders = ", ".join(f"{session.id} of {session.holder}" for session in found)
        yield Finding(
            "sessions",
            FAIL,
            source.id,
            f"{source.id} has {len(found)} mirror sessions, which is all that AWS allows: {holders}.",
            rule=last.id,
            command=command(picture, "ec2", "delete-traffic-mirror-session", traffic_mirror_session_id=last.id),
        )
    elif found:
        others = ", ".join(f"{session.id} (number {session.number}) of {session.holder}" for session in found)
        yield Finding(
            "sessions",
            WARN,
            source.id,
            f"{source.id} is mirrored by {others} already; each packet goes to the session with the lowest number "
            "whose filter accepts it, and to no other.",
            rule=found[0].id,
        )
    else:
        yield Finding("sessions", OK, source.id, f"{source.id} has none of its 3 mirror sessions.")


def is_no_target(picture: Picture) -> Iterator[Finding]:
    """An ENI that a mirror target stands for cannot be a source."""
    source = picture.source
    taken = next((target for target in picture.mirror_targets if target.eni == source.id), None)
    if taken is not None:
        yield Finding(
            "source",
            FAIL,
            source.id,
            f"{source.id} is the mirror target {taken.id}, and AWS mirrors no target.",
            rule=taken.id,
            command=command(picture, "ec2", "delete-traffic-mirror-target", traffic_mirror_target_id=taken.id),
        )
