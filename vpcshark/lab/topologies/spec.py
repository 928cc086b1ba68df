"""A topology as somebody writes it: YAML in, a checked ``Spec`` out. Must not know the API, nor what becomes of it.

The form is in docs/how-to/lab-topologies.md. A name is known everywhere in the file; blocks are IPv4, and where a VPC
has IPv6 its subnets and instances get theirs from the lab.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vpcshark.errors import InputError
from vpcshark.lab.topologies.parts import ADVICE, Part
from vpcshark.lab.topologies.rules import AclLine, GroupLine, acl_line, group_line

SHIPPED = Path(__file__).parent / "shipped"
Raw = Mapping[str, Any]


@dataclass(frozen=True)
class Subnet:
    """``table`` and ``acl`` are names in its VPC, "" for the VPC's main and default ones."""

    name: str
    vpc: str
    cidr: str
    zone: str
    table: str = ""
    acl: str = ""


@dataclass(frozen=True)
class Vpc:
    """``tables``: name -> {destination: target}; "main" is the main one. ``acls``, ``groups``: name -> (in, out); out
    of a group None: all."""

    name: str
    cidr: str
    has_v6: bool
    subnets: tuple[Subnet, ...]
    tables: Mapping[str, Mapping[str, str]]
    acls: Mapping[str, tuple[tuple[AclLine, ...], tuple[AclLine, ...]]]
    groups: Mapping[str, tuple[tuple[GroupLine, ...], tuple[GroupLine, ...] | None]]


@dataclass(frozen=True)
class Instance:
    """``public``: an Elastic IP of it. ``serves``: "tcp 80", "udp 53". ``forwards``: it is a router, and its
    source/destination check is off. ``captures``: it offers itself as a capture host."""

    name: str
    subnet: str
    address: str
    groups: tuple[str, ...]
    serves: tuple[str, ...]
    public: str = ""
    forwards: bool = False
    captures: bool = False
    type: str = "m6i.large"


@dataclass(frozen=True)
class TransitTable:
    """Names of attachments; ``routes``: destination -> attachment or "blackhole"."""

    name: str
    associations: tuple[str, ...]
    propagations: tuple[str, ...]
    routes: Mapping[str, str]


@dataclass(frozen=True)
class Transit:
    """``attachments``: name -> (VPC, its subnets). ``appliances``: those that are in appliance mode."""

    name: str
    attachments: Mapping[str, tuple[str, tuple[str, ...]]]
    tables: tuple[TransitTable, ...]
    appliances: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Nat:
    """A public NAT gateway."""

    name: str
    subnet: str
    address: str
    public: str


@dataclass(frozen=True)
class Listener:
    """``targets`` are instances, at ``to``."""

    protocol: str
    port: int
    targets: tuple[str, ...]
    to: int


@dataclass(frozen=True)
class Balancer:
    """A Network Load Balancer."""

    name: str
    subnets: tuple[str, ...]
    listeners: tuple[Listener, ...]


@dataclass(frozen=True)
class GatewayEndpoint:
    """``service`` is the end of its name: s3, dynamodb. ``tables`` are names in its VPC."""

    name: str
    vpc: str
    service: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class InterfaceEndpoint:
    """``service`` as in ``GatewayEndpoint``: ssm, logs. An interface in each subnet."""

    name: str
    service: str
    subnets: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Spec:
    """The whole. ``gateways``: name -> (VPC, is egress-only). ``internet``: address -> what it serves."""

    name: str
    vpcs: tuple[Vpc, ...]
    instances: tuple[Instance, ...] = ()
    transits: tuple[Transit, ...] = ()
    peerings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    transit_peerings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    gateways: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    nats: tuple[Nat, ...] = ()
    balancers: tuple[Balancer, ...] = ()
    internet: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gateway_endpoints: tuple[GatewayEndpoint, ...] = ()
    interface_endpoints: tuple[InterfaceEndpoint, ...] = ()

    def vpc(self, name: str) -> Vpc:
        """By its name."""
        return next(each for each in self.vpcs if each.name == name)

    def vpc_of(self, subnet: str) -> str:
        """The VPC's name that a subnet is in."""
        return next(each.name for each in self.vpcs if subnet in {one.name for one in each.subnets})


def shipped() -> list[str]:
    """The names of the topologies that come with the lab."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def find(name: str) -> Path:
    """A shipped topology's file, or the file that the name is. InputError if there is neither."""
    path = SHIPPED / f"{name}.yaml"
    if name in shipped():
        return path
    if not Path(name).is_file():
        raise InputError(f"There is no topology {name}.", f"Shipped are {', '.join(shipped())}; or give a file.")
    return Path(name).resolve()


def load(path: Path) -> Spec:
    """A file's topology. InputError says what in it is wrong."""
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} can't be read as YAML: {' '.join(str(error).split())}.", ADVICE) from error
    return parse(raw, path.stem)


def parse(raw: Any, name: str) -> Spec:
    """A topology of YAML's plain values."""
    top = Part(f"The topology {name}", raw)
    vpcs = tuple(_vpc(part) for part in top.parts("vpcs"))
    internet = {part.name: tuple(part.texts("serves")) for part in top.parts("internet")}
    spec = Spec(
        name,
        vpcs,
        tuple(map(_instance, top.parts("instances"))),
        tuple(map(_transit, top.parts("transit_gateways"))),
        top.pairs("peerings"),
        top.pairs("transit_gateway_peerings"),
        {each: (vpc, False) for each, vpc in top.strings("internet_gateways").items()}
        | {each: (vpc, True) for each, vpc in top.strings("egress_only_gateways").items()},
        tuple(map(_nat, top.parts("nat_gateways"))),
        tuple(map(_balancer, top.parts("load_balancers"))),
        internet,
        tuple(map(_gateway_endpoint, top.parts("gateway_endpoints"))),
        tuple(map(_interface_endpoint, top.parts("interface_endpoints"))),
    )
    top.done()
    _check(spec)
    return spec


def _vpc(part: Part) -> Vpc:
    subnets = tuple(
        Subnet(
            one.name, part.name, one.network("cidr"), one.text("zone", "a"), one.text("table", ""), one.text("acl", "")
        )
        for one in part.parts("subnets")
    )
    acls = {
        one.name: (
            tuple(acl_line(each, one.where) for each in one.texts("in")),
            tuple(acl_line(each, one.where) for each in one.texts("out")),
        )
        for one in part.parts("acls")
    }
    groups = {
        one.name: (
            tuple(group_line(each, one.where) for each in one.texts("in")),
            tuple(group_line(each, one.where) for each in one.texts("out")) if "out" in one.raw else None,
        )
        for one in part.parts("groups")
    }
    tables = {one.name: one.all_strings() for one in part.parts("tables")}
    return Vpc(part.name, part.network("cidr"), bool(part.take("ipv6", False)), subnets, tables, acls, groups)


def _instance(part: Part) -> Instance:
    return Instance(
        part.name,
        part.text("subnet"),
        part.address("address"),
        tuple(part.texts("groups")),
        tuple(part.texts("serves")),
        part.address("public", ""),
        bool(part.take("forwards", False)),
        bool(part.take("captures", False)),
        part.text("type", "m6i.large"),
    )


def _transit(part: Part) -> Transit:
    attachments, appliances = {}, set()
    for one in part.parts("attachments"):
        attachments[one.name] = (one.text("vpc"), tuple(one.texts("subnets")))
        appliances |= {one.name} if one.take("appliance", False) else set()
    tables = tuple(
        TransitTable(
            one.name, tuple(one.texts("associations")), tuple(one.texts("propagations")), one.strings("routes")
        )
        for one in part.parts("tables")
    )
    return Transit(part.name, attachments, tables, frozenset(appliances))


def _nat(part: Part) -> Nat:
    return Nat(part.name, part.text("subnet"), part.address("address"), part.address("public"))


def _balancer(part: Part) -> Balancer:
    return Balancer(part.name, tuple(part.texts("subnets")), tuple(map(_listener, part.parts("listeners"))))


def _gateway_endpoint(part: Part) -> GatewayEndpoint:
    return GatewayEndpoint(part.name, part.text("vpc"), part.text("service"), tuple(part.texts("tables")))


def _interface_endpoint(part: Part) -> InterfaceEndpoint:
    service, subnets = part.text("service"), tuple(part.texts("subnets"))
    if not subnets:
        raise InputError(f"{part.where} has no subnets.", ADVICE)
    return InterfaceEndpoint(part.name, service, subnets, tuple(part.texts("groups")))


def _listener(part: Part) -> Listener:
    protocol, _, port = part.name.partition(" ")
    if protocol not in ("tcp", "udp") or not port.isdigit():
        raise InputError(f'{part.where}: "{part.name}" is no listener.', "One is as in tcp 80.")
    to = part.text("port", port)
    return Listener(protocol, int(port), tuple(part.texts("targets")), int(to) if to.isdigit() else int(port))


def _check(spec: Spec) -> None:
    """Every name that is used is there."""
    vpcs = {each.name for each in spec.vpcs}
    subnets = {each.name for vpc in spec.vpcs for each in vpc.subnets}
    groups = {name for vpc in spec.vpcs for name in vpc.groups}
    used = [("subnet", name, subnets) for name in [*(e.subnet for e in spec.instances), *(e.subnet for e in spec.nats)]]
    there = {each.name for each in spec.instances}
    used += [("subnet", name, subnets) for each in spec.balancers for name in each.subnets]
    used += [("instance", n, there) for b in spec.balancers for each in b.listeners for n in each.targets]
    used += [("subnet", name, subnets) for each in spec.interface_endpoints for name in each.subnets]
    used += [("group", name, groups) for each in spec.interface_endpoints for name in each.groups]
    used += [("group", name, groups) for each in spec.instances for name in each.groups]
    used += [("VPC", vpc, vpcs) for vpc, _ in spec.gateways.values()]
    used += [("VPC", each.vpc, vpcs) for each in spec.gateway_endpoints]
    used += [("VPC", vpc, vpcs) for two in spec.peerings.values() for vpc in two]
    transits = {each.name for each in spec.transits}
    used += [("transit gateway", name, transits) for two in spec.transit_peerings.values() for name in two]
    for vpc in spec.vpcs:
        used += [("table", each.table, {*vpc.tables, "", "main"}) for each in vpc.subnets]
        mine = [each for each in spec.gateway_endpoints if each.vpc == vpc.name]
        used += [("table", name, {*vpc.tables, "main"}) for each in mine for name in each.tables]
        used += [("ACL", each.acl, {*vpc.acls, ""}) for each in vpc.subnets]
    for transit in spec.transits:
        ends = {*transit.attachments, *(n for n, two in spec.transit_peerings.items() if transit.name in two)}
        used += [("VPC", vpc, vpcs) for vpc, _ in transit.attachments.values()]
        used += [("subnet", name, subnets) for _, names in transit.attachments.values() for name in names]
        for table in transit.tables:
            used += [("attachment", name, ends) for name in (*table.associations, *table.propagations)]
            used += [("attachment", name, {*ends, "blackhole"}) for name in table.routes.values()]
    for kind, name, known in used:
        if name not in known:
            raise InputError(f"The topology {spec.name} has no {kind} {name}.", ADVICE)
