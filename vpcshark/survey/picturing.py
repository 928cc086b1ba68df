"""Gathers what preflight judges: the network between a source and its target, by describes side by side.

``survey`` asks for all that does not depend on the source, of the whole Region, so it runs beside the look-up of the
source itself; where a verdict hangs on more (what joins VPCs, a prefix list's entries, a transit gateway's routes),
``complete`` asks for exactly that. A describe that is refused makes a part unknown and nothing else. Must not know what
the facts mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from vpcshark.aws import prices
from vpcshark.aws.client import Aws, Ec2
from vpcshark.aws.errors import mapped
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import instance_types, quotas, resources
from vpcshark.aws.tagging import clean
from vpcshark.errors import AwsError
from vpcshark.preflight import picture as facts
from vpcshark.preflight import way
from vpcshark.preflight.picture import Picture
from vpcshark.survey import asking
from vpcshark.survey.rounds import Survey

_JOINTS = {"peering": "joints", "tgw": "joints"}  # kind of question -> the one that answers all of it


def survey(aws: Aws) -> Survey:
    """Ask for everything of the region at once, in pages. Raises nothing: what is refused is unknown."""
    found = Survey(partial(asking.put, [aws]), whole={"vpc", "group", "instance"}, whole_by=_JOINTS)
    found.ask([("region",)])
    return found


def draw(
    found: Survey,
    source: Eni,
    target: Eni | None,
    sessions: Iterable[resources.MirrorSession],
    plan: facts.Plan,
    place: tuple[str, str],
) -> Picture:
    """The picture of one source and its target, as far as ``found`` and the region's ``sessions`` show it; ``place`` is
    region and profile, for the commands. Asks nothing."""
    return Picture(
        source=interface(source),
        target=interface(target) if target is not None else None,
        network=found.network(),
        mirror_targets=tuple(map(_mirror_target, found.answers.get("TrafficMirrorTargets", ()))),
        sessions=tuple(map(_session, sessions)),
        plan=plan,
        unknown=dict(found.unknown),
        region=place[0],
        profile=place[1],
    )


def complete(found: Survey, seen: Picture) -> Picture:
    """Ask for what the verdict hangs on besides. Most pictures need nothing, and then nothing is asked."""
    found.look(partial(way.look, seen))
    return replace(seen, network=found.network(), unknown={**seen.unknown, **found.unknown})


def interface(eni: Eni) -> facts.Interface:
    """An ENI of the inventory, as preflight sees it."""
    return facts.Interface(
        id=eni.id,
        name=eni.name,
        kind=eni.interface_type,
        is_managed=eni.requester_managed,
        requester=clean(f"{eni.requester} {eni.description}") if eni.requester_managed else "",
        attachment=eni.attachment_status,
        instance=eni.instance,
        instance_type=eni.instance_type,
        instance_state=eni.instance_state,
        vpc=eni.vpc,
        subnet=eni.subnet,
        az=eni.az,
        address=eni.primary_address if ":" not in eni.primary_address else "",
        has_ipv6=any(":" in each for each in eni.addresses),
        groups=eni.groups,
        is_listed=instance_types.is_listed(eni.instance_type),
        most_sources=quotas.sources_per_target(eni.instance_type),
    )


def bandwidth(ec2: Ec2, types: Iterable[str]) -> dict[str, str]:
    """EC2's words for the network performance of instance types; those that cannot be asked for are missing."""
    wanted = sorted({each for each in types if each})
    if not wanted:
        return {}
    try:
        with mapped("look up the instance types"):
            found = ec2.describe_instance_types(InstanceTypes=wanted).get("InstanceTypes", [])
    except AwsError:
        return {}  # a note, no verdict
    return {raw["InstanceType"]: str(raw.get("NetworkInfo", {}).get("NetworkPerformance", "")) for raw in found}


def plan(packet_length: int | None = None, host_type: str = "", mirror_target: str = "") -> facts.Plan:
    """What the capture will do, with today's prices; ``host_type`` of a host that is launched for it, ``mirror_target``
    that stands already."""
    return facts.Plan(
        packet_length,
        prices.SESSION_HOUR_USD,
        prices.ZONE_GB_USD,
        prices.READ,
        host_type,
        prices.instance(host_type, 3600),
        instance_types.AS_OF,
        mirror_target,
    )


def _mirror_target(raw: Mapping[str, Any]) -> facts.MirrorTarget:
    return facts.MirrorTarget(
        raw["TrafficMirrorTargetId"],
        raw.get("NetworkInterfaceId", ""),
        raw.get("NetworkLoadBalancerArn", ""),
        raw.get("GatewayLoadBalancerEndpointId", ""),
    )


def _session(session: resources.MirrorSession) -> facts.Session:
    return facts.Session(session.id, session.source, session.target, session.number, resources.held_by(session))
