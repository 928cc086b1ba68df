"""Do the network ACLs let the outer frames out of the source's subnet and into the target's? Pure.

A network ACL guards what crosses a subnet's border, by ascending number; the first entry that matches decides
(https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html). Port ranges mean the destination port both
ways. The Traffic Mirroring guide exempts mirrored frames from the source's outbound security groups alone; we take
network ACLs to apply, as they do to all that the VPC routes.
"""

from __future__ import annotations

from collections.abc import Iterator

from vpcshark.preflight import addresses
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, command, not_seen
from vpcshark.preflight.picture import UDP, VXLAN_PORT, Acl, AclEntry, Interface, Picture

DEFAULT = 32767
"""The number of the entry that refuses everything, which AWS shows as *."""


def acls(picture: Picture) -> Iterator[Finding]:
    """Outbound at the source's subnet, inbound at the target's; neither within one subnet."""
    source, target = picture.source, picture.target
    if target is None or not (source.address and target.address):
        return
    if "network ACLs" in picture.unknown:
        yield not_seen("acl", source.subnet, picture.unknown["network ACLs"], "The network ACLs are not known.")
    elif source.subnet == target.subnet:
        yield Finding("acl", OK, source.subnet, "Source and target share a subnet, so no network ACL is in the way.")
    else:
        yield _verdict(picture, source, target.address, is_egress=True)
        yield _verdict(picture, target, source.address, is_egress=False)


def deciding(acl: Acl, address: str, *, is_egress: bool) -> AclEntry | None:
    """The entry that decides about UDP 4789 to (or from) ``address``; None: none matches, which refuses."""
    entries = sorted((e for e in acl.entries if e.is_egress == is_egress), key=lambda entry: entry.number)
    return next((entry for entry in entries if _matches(entry, address)), None)


def _matches(entry: AclEntry, address: str) -> bool:
    if entry.protocol not in ("-1", str(UDP)) or not addresses.holds(entry.cidr, address):
        return False
    return entry.protocol == "-1" or entry.ports is None or entry.ports[0] <= VXLAN_PORT <= entry.ports[1]


def _verdict(picture: Picture, end: Interface, other: str, *, is_egress: bool) -> Finding:
    acl = next((acl for acl in picture.acls if end.subnet in acl.subnets), None)
    if acl is None:
        return Finding("acl", WARN, end.subnet, f"The network ACL of {end.subnet} is not shown.")
    entry = deciding(acl, other, is_egress=is_egress)
    way = f"{'out of' if is_egress else 'into'} {end.subnet} {'to' if is_egress else 'from'} {other}"
    if entry is not None and entry.is_allow:
        return Finding("acl", OK, acl.id, f"{acl.id} lets UDP 4789 {way}.", rule=_name(entry))
    return Finding(
        "acl",
        FAIL,
        acl.id,
        f"{acl.id} does not let UDP {VXLAN_PORT} {way}: entry {_name(entry)} refuses it.",
        rule=_name(entry),
        command=_mend(picture, acl, entry, other, is_egress=is_egress),
    )


def _name(entry: AclEntry | None) -> str:
    return "*" if entry is None or entry.number >= DEFAULT else str(entry.number)


def _mend(picture: Picture, acl: Acl, entry: AclEntry | None, other: str, *, is_egress: bool) -> str:
    """An entry before the one that refuses, with the next lower number that is free."""
    limit = entry.number if entry is not None else DEFAULT
    used = {each.number for each in acl.entries if each.is_egress == is_egress}
    direction = {"egress": True} if is_egress else {"ingress": True}
    free = next((number for number in range(limit - 1, 0, -1) if number not in used), None)
    if free is None:
        return command(
            picture, "ec2", "delete-network-acl-entry", network_acl_id=acl.id, rule_number=limit, **direction
        )
    return command(
        picture,
        "ec2",
        "create-network-acl-entry",
        network_acl_id=acl.id,
        **direction,
        rule_number=free,
        protocol="udp",
        port_range=f"From={VXLAN_PORT},To={VXLAN_PORT}",
        cidr_block=addresses.single(other),
        rule_action="allow",
    )
