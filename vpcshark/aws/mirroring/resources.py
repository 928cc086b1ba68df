"""The three Traffic Mirroring resources: created with their tags, described, deleted. One small function per EC2 call.

Each create takes the caller's ClientToken, so that a create whose answer was lost can be repeated without making two.
EC2 is eventually consistent: what was created a moment ago may be unknown to the next call, which is then repeated
for a few seconds. Must not know captures, ledgers or when to clean up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from vpcshark import threads
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import is_gone, mapped
from vpcshark.aws.mirroring import tag_names
from vpcshark.aws.mirroring.rules import ALL_TRAFFIC as ALL_TRAFFIC
from vpcshark.aws.mirroring.rules import Rule as Rule
from vpcshark.aws.paging import pages
from vpcshark.aws.tagging import clean, tags_of
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import AwsError, Mistake
from vpcshark.traffic_mirroring import SESSIONS_PER_SOURCE

log = logging.getLogger(__name__)

NUMBERS = range(1, 32767)
SETTLE_TIME = 6.0  # seconds that a NotFound right after a create is believed to be EC2 catching up
SETTLE_PAUSE = 0.25
_SYSTEM = SystemClock()
T = TypeVar("T")


@dataclass(frozen=True)
class MirrorSession:
    """A mirror session as AWS describes it. ``packet_length`` is None for whole packets."""

    id: str
    vni: int
    number: int
    source: str = ""
    target: str = ""
    filter: str = ""
    packet_length: int | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create_target(ec2: Ec2, resource: str, tags: Mapping[str, str], token: str, *, description: str = "") -> str:
    """Make a mirror target of a capture host's ENI, a Network Load Balancer (its ARN) or a Gateway Load Balancer's
    endpoint (vpce-…); its id. AwsError."""
    parameters = _labelled("traffic-mirror-target", tags, token, description)
    with mapped("create a mirror target"):
        answer = ec2.create_traffic_mirror_target(**{_made_of(resource): resource}, **parameters)
    return str(answer["TrafficMirrorTarget"]["TrafficMirrorTargetId"])


def _made_of(resource: str) -> str:
    """CreateTrafficMirrorTarget's parameter for it."""
    if resource.startswith("arn:"):
        return "NetworkLoadBalancerArn"
    return "GatewayLoadBalancerEndpointId" if resource.startswith("vpce-") else "NetworkInterfaceId"


def create_filter(ec2: Ec2, tags: Mapping[str, str], token: str, *, description: str = "") -> str:
    """Make a mirror filter without rules, which mirrors nothing yet; its id. AwsError."""
    parameters = _labelled("traffic-mirror-filter", tags, token, description)
    with mapped("create a mirror filter"):
        answer = ec2.create_traffic_mirror_filter(**parameters)
    return str(answer["TrafficMirrorFilter"]["TrafficMirrorFilterId"])


def create_rules(ec2: Ec2, filter_id: str, rules: Sequence[Rule], *, clock: Clock = _SYSTEM) -> None:
    """Add all rules to the filter, side by side: they are on the way to the first packet. AwsError."""
    threads.together([partial(_create_rule, ec2, filter_id, rule, clock) for rule in rules])


def allow_dns(ec2: Ec2, filter_id: str, *, clock: Clock = _SYSTEM) -> None:
    """Mirror the traffic with the VPC's own resolver too, which no rule does (network service amazon-dns). AwsError."""
    modify = ec2.modify_traffic_mirror_filter_network_services
    _when_settled(
        "let the mirror filter pass DNS",
        lambda: modify(TrafficMirrorFilterId=filter_id, AddNetworkServices=["amazon-dns"]),
        clock,
    )


def create_session(
    ec2: Ec2,
    *,
    source: str,
    target: str,
    filter_id: str,
    number: int,
    tags: Mapping[str, str],
    token: str,
    vni: int | None = None,
    packet_length: int | None = None,
    description: str = "",
    clock: Clock = _SYSTEM,
) -> MirrorSession:
    """Start mirroring the ``source`` ENI. EC2 chooses a VNI that is unique in the account where none is given;
    ``packet_length`` counts bytes of the inner frame, None is the whole frame. AwsError."""
    parameters = _labelled("traffic-mirror-session", tags, token, description)
    if vni is not None:
        parameters["VirtualNetworkId"] = vni
    if packet_length is not None:
        parameters["PacketLength"] = packet_length
    ids = {"NetworkInterfaceId": source, "TrafficMirrorTargetId": target, "TrafficMirrorFilterId": filter_id}
    create = ec2.create_traffic_mirror_session
    answer = _when_settled("create a mirror session", lambda: create(SessionNumber=number, **ids, **parameters), clock)
    return _session(answer["TrafficMirrorSession"])


def sessions_of(ec2: Ec2, source: str = "") -> list[MirrorSession]:
    """The sessions that mirror the ``source`` ENI, or any ("") in the account, whoever made them. AwsError."""
    wanted: dict[str, Any] = {"Filters": [{"Name": "network-interface-id", "Values": [source]}]} if source else {}
    with mapped("list the mirror sessions"):
        found = list(pages(ec2, "describe_traffic_mirror_sessions", "TrafficMirrorSessions", **wanted))
    return [session for session in map(_session, found) if source in ("", session.source)]


def free_number(sessions: Iterable[MirrorSession], refused: Collection[int] = ()) -> int:
    """The lowest session number that a source's ``sessions`` leave free, and that was not ``refused``. AwsError if it
    has three already: AWS allows no more, so it names whose they are."""
    taken = list(sessions)
    if len(taken) >= SESSIONS_PER_SOURCE:
        holders = ", ".join(f"{session.id} of {held_by(session)}" for session in taken)
        raise AwsError(
            f"{taken[0].source or 'The source'} has {len(taken)} mirror sessions already, which is all that AWS allows:"
            f" {holders}.",
            "Delete one of them, or let vpcshark cleanup remove those of dead captures.",
            code="TrafficMirrorSessionsPerInterfaceLimitExceeded",
        )
    used = {session.number for session in taken}
    return next(number for number in NUMBERS if number not in used and number not in refused)


def claim_number(sessions: Iterable[MirrorSession], wanted: int | None, refused: Collection[int] = ()) -> int:
    """``wanted``, or the lowest session number that is free, of the source whose ``sessions`` are given, and that was
    not ``refused`` already. Mistake if somebody has the wanted one, AwsError if the source has three already; both say
    who."""
    taken = list(sessions)
    lowest = free_number(taken, refused)
    holder = next((session for session in taken if session.number == wanted), None)
    if holder is not None:
        raise Mistake(
            f"Session number {wanted} of {holder.source} is taken by {holder.id} of {held_by(holder)}.",
            f"Give another with --session-number, or none: the lowest free one is {lowest}.",
        )
    return wanted or lowest


def use_filter(ec2: Ec2, session_id: str, filter_id: str) -> None:
    """Have a session mirror by another filter from now on. AwsError."""
    with mapped("change the filter of a mirror session"):
        ec2.modify_traffic_mirror_session(TrafficMirrorSessionId=session_id, TrafficMirrorFilterId=filter_id)


def _create_rule(ec2: Ec2, filter_id: str, rule: Rule, clock: Clock) -> None:
    create = ec2.create_traffic_mirror_filter_rule
    _when_settled(
        f"add rule {rule.number} to the mirror filter",
        lambda: create(TrafficMirrorFilterId=filter_id, **rule.as_parameters()),
        clock,
    )


def _when_settled(doing: str, call: Callable[[], T], clock: Clock) -> T:
    """``call``, repeated while EC2 does not yet know the mirror resources that it was given."""
    deadline = clock.monotonic() + SETTLE_TIME
    while True:
        try:
            with mapped(doing):
                return call()
        except AwsError as error:
            if not is_gone(error) or clock.monotonic() >= deadline:
                raise
            log.info("%s EC2 may not be up to date; trying again.", error.problem)
        clock.sleep(SETTLE_PAUSE)


def _labelled(resource_type: str, tags: Mapping[str, str], token: str, description: str) -> dict[str, Any]:
    """The parameters that all three creates share."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    parameters: dict[str, Any] = {"ClientToken": token}
    if listed:
        parameters["TagSpecifications"] = [{"ResourceType": resource_type, "Tags": listed}]
    if description:
        parameters["Description"] = description
    return parameters


def _session(raw: Mapping[str, Any]) -> MirrorSession:
    return MirrorSession(
        id=raw["TrafficMirrorSessionId"],
        vni=int(raw.get("VirtualNetworkId", 0)),
        number=int(raw["SessionNumber"]),
        source=raw.get("NetworkInterfaceId", ""),
        target=raw.get("TrafficMirrorTargetId", ""),
        filter=raw.get("TrafficMirrorFilterId", ""),
        packet_length=raw.get("PacketLength"),
        description=raw.get("Description", ""),
        tags=tags_of(raw),
    )


def held_by(session: MirrorSession) -> str:
    """Whose a session is, as far as its tags or its description say."""
    owner = session.tags.get(tag_names.OWNER)
    if owner:
        return f"{clean(owner)} (vpcshark)"
    told = clean(session.tags.get("Name", "") or session.description)
    return f'"{told}"' if told else "somebody who left no tag"
