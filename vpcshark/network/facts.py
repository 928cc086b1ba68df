"""What there is in one or several VPCs, accounts and Regions, as frozen facts. Ids are AWS's; texts are "" where AWS has
nothing to say. Must not know how the facts were obtained, nor what follows from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vpcshark.network.packet import ALL_PORTS, ANY, Ports, port_words, protocol_words


@dataclass(frozen=True)
class Vpc:
    """``cidrs`` of both families, those that are associated. ``bpa``: the mode of VPC Block Public Access, if told."""

    id: str
    cidrs: tuple[str, ...] = ()
    name: str = ""
    owner: str = ""
    region: str = ""
    bpa: str = ""


@dataclass(frozen=True)
class Subnet:
    """``az_id`` is the same for all accounts, the zone's name is not."""

    id: str
    vpc: str
    cidrs: tuple[str, ...] = ()
    az: str = ""
    az_id: str = ""
    name: str = ""
    bpa: str = ""

    @property
    def zone(self) -> str:
        """What zones are compared by."""
        return self.az_id or self.az


@dataclass(frozen=True)
class Interface:
    """``public`` maps a private address to its public one. ``prefixes`` are delegated to the interface."""

    id: str
    vpc: str
    subnet: str
    addresses: tuple[str, ...] = ()
    public: Mapping[str, str] = field(default_factory=dict, hash=False)
    prefixes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    kind: str = "interface"
    name: str = ""
    az: str = ""
    is_checked: bool = True
    instance: str = ""
    device: int = 0
    description: str = ""
    owner: str = ""
    denies_igw: bool = False

    @property
    def type(self) -> str:
        """Botocore's enumeration says natGateway where EC2 answers nat_gateway."""
        return "nat_gateway" if self.kind == "natGateway" else self.kind


@dataclass(frozen=True)
class Instance:
    """``state`` as EC2 has it: running, stopped …"""

    id: str
    name: str = ""
    state: str = "running"
    is_windows: bool = False


@dataclass(frozen=True)
class Route:
    """``destination`` is a network or a prefix list. ``kind`` is EC2's member name for the target ("NatGatewayId")."""

    destination: str
    target: str
    kind: str
    state: str = "active"
    origin: str = "CreateRoute"
    interface: str = ""

    @property
    def is_local(self) -> bool:
        """To the VPC itself."""
        return self.target == "local"

    @property
    def is_propagated(self) -> bool:
        """Written by a virtual private gateway or a route server."""
        return self.origin in ("EnableVgwRoutePropagation", "Advertisement")

    def __str__(self) -> str:
        return f"{self.destination} -> {self.target}" + ("" if self.state == "active" else f" ({self.state})")


@dataclass(frozen=True)
class RouteTable:
    """Of subnets, or of a gateway (an edge association)."""

    id: str
    vpc: str
    routes: tuple[Route, ...] = ()
    is_main: bool = False
    subnets: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class AclEntry:
    """``icmp``: (type, code), -1 for any."""

    number: int
    egress: bool
    allow: bool
    protocol: str = ANY
    cidr: str = ""
    ports: Ports | None = None
    icmp: tuple[int, int] | None = None

    def __str__(self) -> str:
        ports = port_words(self.ports)
        what = "all" if self.protocol == ANY else protocol_words(self.protocol) + (f" {ports}" if ports else "")
        return f"{'allow' if self.allow else 'deny'} {what} {'to' if self.egress else 'from'} {self.cidr}"


@dataclass(frozen=True)
class Acl:
    """A network ACL."""

    id: str
    vpc: str
    entries: tuple[AclEntry, ...] = ()
    subnets: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class GroupRule:
    """One source or destination of a security group's rule: exactly one of ``cidr``, ``prefix_list``, ``group``."""

    egress: bool
    protocol: str = ANY
    ports: Ports | None = None
    cidr: str = ""
    prefix_list: str = ""
    group: str = ""
    id: str = ""

    @property
    def peer(self) -> str:
        """Whom it lets in or out to."""
        return self.cidr or self.prefix_list or self.group

    def __str__(self) -> str:
        ports = port_words(self.ports) if self.protocol in ("6", "17") else ""
        if self.protocol in ("1", "58") and self.ports not in (None, (-1, -1), ALL_PORTS) and self.ports:
            ports = f"type {self.ports[0]}"
        what = "all" if self.protocol == ANY else protocol_words(self.protocol) + (f" {ports}" if ports else "")
        return f"allow {what} {'to' if self.egress else 'from'} {self.peer}"


@dataclass(frozen=True)
class Group:
    """A security group."""

    id: str
    vpc: str = ""
    name: str = ""
    rules: tuple[GroupRule, ...] = ()
    owner: str = ""


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
    """``table`` is the route table that it is associated with, "" for none. ``peer`` is the transit gateway at the other
    end of a peering attachment (id, Region, owner)."""

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
        return f"{self.destination} -> {there} ({self.kind}, {self.state})"


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


@dataclass(frozen=True)
class Network:
    """All facts, each kind by id. ``unknown``: kind -> why it could not be read; ``bpa``: account/Region -> mode."""

    vpcs: Mapping[str, Vpc] = field(default_factory=dict)
    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    instances: Mapping[str, Instance] = field(default_factory=dict)
    tables: Mapping[str, RouteTable] = field(default_factory=dict)
    acls: Mapping[str, Acl] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    internet_gateways: Mapping[str, InternetGateway] = field(default_factory=dict)
    nat_gateways: Mapping[str, NatGateway] = field(default_factory=dict)
    peerings: Mapping[str, Peering] = field(default_factory=dict)
    transits: Mapping[str, Transit] = field(default_factory=dict)
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    transit_tables: Mapping[str, TransitTable] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    balancers: Mapping[str, Balancer] = field(default_factory=dict)
    target_groups: Mapping[str, TargetGroup] = field(default_factory=dict)
    prefix_lists: Mapping[str, PrefixList] = field(default_factory=dict)
    exclusions: Mapping[str, Exclusion] = field(default_factory=dict)
    bpa: str = ""
    unknown: Mapping[str, str] = field(default_factory=dict)

    def of(self, part: str) -> Mapping[str, Any]:
        """All facts of one kind, by its field's name."""
        found: Mapping[str, Any] = getattr(self, part)
        return found
