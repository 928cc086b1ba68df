"""What joins networks, made into facts: gateways, peerings, transit gateways, endpoints, load balancers, prefix lists.

The same rules as in ``parse``. Must not know where answers come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from vpcshark.network import facts
from vpcshark.survey import parse
from vpcshark.survey.parse import Answers, Raw, names


def _by_id(items: Iterable[Any]) -> dict[str, Any]:
    return {each.id: each for each in items}


def internet_gateways(answers: Answers) -> dict[str, facts.InternetGateway]:
    """Internet gateways, and egress-only ones."""
    found = [("InternetGateways", "InternetGatewayId", False)]
    found += [("EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId", True)]
    return _by_id(
        facts.InternetGateway(raw[identity], _attached_to(raw), is_egress_only, names(raw))
        for key, identity, is_egress_only in found
        for raw in answers.get(key, ())
    )


def _attached_to(raw: Raw) -> str:
    live = [
        each for each in raw.get("Attachments", []) if each.get("State", "") in ("available", "attached", "attaching")
    ]
    return str(live[0].get("VpcId", "")) if live else ""


def nat_gateways(answers: Answers) -> dict[str, facts.NatGateway]:
    """NAT gateways, zonal and regional, public and private."""
    return _by_id(map(_nat, answers.get("NatGateways", ())))


def _nat(raw: Raw) -> facts.NatGateway:
    rows = sorted(raw.get("NatGatewayAddresses", []), key=lambda each: not each.get("IsPrimary", False))
    return facts.NatGateway(
        id=raw["NatGatewayId"],
        vpc=raw.get("VpcId", ""),
        subnet=raw.get("SubnetId", ""),
        interfaces=tuple(each["NetworkInterfaceId"] for each in rows if each.get("NetworkInterfaceId")),
        addresses=tuple((each.get("PrivateIp", ""), each.get("PublicIp", "")) for each in rows),
        state=raw.get("State", ""),
        is_private=raw.get("ConnectivityType", "public") == "private",
        is_regional=raw.get("AvailabilityMode", "zonal") == "regional",
        table=raw.get("RouteTableId", ""),
        name=names(raw),
    )


def peerings(answers: Answers) -> dict[str, facts.Peering]:
    """VPC peering connections."""
    return _by_id(
        facts.Peering(
            raw["VpcPeeringConnectionId"],
            raw.get("Status", {}).get("Code", ""),
            (_peer_end(raw.get("RequesterVpcInfo", {})), _peer_end(raw.get("AccepterVpcInfo", {}))),
            names(raw),
        )
        for raw in answers.get("VpcPeeringConnections", ())
    )


def _peer_end(raw: Raw) -> facts.PeerEnd:
    cidrs = [each["CidrBlock"] for each in raw.get("CidrBlockSet", [])] or [raw.get("CidrBlock", "")]
    cidrs += [each["Ipv6CidrBlock"] for each in raw.get("Ipv6CidrBlockSet", [])]
    return facts.PeerEnd(
        raw.get("VpcId", ""), raw.get("Region", ""), raw.get("OwnerId", ""), tuple(filter(None, cidrs))
    )


def transits(answers: Answers) -> dict[str, facts.Transit]:
    """Transit gateways."""
    return _by_id(
        facts.Transit(
            raw["TransitGatewayId"], raw.get("OwnerId", ""), names(raw), _is_on(raw, "SecurityGroupReferencingSupport")
        )
        for raw in answers.get("TransitGateways", ())
    )


def _is_on(raw: Raw, option: str, default: str = "disable") -> bool:
    return bool(raw.get("Options", {}).get(option, default) == "enable")


def attachments(answers: Answers) -> dict[str, facts.Attachment]:
    """Attachments of transit gateways, by ``id@gateway``: a peering has one id at both gateways. What several answers
    (and accounts) say of one is put together."""
    told = {raw.get("TransitGatewayId") for raw in answers.get("TransitGatewayRouteTables", ())}
    found: dict[str, facts.Attachment] = {}
    for raw in answers.get("TransitGatewayAttachments", ()):
        each = _attachment(raw, raw["TransitGatewayId"] in told or _is_of_its_owner(raw))
        key = f"{each.id}@{each.transit}"
        found[key] = each if key not in found or each.table else found[key]
    for raw in answers.get("TransitGatewayVpcAttachments", ()):
        key = f"{raw['TransitGatewayAttachmentId']}@{raw['TransitGatewayId']}"
        found[key] = _of_vpc(found.get(key), raw)
    for raw in answers.get("TransitGatewayPeeringAttachments", ()):
        _add_peers(found, raw)
    return found


def _is_of_its_owner(raw: Raw) -> bool:
    """Has one account gateway and VPC? It sees this attachment as both, and an owner is told the association."""
    owner = raw.get("TransitGatewayOwnerId")
    return bool(owner) and owner == raw.get("ResourceOwnerId")


def _attachment(raw: Raw, knows_tables: bool) -> facts.Attachment:
    association = raw.get("Association") or {}
    is_live = association.get("State", "associated") in ("associated", "associating")
    table = association.get("TransitGatewayRouteTableId", "") if is_live else ""
    return facts.Attachment(
        id=raw["TransitGatewayAttachmentId"],
        transit=raw["TransitGatewayId"],
        kind=raw.get("ResourceType", ""),
        resource=raw.get("ResourceId", ""),
        owner=raw.get("ResourceOwnerId", ""),
        state=raw.get("State", ""),
        table=table,
        knows_table=bool(association) or knows_tables,
        name=names(raw),
    )


def _of_vpc(known: facts.Attachment | None, raw: Raw) -> facts.Attachment:
    base = known or facts.Attachment(
        raw["TransitGatewayAttachmentId"], raw["TransitGatewayId"], state=raw.get("State", ""), knows_table=False
    )
    return replace(
        base,
        kind="vpc",
        resource=raw.get("VpcId", base.resource),
        owner=raw.get("VpcOwnerId", base.owner),
        subnets=tuple(raw.get("SubnetIds", ())) or base.subnets,
        has_v6=_is_on(raw, "Ipv6Support", "enable"),
        is_appliance=_is_on(raw, "ApplianceModeSupport"),
        has_group_references=_is_on(raw, "SecurityGroupReferencingSupport"),
        name=base.name or names(raw),
    )


def _add_peers(found: dict[str, facts.Attachment], raw: Raw) -> None:
    """Both ends of a peering, as far as they are known attachments."""
    ends = raw.get("RequesterTgwInfo", {}), raw.get("AccepterTgwInfo", {})
    for near, far in (ends, ends[::-1]):
        key = f"{raw['TransitGatewayAttachmentId']}@{near.get('TransitGatewayId', '')}"
        if key in found:
            peer = far.get("TransitGatewayId", ""), far.get("Region", ""), far.get("OwnerId", "")
            found[key] = replace(found[key], kind="peering", peer=peer)


def transit_tables(answers: Answers) -> dict[str, facts.TransitTable]:
    """Route tables of transit gateways whose routes were told: all of them (SearchTransitGatewayRoutes), or the static
    ones and who propagates."""
    called = {raw["TransitGatewayRouteTableId"]: raw for raw in answers.get("TransitGatewayRouteTables", ())}
    found: dict[str, facts.TransitTable] = {}
    propagations: dict[str, tuple[str, ...]] = {}
    for raw in answers.get("TransitGatewayPropagations", ()):
        rows = raw.get("TransitGatewayRouteTablePropagations", [])
        live = [each["TransitGatewayAttachmentId"] for each in rows if each.get("State") in ("enabled", "enabling")]
        propagations[raw["TransitGatewayRouteTableId"]] = tuple(live)
    for raw in answers.get("TransitGatewayRoutes", ()):
        identity = raw["TransitGatewayRouteTableId"]
        if raw.get("IsStaticOnly") and identity not in propagations:
            continue
        about = called.get(identity, {})
        new = facts.TransitTable(identity, about.get("TransitGatewayId", ""), name=names(about))
        before = found.get(identity, new)
        routes = [_transit_route(each) for each in raw.get("Routes", []) if each.get("DestinationCidrBlock")]
        found[identity] = replace(
            before,
            routes=tuple(dict.fromkeys((*before.routes, *routes))),
            is_cut=before.is_cut or bool(raw.get("AdditionalRoutesAvailable")),
        )
    for identity, who in propagations.items():
        if identity in found:
            found[identity] = replace(found[identity], propagations=who)
    transit = {each.table: each.transit for each in attachments(answers).values() if each.table}
    return {key: replace(each, transit=each.transit or transit.get(key, "")) for key, each in found.items()}


def _transit_route(raw: Raw) -> facts.TransitRoute:
    rows = raw.get("TransitGatewayAttachments", [])
    return facts.TransitRoute(
        raw["DestinationCidrBlock"],
        tuple(each["TransitGatewayAttachmentId"] for each in rows),
        raw.get("State", ""),
        raw.get("Type", "static"),
        rows[0].get("ResourceType", "vpc") if rows else "vpc",
        raw.get("PrefixListId", ""),
    )


def endpoints(answers: Answers) -> dict[str, facts.Endpoint]:
    """VPC endpoints; one without a type is a gateway's, the first that there was."""
    return _by_id(
        facts.Endpoint(
            raw["VpcEndpointId"],
            raw.get("VpcId", ""),
            raw.get("VpcEndpointType") or "Gateway",
            raw.get("ServiceName", ""),
            raw.get("State", ""),
            tuple(raw.get("NetworkInterfaceIds", ())),
            tuple(raw.get("SubnetIds", ())),
            names(raw),
        )
        for raw in answers.get("VpcEndpoints", ())
    )


def balancers(answers: Answers) -> dict[str, facts.Balancer]:
    """Load balancers with their listeners."""
    listeners: dict[str, list[facts.Listener]] = {}
    for raw in answers.get("Listeners", ()):
        listeners.setdefault(raw["LoadBalancerArn"], []).append(_listener(raw))
    crosses = {
        raw["LoadBalancerArn"]: each["Value"] == "true"
        for raw in answers.get("LoadBalancerAttributes", ())
        for each in raw.get("Attributes", [])
        if each["Key"] == "load_balancing.cross_zone.enabled"
    }
    return _by_id(
        facts.Balancer(
            raw["LoadBalancerArn"],
            raw.get("LoadBalancerName", ""),
            raw.get("Type", ""),
            raw.get("VpcId", ""),
            tuple(raw.get("SecurityGroups", ())),
            raw.get("State", {}).get("Code", ""),
            raw.get("DNSName", ""),
            crosses.get(raw["LoadBalancerArn"]),
            tuple(listeners.get(raw["LoadBalancerArn"], ())),
        )
        for raw in answers.get("LoadBalancers", ())
    )


def _listener(raw: Raw) -> facts.Listener:
    arns: list[str] = []
    for action in raw.get("DefaultActions", []):
        arns += [action["TargetGroupArn"]] if action.get("TargetGroupArn") else []
        arns += [each["TargetGroupArn"] for each in action.get("ForwardConfig", {}).get("TargetGroups", [])]
    return facts.Listener(
        raw["ListenerArn"], int(raw.get("Port", 0)), raw.get("Protocol", ""), tuple(dict.fromkeys(arns))
    )


def target_groups(answers: Answers) -> dict[str, facts.TargetGroup]:
    """Target groups whose targets were told."""
    targets = {raw["TargetGroupArn"]: raw["TargetHealthDescriptions"] for raw in answers.get("TargetHealth", ())}
    attributes = {
        raw["TargetGroupArn"]: {each["Key"]: each["Value"] for each in raw.get("Attributes", [])}
        for raw in answers.get("TargetGroupAttributes", ())
    }
    return _by_id(
        _target_group(raw, targets[raw["TargetGroupArn"]], attributes.get(raw["TargetGroupArn"], {}))
        for raw in answers.get("TargetGroups", ())
        if raw["TargetGroupArn"] in targets
    )


def _target_group(raw: Raw, targets: Iterable[Raw], attributes: Mapping[str, str]) -> facts.TargetGroup:
    preserves = attributes.get("preserve_client_ip.enabled")
    return facts.TargetGroup(
        raw["TargetGroupArn"],
        raw.get("TargetGroupName", ""),
        raw.get("TargetType", "instance"),
        raw.get("Protocol", ""),
        raw.get("VpcId", ""),
        tuple(
            facts.Target(
                each["Target"]["Id"],
                int(each["Target"].get("Port", raw.get("Port", 0)) or 0),
                each.get("TargetHealth", {}).get("State", ""),
                each.get("TargetHealth", {}).get("Reason", ""),
            )
            for each in targets
        ),
        None if preserves is None else preserves == "true",
        attributes.get("load_balancing.cross_zone.enabled", ""),
    )


def prefix_lists(answers: Answers) -> dict[str, facts.PrefixList]:
    """Prefix lists with their networks: DescribePrefixLists, or the entries of managed ones."""
    found = {
        raw["PrefixListId"]: facts.PrefixList(raw["PrefixListId"], raw.get("PrefixListName", ""), tuple(raw["Cidrs"]))
        for raw in answers.get("PrefixLists", ())
        if raw.get("Cidrs")
    }
    for raw in answers.get("PrefixListEntries", ()):
        identity = raw["PrefixListId"]
        cidrs = tuple(each["Cidr"] for each in raw["Entries"])
        found[identity] = facts.PrefixList(identity, found[identity].name if identity in found else "", cidrs)
    return found


def exclusions(answers: Answers) -> dict[str, facts.Exclusion]:
    """Exclusions from VPC Block Public Access that are in force."""
    return _by_id(
        facts.Exclusion(
            raw["ExclusionId"], raw["ResourceArn"].rpartition("/")[2], raw.get("InternetGatewayExclusionMode", "")
        )
        for raw in answers.get("VpcBlockPublicAccessExclusions", ())
        if raw.get("State", "").startswith(("create-complete", "update-complete"))
    )


def bpa(answers: Answers) -> str:
    """The Region's mode of VPC Block Public Access."""
    rows = answers.get("VpcBlockPublicAccessOptions", ())
    return str(rows[0].get("InternetGatewayBlockMode", "")) if rows else ""


PARTS: Mapping[str, Callable[[Answers], Any]] = {
    "vpcs": parse.vpcs,
    "subnets": parse.subnets,
    "interfaces": parse.interfaces,
    "instances": parse.instances,
    "tables": parse.tables,
    "acls": parse.acls,
    "groups": parse.groups,
    "internet_gateways": internet_gateways,
    "nat_gateways": nat_gateways,
    "peerings": peerings,
    "transits": transits,
    "attachments": attachments,
    "transit_tables": transit_tables,
    "endpoints": endpoints,
    "balancers": balancers,
    "target_groups": target_groups,
    "prefix_lists": prefix_lists,
    "exclusions": exclusions,
    "bpa": bpa,
}
"""Field of ``Network`` -> what makes it of the answers."""
