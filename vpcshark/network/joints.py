"""The steps over VPC peering connections and VPC endpoints, and to what lies beyond all that can be read.

Sources: VPC Peering Guide ("How VPC peering works"), AWS PrivateLink guide ("Gateway endpoints", "Gateway Load Balancer
endpoints"). Must not know how a packet came there.
"""

from __future__ import annotations

from vpcshark.network import filters, mend, states
from vpcshark.network.decision import Unclear
from vpcshark.network.facts import Endpoint, PeerEnd, Peering, Route
from vpcshark.network.inside import Step, tell_subnet
from vpcshark.network.packet import ANY, ICMP, TCP, contains
from vpcshark.network.places import Arriving, Beyond, IntoEndpoint, IntoPeering, Place, Routing
from vpcshark.network.trail import ALLOW, DROP, INTERNET_MTU, JUMBO, TRANSIT_MTU, UNKNOWN, Context, Hop, Trail


def into_peering(ctx: Context, trail: Trail, at: IntoPeering) -> Step:
    """Over a peering connection: from a VPC's own addresses to the other VPC's own addresses, and no further."""
    peering: Peering = ctx.known.one("peerings", at.peering, ("peering", at.peering))
    near, far = _sides(peering, at.vpc)
    is_abroad = bool(near.region and far.region and near.region != far.region)
    place = {"vpc": at.vpc, "name": peering.name, "mtu": INTERNET_MTU if is_abroad else JUMBO}
    packet = trail.packet
    command = ""
    verdict, code, said = states.judged("the peering connection", peering.status, ("active",))
    if verdict != ALLOW:
        if peering.status == "pending-acceptance":
            command = f"aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id {peering.id}"
    elif not _has(ctx, far, packet.dst):
        verdict, code, said = (
            DROP,
            "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
            f"{far.vpc} does not have {packet.dst}, and peering leads no further{_led_here(trail)}",
        )
        command = _elsewhere(trail)
    elif not _has(ctx, near, packet.src):
        verdict, code, said = (
            DROP,
            "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR",
            f"{packet.src} is not of {near.vpc}, and peering carries no other",
        )
    trail = trail.add("peering", peering.id, verdict, code=code, text=said, mend=command, **place)
    there: Place | None = Arriving(far.vpc) if code != "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR" else None
    return [(trail.cross("pcx-region" if is_abroad else "pcx"), there)]


def _chosen(trail: Trail) -> tuple[Hop, Route] | None:
    """The route that led here, and its table's hop."""
    hop = next((each for each in reversed(trail.hops) if each.kind == "route-table"), None)
    route = hop.rule.row if hop is not None and hop.rule is not None else None
    return (hop, route) if hop is not None and isinstance(route, Route) else None


def _led_here(trail: Trail) -> str:
    chosen = _chosen(trail)
    return f"; the route {chosen[1]} of {chosen[0].resource} leads here" if chosen else ""


def _elsewhere(trail: Trail) -> str:
    """Without that route a wider one of the table has the destination, which it stands in the way of; "" if not."""
    chosen = _chosen(trail)
    return mend.no_route(chosen[0].resource, chosen[1].destination) if chosen and chosen[0].passed else ""


def _sides(peering: Peering, vpc: str) -> tuple[PeerEnd, PeerEnd]:
    """(this VPC's end, the other)."""
    one, other = peering.ends
    return (one, other) if one.vpc == vpc else (other, one)


def _has(ctx: Context, end: PeerEnd, address: str) -> bool:
    cidrs = end.cidrs or ctx.known.cidrs(end.vpc)
    return any(contains(cidr, address) for cidr in cidrs)


def into_endpoint(ctx: Context, trail: Trail, at: IntoEndpoint) -> Step:
    """To a gateway endpoint's service, or to the appliances behind a Gateway Load Balancer endpoint and back."""
    endpoint: Endpoint = ctx.known.one("endpoints", at.endpoint, ("endpoint", at.endpoint))
    place = {"vpc": endpoint.vpc, "name": endpoint.name}
    verdict, code, said = states.judged("the endpoint", endpoint.state, ("available",))
    if verdict == DROP:
        return [(trail.add("vpc-endpoint", endpoint.id, DROP, code=code, text=said, **place), None)]
    if verdict != ALLOW:
        trail = trail.add("vpc-endpoint", endpoint.id, verdict, code=code, text=said, **place)
    if endpoint.kind == "GatewayLoadBalancer":
        return _appliances(ctx, trail, endpoint, at)
    if endpoint.kind != "Gateway":
        raise Unclear(f"{endpoint.id} is an endpoint of type {endpoint.kind}, behind which nothing can be read.")
    packet = trail.packet
    if not any(contains(cidr, packet.src) for cidr in ctx.known.cidrs(endpoint.vpc)):
        code, said = (
            "VPCE_GATEWAY_EGRESS_SOURCE_ADDRESS_RESTRICTION",
            f"it serves {endpoint.vpc} alone, not {packet.src}",
        )
        return [(trail.add("vpc-endpoint", endpoint.id, DROP, code=code, text=said, **place), None)]
    if packet.protocol not in (TCP, ICMP, ANY):
        said = "a gateway endpoint takes TCP and pings alone"
        code = "VPCE_GATEWAY_PROTOCOL_RESTRICTION"
        return [(trail.add("vpc-endpoint", endpoint.id, DROP, code=code, text=said, **place), None)]
    said = f"{endpoint.service}; the endpoint's policy and the service's own are not looked at"
    trail = trail.add("vpc-endpoint", endpoint.id, ALLOW, text=said, mtu=TRANSIT_MTU, **place)
    return [(trail.to(end="endpoint", end_vpc=endpoint.vpc), None)]


def _appliances(ctx: Context, trail: Trail, endpoint: Endpoint, at: IntoEndpoint) -> Step:
    """A bump in the wire: what passes the appliances comes out of the endpoint, under its own subnet's table."""
    if not endpoint.subnets:
        raise Unclear(f"{endpoint.id} has no subnet that can be read.")
    subnet = ctx.known.subnet(endpoint.subnets[0], endpoint.vpc)
    is_here = at.subnet is not None and at.subnet.id == subnet.id
    if not is_here:
        trail = tell_subnet(filters.acl(ctx, trail, subnet, egress=False), subnet)
    said = "what the appliances behind it do with the packet is not known; the walk goes on as if they passed it on"
    trail = trail.add(
        "vpc-endpoint",
        endpoint.id,
        UNKNOWN,
        code="PATH_THROUGH_GWLB_NOT_CHECKED",
        text=said,
        mtu=TRANSIT_MTU,
        vpc=endpoint.vpc,
        az=subnet.az,
        name=endpoint.name,
    ).cross("appliance")
    trail = filters.acl(ctx, trail.into(subnet.zone), subnet, egress=True)
    return [(trail, Routing(subnet.vpc, subnet))]


def beyond(ctx: Context, trail: Trail, at: Beyond) -> Step:
    """Where nothing can be read any more."""
    return [(trail.add(at.kind, at.resource, UNKNOWN, code="WALK_UNKNOWN", text=at.text, vpc=at.vpc), None)]
