"""The way of the outer frames from the source to a target: one question to ``vpcshark.network``.

"Encapsulated mirror traffic is routed to the traffic mirror target by using the VPC route table", and "the security
groups for a traffic mirror target must allow VXLAN traffic (UDP port 4789) from the traffic mirror source" (Traffic
Mirroring guide, "Routing and security groups"), which exempts the frames from the source's own outbound groups alone.
They need no way back. Must not know what is said of the way.
"""

from __future__ import annotations

from dataclasses import replace

from vpcshark.network import engine, facts, filters
from vpcshark.network.facts import Network
from vpcshark.network.known import Known
from vpcshark.network.packet import UDP, Packet
from vpcshark.network.places import Beyond, IntoEndpoint, IntoMiddlebox, IntoNat, Leaving, OutByGateway
from vpcshark.network.trail import DROP, INTERNET, UNKNOWN, Context, End, Hop, Trail
from vpcshark.preflight.picture import Interface, Picture
from vpcshark.traffic_mirroring import VXLAN_PORT

SHUNNED = (IntoNat, OutByGateway, IntoMiddlebox, IntoEndpoint, Beyond)
"""Where frames are not followed: nothing forwards them from there that anybody could vouch for."""


def walk(picture: Picture, known: Known | None = None) -> Trail | None:
    """The way to the picture's target, the worst that AWS may choose; None where an address is not known."""
    source, target = picture.source, picture.target
    if target is None or not (source.address and target.address):
        return None
    ctx = _context(picture, known)
    start = Leaving(ctx.network.interfaces[source.id], is_copy=True)
    trails = engine.run(ctx, Trail(_packet(source, target.address)), start, SHUNNED)
    return min(trails, key=_openness)


def _openness(trail: Trail) -> int:
    verdicts = {hop.verdict for hop in trail.hops}
    return 0 if DROP in verdicts else 1 if UNKNOWN in verdicts else 2


def admission(picture: Picture, owner: str, of: tuple[str, ...], vpc: str, known: Known | None = None) -> Hop | None:
    """What the groups ``of`` of ``owner``, which is in ``vpc``, say of the frames; None where there is no group."""
    ctx, arrived = arrival(picture, known)
    interface = facts.Interface(owner, vpc, "", groups=of)
    hops = filters.group(ctx, arrived, interface, egress=False).hops
    return hops[-1] if hops else None


def arrival(picture: Picture, known: Known | None = None) -> tuple[Context, Trail]:
    """A frame that has come to the picture's target, or, where that is a load balancer, to it: what it crossed."""
    ctx = _context(picture, known)
    way = next(iter(picture.ways), None)
    gone = walk(way, known) if way is not None else None
    end = picture.target or picture.balancer
    via = gone.via if gone is not None else frozenset()
    if gone is None and end is not None and end.vpc != picture.source.vpc:
        via = frozenset({"tgw-unread"})  # by what it comes there nobody has said
    address = picture.target.address if picture.target is not None else ""
    packet = _packet(picture.source, address)
    return ctx, Trail(packet, origin=ctx.network.interfaces[picture.source.id], via=via)


def look(picture: Picture, known: Known) -> None:
    """Make each question to ``known`` that a verdict hangs on: what is missing is noted there."""
    mine = Known(with_ends(known.network, picture), known.asked)
    end = picture.target or picture.balancer
    if end is not None and end.vpc != picture.source.vpc:
        mine.hint(("joints",))  # the command that mends a missing route names one
    for way in picture.ways:
        assert way.target is not None
        walk(way, mine)
        hop = admission(way, way.target.id, way.target.groups, way.target.vpc, mine)
        if hop is not None and hop.verdict == DROP and picture.target is not None:
            mine.hint(*(("rules", each) for each in way.target.groups if _lacks_ids(mine.network, each)))
    if picture.balancer is not None and picture.balancer.groups:
        admission(picture, picture.balancer.arn, picture.balancer.groups, picture.balancer.vpc, mine)
    known.missing.update(mine.missing)


def with_ends(network: Network, picture: Picture) -> Network:
    """The network with the picture's own interfaces and instances in it."""
    ends = [each for each in (picture.source, picture.target, *picture.hosts) if each is not None]
    instances = {each.instance: facts.Instance(each.instance, "", each.instance_state) for each in ends}
    interfaces = {each.id: _fact(each) for each in ends}
    return replace(
        network,
        interfaces={**network.interfaces, **interfaces},
        instances={**network.instances, **instances},
    )


def _context(picture: Picture, known: Known | None) -> Context:
    known = known or Known(with_ends(picture.network, picture))
    target = picture.target
    goal = End(INTERNET, "")
    if target is not None:
        there = known.network.interfaces[target.id]
        goal = End("interface", target.id, there, target.address, target.subnet, target.vpc)
    return Context(known, goal, vouched=frozenset(picture.peers))


def _fact(each: Interface) -> facts.Interface:
    addresses = (each.address,) if each.address else ()
    return facts.Interface(
        each.id,
        each.vpc,
        each.subnet,
        addresses,
        groups=each.groups,
        kind=each.kind,
        name=each.name,
        az=each.az,
        instance=each.instance,
    )


def _packet(source: Interface, address: str) -> Packet:
    return Packet(source.address, address, UDP, None, (VXLAN_PORT, VXLAN_PORT))


def _lacks_ids(network: Network, group: str) -> bool:
    return group in network.groups and any(not rule.id for rule in network.groups[group].rules)
