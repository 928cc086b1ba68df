"""Topologies with VPC endpoints, one fault planted in each, as ``planted`` has them of all else.

Must not know what vpcshark makes of any of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from planted import Case, Expected, Raw, acl, group, shared

SERVICE = "52.216.0.10"
"""An address of the service's prefix list."""
ENDPOINT = "10.1.2.254"
"""The interface endpoint's: the last of its subnet."""
_OTHER_PORT = {"IpProtocol": "tcp", "FromPort": 444, "ToPort": 444}
_ALL = ["100 allow all 0.0.0.0/0"]


def served() -> Raw:
    """A gateway endpoint, which the client's group lets out to by its prefix list, and an interface endpoint in another
    subnet, with a group of its own."""
    subnets = {
        "left-host": {"cidr": "10.1.1.0/24", "table": "left", "acl": "left-host"},
        "service": {"cidr": "10.1.2.0/24", "zone": "b", "acl": "service"},
    }
    vpc = {
        "cidr": "10.1.0.0/16",
        "subnets": subnets,
        "tables": {"left": {}},
        "acls": {name: {"in": _ALL, "out": _ALL} for name in subnets},
        "groups": {
            "client": {"out": ["tcp 443 s3", "udp 443 s3", "icmp s3", "tcp 443 service"]},
            "api": {"in": ["tcp 443 client"]},
        },
    }
    return {
        "vpcs": {"left": vpc},
        "gateway_endpoints": {"s3": {"vpc": "left", "service": "s3", "tables": ["left"]}},
        "interface_endpoints": {"ssm": {"service": "ssm", "subnets": ["service"], "groups": ["api"]}},
        "instances": {"client": {"subnet": "left-host", "address": "10.1.1.10", "groups": ["client"]}},
    }


def beyond() -> Raw:
    """A client of another VPC, whose way leads over a transit gateway to a subnet with a gateway endpoint's route."""
    cidr = "52.216.0.0/15"
    raw = shared()
    raw["vpcs"]["left"]["tables"]["left"][cidr] = "tgw/main"
    raw["transit_gateways"]["main"]["tables"]["there"]["routes"] = {cidr: "right"}
    raw["gateway_endpoints"] = {"s3": {"vpc": "right", "service": "s3", "tables": ["right"]}}
    return raw


def disassociated(net: Any, is_v6: bool) -> Expected:
    """The endpoint is in the subnet's table no more."""
    table = net.id("table/left/left")
    net.ec2.modify_vpc_endpoint(VpcEndpointId=net.id("endpoint/s3"), RemoveRouteTableIds=[table])
    return Expected("forward", table, ("route-table", table, "no-route"))


def untaken(net: Any, is_v6: bool) -> Expected:
    """Nothing is wrong but the protocol."""
    endpoint = net.id("endpoint/s3")
    return Expected("forward", endpoint, ("vpc-endpoint", endpoint, "protocol"))


def foreign(net: Any, is_v6: bool) -> Expected:
    """Nothing is wrong but where the client is."""
    endpoint = net.id("endpoint/s3")
    return Expected("forward", endpoint, ("vpc-endpoint", endpoint, "not-its-vpc"))


def faults() -> Iterator[Case]:
    """Those with one fault."""
    to = {"base": served, "port": 443, "target": SERVICE}
    yield Case("endpoint without the table", plant=disassociated, is_mended=False, **to)  # type: ignore[arg-type]
    yield Case("group without the prefix list", plant=group("client", True, _OTHER_PORT), **to)  # type: ignore[arg-type]
    yield Case("ACL out to the endpoint", plant=acl("left", "left-host", True, SERVICE, "forward"), **to)  # type: ignore[arg-type]
    yield Case("ACL back from it", plant=acl("left", "left-host", False, SERVICE, "return"), **to)  # type: ignore[arg-type]
    yield Case("UDP to it", protocol="udp", plant=untaken, is_mended=False, **to)  # type: ignore[arg-type]

    yield Case("gateway endpoint of another VPC", beyond, port=443, plant=foreign, is_mended=False, target=SERVICE)
    to = {"base": served, "port": 443, "target": ENDPOINT}
    yield Case("group of the endpoint", plant=group("api", False, _OTHER_PORT), **to)  # type: ignore[arg-type]
    yield Case("ACL into its subnet", plant=acl("left", "service", False, "client", "forward"), **to)  # type: ignore[arg-type]
    yield Case("ACL back out of it", plant=acl("left", "service", True, "client", "return"), **to)  # type: ignore[arg-type]


def sound() -> Iterator[Case]:
    """Those without."""
    yield Case("sound", served, False, "tcp", 443, target=SERVICE)
    yield Case("sound", served, False, "icmp", 0, target=SERVICE)
    yield Case("sound to an interface", served, False, "tcp", 443, target=ENDPOINT)
