"""What there is in one or several VPCs, accounts and Regions, as frozen facts. Ids are AWS's; texts are "" where AWS
has nothing to say. Must not know how the facts were obtained, nor what follows from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vpcshark.network.joined import (
    Attachment,
    Balancer,
    Endpoint,
    Exclusion,
    InternetGateway,
    Listener,
    NatGateway,
    PeerEnd,
    Peering,
    PrefixList,
    Target,
    TargetGroup,
    Transit,
    TransitRoute,
    TransitTable,
)
from vpcshark.network.packet import ALL_PORTS, ANY, Ports, port_words, protocol_words

__all__ = [
    "Acl",
    "AclEntry",
    "Attachment",
    "Balancer",
    "Endpoint",
    "Exclusion",
    "Group",
    "GroupRule",
    "Instance",
    "Interface",
    "InternetGateway",
    "Listener",
    "NatGateway",
    "Network",
    "PeerEnd",
    "Peering",
    "PrefixList",
    "Route",
    "RouteTable",
    "Subnet",
    "Target",
    "TargetGroup",
    "Transit",
    "TransitRoute",
    "TransitTable",
    "Vpc",
]


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

    def __hash__(self) -> int:
        return hash(self.id)

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
    is_attached: bool = True
    tags: frozenset[tuple[str, str]] = frozenset()

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def type(self) -> str:
        """Botocore's enumeration says natGateway where EC2 answers nat_gateway."""
        return "nat_gateway" if self.kind == "natGateway" else self.kind


@dataclass(frozen=True)
class Instance:
    """``state`` as EC2 has it: running, stopped …; "" if nobody told."""

    id: str
    name: str = ""
    state: str = ""
    is_windows: bool = False
    tags: frozenset[tuple[str, str]] = frozenset()


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
        return f"{self.destination} -> {self.target}" + ("" if self.state in ("active", "") else f" ({self.state})")


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
