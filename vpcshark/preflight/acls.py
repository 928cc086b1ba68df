"""What the network ACLs on the way say of the outer frames, as findings. Pure.

A network ACL guards what crosses a subnet's border (https://docs.aws.amazon.com/vpc/latest/userguide/
vpc-network-acls.html). The Traffic Mirroring guide exempts mirrored frames from the source's outbound security groups
alone; we take network ACLs to apply, as they do to all that the VPC routes. Must not know how an ACL is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from vpcshark.network.acls import LAST
from vpcshark.network.trail import ALLOW, UNKNOWN, Hop
from vpcshark.preflight import way
from vpcshark.preflight.finding import FAIL, OK, Finding, not_seen, placed
from vpcshark.preflight.picture import Picture
from vpcshark.traffic_mirroring import VXLAN_PORT


def acls(picture: Picture) -> Iterator[Finding]:
    """Of each subnet that the frames leave or enter; none within one subnet."""
    source, trail = picture.source, way.walk(picture)
    if trail is None or picture.target is None:
        return
    hops = [hop for hop in trail.hops if hop.kind == "network-acl"]
    unread = next((hop for hop in hops if hop.verdict == UNKNOWN), None)
    if unread is not None:
        yield not_seen("acl", unread.resource, unread.text, "The network ACLs are not known.")
    elif not hops and source.subnet == picture.target.subnet:
        yield Finding("acl", OK, source.subnet, "Source and target share a subnet, so no network ACL is in the way.")
    for hop in hops:
        if hop.verdict != UNKNOWN:
            yield _verdict(picture, hop)


def _verdict(picture: Picture, hop: Hop) -> Finding:
    assert hop.rule is not None
    is_egress = hop.rule.row.egress
    other = hop.packet.dst if is_egress else hop.packet.src
    where = f"{'out of' if is_egress else 'into'} {hop.subnet} {'to' if is_egress else 'from'} {other}"
    name = "*" if hop.rule.number is None or hop.rule.number >= LAST else str(hop.rule.number)
    if hop.verdict == ALLOW:
        return Finding("acl", OK, hop.resource, f"{hop.resource} lets UDP {VXLAN_PORT} {where}.", rule=name)
    said = f"{hop.resource} does not let UDP {VXLAN_PORT} {where}: entry {name} refuses it."
    return Finding("acl", FAIL, hop.resource, said, rule=name, command=placed(picture, hop.mend))
