"""What joins networks, as frozen facts: gateways, peerings, transit gateways, endpoints, load balancers, prefix lists.

Must not know how the facts were obtained, nor what follows from them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InternetGateway:
    """``is_egress_only``: the IPv6 one."""

    id: str
    vpc: str = ""
    is_egress_only: bool = False
    name: str = ""


@dataclass(frozen=True)
class NatGateway:
    """A regional one has no ``subnet`` and no ``interfaces``, but a ``table``. ``addresses``: (private, public)."""

    id: str
    vpc: str
    subnet: str = ""
    interfaces: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    state: str = "available"
    is_private: bool = False
    is_regional: bool = False
    table: str = ""
    name: str = ""


@dataclass(frozen=True)
class PeerEnd:
    """One side of a peering connection."""

    vpc: str
    region: str = ""
    owner: str = ""
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Peering:
    """A VPC peering connection; ``ends`` are requester and accepter."""

    id: str
    status: str
    ends: tuple[PeerEnd, PeerEnd]
    name: str = ""


@dataclass(frozen=True)
class Transit:
    """A transit gateway."""

    id: str
    owner: str = ""
    name: str = ""
    has_group_references: bool = False


@dataclass(frozen=True)
class Attachment:
    """``table`` is the route table that it is associated with, "" for none. ``peer`` is the transit gateway at the
    other end of a peering attachment (id, Region, owner)."""

    id: str
    transit: str
    kind: str = "vpc"
    resource: str = ""
    owner: str = ""
    state: str = "available"
    table: str = ""
    knows_table: bool = True
    subnets: tuple[str, ...] = ()
    has_v6: bool = True
    is_appliance: bool = False
    has_group_references: bool = False
    peer: tuple[str, str, str] = ("", "", "")
    name: str = ""


@dataclass(frozen=True)
class TransitRoute:
    """``kind``: static or propagated."""

    destination: str
    attachments: tuple[str, ...] = ()
    state: str = "active"
    kind: str = "static"
    resource_kind: str = "vpc"
    prefix_list: str = ""

    def __str__(self) -> str:
        there = ", ".join(self.attachments) or "nowhere"
        return f"{self.destination} -> {there} ({', '.join(filter(None, (self.kind, self.state)))})"


@dataclass(frozen=True)
class TransitTable:
    """``routes`` as far as asked; ``propagations`` are attachments whose routes are not among ``routes``. ``is_cut``:
    there are more routes than were told."""

    id: str
    transit: str = ""
    routes: tuple[TransitRoute, ...] = ()
    propagations: tuple[str, ...] = ()
    is_cut: bool = False
    name: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A VPC endpoint; ``kind`` as EC2 has it: Gateway, Interface, GatewayLoadBalancer …"""

    id: str
    vpc: str
    kind: str = "Gateway"
    service: str = ""
    state: str = "available"
    interfaces: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Listener:
    """``groups`` are target groups' ARNs."""

    id: str
    port: int
    protocol: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Balancer:
    """A load balancer; ``kind`` is network, application or gateway. ``is_cross_zone`` None: not told."""

    id: str
    name: str
    kind: str
    vpc: str = ""
    groups: tuple[str, ...] = ()
    state: str = "active"
    dns: str = ""
    is_cross_zone: bool | None = None
    listeners: tuple[Listener, ...] = ()


@dataclass(frozen=True)
class Target:
    """Of a target group: an instance or an address, with the state of its health check."""

    id: str
    port: int
    health: str = ""
    reason: str = ""


@dataclass(frozen=True)
class TargetGroup:
    """``preserves`` the client's address; None: not told, then the default of its kind holds."""

    id: str
    name: str
    target_kind: str = "instance"
    protocol: str = "TCP"
    vpc: str = ""
    targets: tuple[Target, ...] = ()
    preserves: bool | None = None
    cross_zone: str = ""


@dataclass(frozen=True)
class PrefixList:
    """A managed prefix list with its networks."""

    id: str
    name: str = ""
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exclusion:
    """From VPC Block Public Access, of a VPC or a subnet."""

    id: str
    resource: str
    mode: str
