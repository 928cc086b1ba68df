"""How long a frame may be on its way, and which ones are cut or lost. Pure.

AWS adds 54 bytes before the inner packet with IPv4 (Traffic Mirroring guide, "MTU and packet length limitations"), and
cuts what is longer than the target's MTU; the ways have their own: 9001 within a VPC and over a peering in one region,
8500 through a transit gateway, a load balancer or an endpoint. What MTU an instance has set no describe shows.
"""

from __future__ import annotations

from collections.abc import Iterator

from vpcshark.preflight import routes
from vpcshark.preflight.finding import OK, WARN, Finding
from vpcshark.preflight.picture import Picture

VPC_MTU = 9001
GATEWAY_MTU = 8500
OVERHEAD = 54
OVERHEAD_IPV6 = 74
SHORTEST_IPV6 = 55


def mtu(picture: Picture) -> Iterator[Finding]:
    """Which frames do not come whole."""
    gateway = next(filter(None, map(routes.gateway_of, picture.ways)), "")
    through = gateway or _balanced(picture)
    longest = (GATEWAY_MTU if through else VPC_MTU) - OVERHEAD
    wanted = picture.plan.packet_length
    if wanted is not None and wanted < SHORTEST_IPV6 and picture.source.has_ipv6:
        yield Finding(
            "mtu",
            WARN,
            picture.source.id,
            f"{picture.source.id} has IPv6 addresses, and AWS cuts IPv6 packets to {SHORTEST_IPV6} bytes at least: "
            f"with --packet-length {wanted} they may be longer, or missing. Give --packet-length {SHORTEST_IPV6}.",
        )
    elif wanted is not None and wanted <= longest:
        yield Finding("mtu", OK, through or picture.source.id, f"Frames are cut to {wanted} bytes, as was asked for.")
    elif gateway:
        yield Finding(
            "mtu",
            WARN,
            gateway,
            f"The transit gateway {gateway} carries {GATEWAY_MTU} bytes, so packets longer than {longest} bytes are "
            f"lost; --packet-length {longest} cuts them instead.",
        )
    else:
        what = f"{through} carries {GATEWAY_MTU} bytes" if through else f"Both ends carry {VPC_MTU} bytes"
        yield Finding(
            "mtu",
            OK,
            through or picture.source.id,
            f"{what}, so packets longer than {longest} bytes ({longest + OVERHEAD - OVERHEAD_IPV6} over IPv6) are cut.",
        )


def _balanced(picture: Picture) -> str:
    if picture.balancer is not None:
        return picture.balancer.arn
    return picture.endpoint.id if picture.endpoint is not None else ""
