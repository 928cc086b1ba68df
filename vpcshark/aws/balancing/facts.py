"""What AWS says of load balancers and endpoints, as data. Must not know what the facts mean for a capture."""

from __future__ import annotations

from dataclasses import dataclass

from vpcshark.traffic_mirroring import VXLAN_PORT


@dataclass(frozen=True)
class Member:
    """What is registered with a load balancer's target group: an instance or an address. ``port`` is where it is sent
    to."""

    id: str
    az: str
    health: str
    reason: str = ""
    port: int = VXLAN_PORT


@dataclass(frozen=True)
class Listener:
    """A load balancer's listener and what is registered behind it."""

    id: str
    protocol: str
    port: int
    target_group: str = ""
    registered: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Balancer:
    """A load balancer of any ``kind``: "network", "gateway", "application"."""

    arn: str
    name: str
    vpc: str
    kind: str = "network"
    state: str = "active"
    is_cross_zone: bool = False
    zones: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    listeners: tuple[Listener, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """A VPC endpoint. ``service`` is the name of the endpoint service that it leads to."""

    id: str
    kind: str
    vpc: str
    state: str
    subnets: tuple[str, ...] = ()
    service: str = ""
