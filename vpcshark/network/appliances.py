"""The steps through appliances: interfaces that pass on what is not for them. Do both ways of a flow meet the same one?

What an appliance does can't be read. That a stateful one drops what it has not seen begin is certain, whether this one
is stateful is not. Source: Transit Gateways guide, "Appliance in a shared services VPC". Must not know how a transit
gateway is crossed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import dropwhile

from vpcshark.network import filters
from vpcshark.network.facts import Attachment, Interface, Subnet
from vpcshark.network.inside import Step, tell_interface, tell_subnet
from vpcshark.network.places import Arriving, IntoMiddlebox, Leaving
from vpcshark.network.trail import DROP, UNKNOWN, Context, Hop, Trail

TWO_ZONES = "TRANSIT_GATEWAY_APPLIANCE_MODE_RECOMMENDED"
_UNREAD = "what the appliance does with the packet is not known; the walk goes on as if it passed it on"


def into_middlebox(ctx: Context, trail: Trail, at: IntoMiddlebox) -> Step:
    """Into an interface that shall pass the packet on, and out of it again."""
    interface = ctx.known.interface(at.interface)
    subnet = ctx.known.subnet(interface.subnet, interface.vpc)
    if at.subnet is None or at.subnet.id != subnet.id:
        trail = tell_subnet(filters.acl(ctx, trail, subnet, egress=False), subnet)
    packet = trail.packet
    if packet.dst in interface.addresses:
        return [(trail, Arriving(at.vpc, subnet.id))]
    trail = filters.group(ctx, trail, interface, egress=False)
    place = {"vpc": interface.vpc, "az": interface.az, "subnet": interface.subnet, "name": interface.name}
    if interface.is_checked:
        command = (
            f"aws ec2 modify-network-interface-attribute --network-interface-id {interface.id} --no-source-dest-check"
        )
        said = f"its source/destination check is on, so it takes nothing for {packet.dst}"
        code = "ENI_SOURCE_DEST_CHECK_RESTRICTION"
        trail = trail.add("interface", interface.id, DROP, code=code, text=said, mend=command, **place)
    else:
        trail = tell_interface(trail, interface)
    box = interface.instance or interface.id
    trail = trail.add("appliance", box, UNKNOWN, **_unread(ctx, trail, box, interface), **place)
    return [(trail.cross("appliance").into(subnet.zone), Leaving(interface, is_first=False))]


def kept(ctx: Context, attachment: Attachment, subnets: Sequence[Subnet]) -> list[Subnet]:
    """Where the way back enters by an attachment in appliance mode: the zone of the way there is kept for the flow's
    life. Nothing, where no way there has entered by it."""
    there = ctx.session.there if ctx.session is not None else None
    if there is None or not attachment.is_appliance:
        return []
    inside = dropwhile(lambda hop: hop.kind != "transit-gateway", there.hops)  # before, it was left by an attachment
    entered = next((hop for hop in inside if (hop.kind, hop.resource) == ("attachment", attachment.id)), None)
    return [each for each in subnets if entered is not None and each.id == entered.subnet]


def _unread(ctx: Context, trail: Trail, box: str, interface: Interface) -> dict[str, str]:
    """Code, text and mend of the hop: is it known more of it than that nobody can look inside?"""
    plain = {"code": "WALK_APPLIANCE", "text": _UNREAD}
    there = ctx.session.there if ctx.session is not None else None
    if there is None:
        return plain
    gone = [*_before(there.hops, interface.vpc)]
    others = [hop for hop in there.having(UNKNOWN, "appliance") if hop.vpc == interface.vpc]
    if not others or any(hop.resource == box for hop in others):
        return plain
    by, before = _entered(trail.hops, interface.vpc), _entered(gone, interface.vpc)
    if by is None or before is None or by.resource != before.resource or by.subnet == before.subnet:
        return plain
    if any(each.id == by.resource and each.is_appliance for each in ctx.network.attachments.values()):
        return plain
    first = others[0]
    said = (
        f"the way there goes over {first.resource} in {first.az}, the answer over {box} in {interface.az}, which has "
        f"not seen the connection begin: a stateful appliance drops it. {by.resource} is not in appliance mode, so "
        "each way enters in its own sender's zone"
    )
    command = (
        f"aws ec2 modify-transit-gateway-vpc-attachment --transit-gateway-attachment-id {by.resource} "
        "--options ApplianceModeSupport=enable"
    )
    return {"code": TWO_ZONES, "text": said, "mend": command}


def _before(hops: Iterable[Hop], vpc: str) -> Iterable[Hop]:
    """Up to the VPC's first appliance."""
    for hop in hops:
        if hop.kind == "appliance" and hop.vpc == vpc:
            return
        yield hop


def _entered(hops: Iterable[Hop], vpc: str) -> Hop | None:
    """The attachment by which the last of these hops came into the VPC; None: by none."""
    found = [hop for hop in hops if hop.kind == "attachment"]
    return found[-1] if found and found[-1].vpc == vpc else None
