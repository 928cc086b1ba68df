"""The places that a packet is at between two steps. Plain data; must not know what happens there."""

from __future__ import annotations

from dataclasses import dataclass

from vpcshark.network.facts import Attachment, Interface, Subnet


@dataclass(frozen=True)
class Leaving:
    """It goes out of an interface. ``is_first``: the interface makes it itself and was not told yet. ``is_copy``: AWS
    makes it there (Traffic Mirroring), and then no group of the interface holds."""

    interface: Interface
    is_first: bool = True
    is_copy: bool = False


@dataclass(frozen=True)
class Departing:
    """It goes out of a subnet: network ACL, then router. ``is_checked`` False: no ACL on this way."""

    subnet: Subnet
    is_checked: bool = True


@dataclass(frozen=True)
class Routing:
    """At the router of a VPC, under the table of ``subnet`` or the one that is named (of a gateway)."""

    vpc: str
    subnet: Subnet | None = None
    table: str = ""


@dataclass(frozen=True)
class Arriving:
    """For an address of the VPC, from a subnet of it or from outside."""

    vpc: str
    subnet: str = ""


@dataclass(frozen=True)
class IntoInterface:
    """In the interface's subnet, past its ACL."""

    interface: Interface


@dataclass(frozen=True)
class IntoNat:
    """Routed to a NAT gateway."""

    nat: str
    vpc: str
    subnet: Subnet | None


@dataclass(frozen=True)
class OutByGateway:
    """Routed to an internet gateway, or an egress-only one."""

    gateway: str
    vpc: str


@dataclass(frozen=True)
class Outside:
    """In the internet."""


@dataclass(frozen=True)
class IntoTransit:
    """Routed to a transit gateway, from a VPC."""

    transit: str
    vpc: str


@dataclass(frozen=True)
class InTransit:
    """In a transit gateway, by an attachment."""

    attachment: Attachment


@dataclass(frozen=True)
class OutOfTransit:
    """It leaves a transit gateway by an attachment."""

    attachment: Attachment


@dataclass(frozen=True)
class IntoPeering:
    """Routed to a VPC peering connection."""

    peering: str
    vpc: str


@dataclass(frozen=True)
class IntoEndpoint:
    """Routed to a VPC endpoint: a gateway, or one of a Gateway Load Balancer."""

    endpoint: str
    vpc: str
    subnet: Subnet | None


@dataclass(frozen=True)
class IntoMiddlebox:
    """Routed to an interface that the packet is not for."""

    interface: str
    vpc: str
    subnet: Subnet | None


@dataclass(frozen=True)
class Beyond:
    """It leaves what can be read. ``kind`` and ``resource`` are the hop's."""

    kind: str
    resource: str
    vpc: str
    text: str


Place = (
    Leaving
    | Departing
    | Routing
    | Arriving
    | IntoInterface
    | IntoNat
    | OutByGateway
    | Outside
    | IntoTransit
    | InTransit
    | OutOfTransit
    | IntoPeering
    | IntoEndpoint
    | IntoMiddlebox
    | Beyond
)
