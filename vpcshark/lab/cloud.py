"""Everything that decides where a packet goes in the lab's account, as the API has it: for a data plane to do.

Plain facts without a verdict. The API reads itself into one ``Cloud`` after each change; references to groups and
prefix lists are spelled out as blocks. Ids are EC2's. Must not know moto, namespaces, nor what vpcshark makes of such
facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Ports = tuple[int, int]


@dataclass(frozen=True)
class AclEntry:
    """An entry of a network ACL. ``protocol`` is a number, "-1" is all; ``icmp``: (type, code), -1 is any."""

    number: int
    is_egress: bool
    is_allow: bool
    protocol: str
    cidr: str
    ports: Ports | None = None
    icmp: Ports | None = None


@dataclass(frozen=True)
class Permission:
    """A rule of a security group, for whom it holds as blocks. ``protocol`` as in ``AclEntry``; of ICMP ``ports`` are
    type and code."""

    id: str
    is_egress: bool
    protocol: str
    cidrs: tuple[str, ...]
    ports: Ports | None = None


@dataclass(frozen=True)
class Vpc:
    """``cidrs`` of both families."""

    id: str
    name: str
    cidrs: tuple[str, ...]


@dataclass(frozen=True)
class Subnet:
    """``table`` and ``acl`` are those that hold."""

    id: str
    vpc: str
    zone: str
    cidrs: tuple[str, ...]
    table: str
    acl: str


@dataclass(frozen=True)
class Eni:
    """``owner`` is the instance, NAT gateway, attachment, load balancer or endpoint that it belongs to, "" if none.
    ``is_up``: its instance runs."""

    id: str
    mac: str
    vpc: str
    subnet: str
    addresses: tuple[str, ...]
    groups: tuple[str, ...]
    kind: str
    owner: str
    index: int = 0
    is_checked: bool = True
    is_up: bool = True


@dataclass(frozen=True)
class Route:
    """``kind`` of what it leads to: local, transit, peering, nat, internet, egress, endpoint, eni; "" if it's gone."""

    destination: str
    kind: str
    target: str = ""


@dataclass(frozen=True)
class Attachment:
    """Of a transit gateway. ``resource`` is the VPC, or the other gateway of a peering. ``table``: its association."""

    id: str
    transit: str
    kind: str
    resource: str
    table: str = ""
    enis: tuple[str, ...] = ()
    has_v6: bool = True
    is_appliance: bool = False


@dataclass(frozen=True)
class TransitTable:
    """``routes``: destination -> attachment, "" for a blackhole; those in force."""

    id: str
    transit: str
    routes: Mapping[str, str]


@dataclass(frozen=True)
class Gateway:
    """An internet gateway, or an egress-only one."""

    id: str
    vpc: str
    is_egress_only: bool = False


@dataclass(frozen=True)
class Endpoint:
    """A gateway endpoint; ``cidrs`` are its service's, by the prefix list."""

    id: str
    vpc: str
    cidrs: tuple[str, ...]


@dataclass(frozen=True)
class Listener:
    """Of a Network Load Balancer: where it sends, (address, port) of each target; those that are ``registered`` are
    checked. ``crosses``: to other zones as well."""

    protocol: str
    port: int
    targets: tuple[tuple[str, int], ...]
    registered: tuple[tuple[str, int], ...] = ()
    keeps_source: bool = True
    crosses: bool = False


@dataclass(frozen=True)
class Cloud:
    """All of it, by id. ``publics``: private address at an ENI -> (ENI, public address). ``logged``: ENI that a flow
    log covers -> its VPC."""

    vpcs: Mapping[str, Vpc] = field(default_factory=dict)
    subnets: Mapping[str, Subnet] = field(default_factory=dict)
    enis: Mapping[str, Eni] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    acls: Mapping[str, tuple[AclEntry, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Permission, ...]] = field(default_factory=dict)
    transits: Mapping[str, str] = field(default_factory=dict)
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    transit_tables: Mapping[str, TransitTable] = field(default_factory=dict)
    nats: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    publics: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    peerings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    balancers: Mapping[str, tuple[Listener, ...]] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    logged: Mapping[str, str] = field(default_factory=dict)

    def ports_of(self, vpc: str) -> list[Eni]:
        """The ENIs of a VPC that something is behind."""
        return [eni for eni in self.enis.values() if eni.vpc == vpc and eni.owner]
