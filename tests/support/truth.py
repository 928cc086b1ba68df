"""Faults planted in a running lab, packets really sent, and what tcpdump saw of them on both sides of each interface.

The judge of evidence: nothing here reads a rule or a record. A ``Stage`` says where packets are sent and where they are
looked at; another topology is another stage.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hands import Lab, Recording, read_frames, wait_until
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

SEEN, REJECTED, NOT_SEEN, NOT_COVERED = "seen", "rejected", "not seen", "not covered"
OPEN = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
SEND = """
import socket, sys
kind, source, port, target, goal = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
family = socket.AF_INET6 if ":" in target else socket.AF_INET
with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as sock:
    sock.settimeout(1.3)
    sock.bind((source, port))
    try:
        sock.connect((target, goal))
        sock.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
        sock.recv(4096)
    except OSError as error:
        print(error)
"""


@dataclass(frozen=True)
class Place:
    """An end of the way: its namespace and device, its ENI and subnet, the device behind which its packets are let
    through (``outer``, of the namespace ``fabric``), its addresses, and its router's."""

    instance: str
    eni: str
    subnet: str
    outer: str
    ipv4: str
    ipv6: str
    router: str
    blocks: dict[int, str]


@dataclass
class Stage:
    """Where it plays. ``fabric``: what comes after the lab's name in the namespace of the VPC's own network."""

    lab: Lab
    client: Place
    server: Place
    vpc: str
    fabric: str = "vpc"
    undo: ExitStack = field(default_factory=ExitStack)

    @property
    def ec2(self) -> Any:
        return self.lab.client("ec2")

    def groups(self, place: Place, ingress: Sequence[Any], egress: Sequence[Any] = (OPEN,)) -> str:
        """The interface has one group with these rules instead of its own."""
        ec2 = self.ec2
        facts = ec2.describe_network_interfaces(NetworkInterfaceIds=[place.eni])["NetworkInterfaces"][0]
        before = [each["GroupId"] for each in facts["Groups"]]
        made = ec2.create_security_group(GroupName=f"truth-{place.instance}", Description="x", VpcId=self.vpc)
        group = made["GroupId"]
        shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=shown["IpPermissionsEgress"])
        if ingress:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(ingress))
        if egress:
            ec2.authorize_security_group_egress(GroupId=group, IpPermissions=list(egress))
        ec2.modify_network_interface_attribute(NetworkInterfaceId=place.eni, Groups=[group])
        self.undo.callback(ec2.delete_security_group, GroupId=group)
        self.undo.callback(ec2.modify_network_interface_attribute, NetworkInterfaceId=place.eni, Groups=before)
        return str(group)

    def acl(self, place: Place, *, egress: bool, protocol: str, block: str, ports: tuple[int, int] | None) -> None:
        """The subnet has an ACL that lets all through but this."""
        ec2 = self.ec2
        filters = [{"Name": "association.subnet-id", "Values": [place.subnet]}]
        old = ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]
        association = next(each for each in old["Associations"] if each["SubnetId"] == place.subnet)
        made = ec2.create_network_acl(VpcId=self.vpc)["NetworkAcl"]["NetworkAclId"]
        rows: list[dict[str, Any]] = []
        for way in (True, False):
            rows += [
                {"RuleNumber": 100, "RuleAction": "allow", "CidrBlock": "0.0.0.0/0", "Protocol": "-1", "Egress": way},
                {"RuleNumber": 101, "RuleAction": "allow", "Ipv6CidrBlock": "::/0", "Protocol": "-1", "Egress": way},
            ]
        deny: dict[str, Any] = {"RuleNumber": 50, "RuleAction": "deny", "Protocol": protocol, "Egress": egress}
        deny["Ipv6CidrBlock" if ":" in block else "CidrBlock"] = block
        if ports:
            deny["PortRange"] = {"From": ports[0], "To": ports[1]}
        for row in (*rows, deny):
            ec2.create_network_acl_entry(NetworkAclId=made, **row)
        ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=made)
        self.undo.callback(self._restore_acl, place.subnet, old["NetworkAclId"], made)

    def _restore_acl(self, subnet: str, old: str, made: str) -> None:
        filters = [{"Name": "association.subnet-id", "Values": [subnet]}]
        found = self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]
        association = next(each for each in found["Associations"] if each["SubnetId"] == subnet)
        self.ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=old)
        self.ec2.delete_network_acl(NetworkAclId=made)

    def blackhole(self, place: Place, block: str) -> None:
        """The subnet's table sends a whole subnet to an interface that is attached to nothing."""
        ec2 = self.ec2
        filters = [{"Name": "association.subnet-id", "Values": [place.subnet]}]
        old = ec2.describe_route_tables(Filters=filters)["RouteTables"][0]
        before = next(each for each in old["Associations"] if each.get("SubnetId") == place.subnet)
        loose = ec2.create_network_interface(SubnetId=place.subnet)["NetworkInterface"]["NetworkInterfaceId"]
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        key = "DestinationIpv6CidrBlock" if ":" in block else "DestinationCidrBlock"
        ec2.create_route(RouteTableId=table, NetworkInterfaceId=loose, **{key: block})
        changed = ec2.replace_route_table_association(
            AssociationId=before["RouteTableAssociationId"], RouteTableId=table
        )
        self.undo.callback(ec2.delete_network_interface, NetworkInterfaceId=loose)
        self.undo.callback(ec2.delete_route_table, RouteTableId=table)
        self.undo.callback(ec2.delete_route, RouteTableId=table, **{key: block})
        self.undo.callback(
            ec2.replace_route_table_association,
            AssociationId=changed["NewAssociationId"],
            RouteTableId=old["RouteTableId"],
        )

    def deaf(self, place: Place, protocol: str) -> None:
        """The instance's own firewall drops what comes."""
        table = "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; "
        rule = f"add rule inet deaf in {protocol} dport {{ 80, 9000 }} drop"
        self._inside(place.instance, "nft", table + rule)
        self.undo.callback(self._inside, place.instance, "nft", "delete table inet deaf")

    def _inside(self, instance: str, *command: str) -> str:
        done = subprocess.run(
            [*self.lab.namespace(instance), *command], capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout


@dataclass(frozen=True)
class Row:
    """What is planted, and how it is tried: ``protocol`` tcp, udp or icmp. ``verdict`` is what the rules say; ``goal``:
    the port; ``target`` "": the server."""

    name: str
    plant: Callable[[Stage, Row], None]
    verdict: str
    version: int = 4
    protocol: str = "tcp"
    goal: int = 80
    target: str = ""
    covers: tuple[str, ...] = ("client", "server")

    def __str__(self) -> str:
        return f"{self.name}, {self.protocol}, IPv{self.version}"

    def address(self, place: Place) -> str:
        return place.ipv6 if self.version == 6 else place.ipv4

    def block(self, place: Place) -> str:
        return f"{self.address(place)}/{128 if self.version == 6 else 32}"

    def permission(self, block: str, protocol: str = "", port: int = 0) -> dict[str, Any]:
        """A rule of a group for what is tried, or for another protocol or port."""
        kind = protocol or (("icmpv6" if self.version == 6 else "icmp") if self.protocol == "icmp" else self.protocol)
        ports = (-1, -1) if kind.startswith("icmp") else (port or self.goal, port or self.goal)
        key, name = ("Ipv6Ranges", "CidrIpv6") if self.version == 6 else ("IpRanges", "CidrIp")
        return {"IpProtocol": kind, "FromPort": ports[0], "ToPort": ports[1], key: [{name: block}]}

    @property
    def number(self) -> str:
        """As ACLs have the protocol."""
        return {"tcp": "6", "udp": "17", "icmp": "58" if self.version == 6 else "1"}[self.protocol]


def _group(ingress: Callable[[Stage, Row], list[Any]]) -> Callable[[Stage, Row], None]:
    return lambda stage, row: _ignore(stage.groups(stage.server, ingress(stage, row)))


def _ignore(_: object) -> None:
    """A plant answers nothing."""


def _acl(who: str, *, egress: bool, back: bool = False) -> Callable[[Stage, Row], None]:
    def plant(stage: Stage, row: Row) -> None:
        place = getattr(stage, who)
        far = stage.client if place is stage.server else stage.server
        ports = (1024, 65535) if back else (row.goal, row.goal)
        stage.acl(place, egress=egress, protocol=row.number, block=row.block(far), ports=ports)

    return plant


def _blackhole(who: str) -> Callable[[Stage, Row], None]:
    def plant(stage: Stage, row: Row) -> None:
        place = getattr(stage, who)
        far = stage.client if place is stage.server else stage.server
        stage.blackhole(place, far.blocks[row.version])

    return plant


def _wrong_reference(stage: Stage, row: Row) -> None:
    """The server takes the members of its own group alone."""
    group = stage.groups(stage.server, [])
    pair = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    stage.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[pair])


def _sound(stage: Stage, row: Row) -> None:
    """Nothing is wrong."""


PLANTS: tuple[tuple[str, Callable[[Stage, Row], None], str], ...] = (
    ("nothing", _sound, "reachable"),
    ("group of the server, no rule", _group(lambda stage, row: []), "blocked"),
    (
        "group of the server, other port",
        _group(lambda stage, row: [row.permission(row.block(stage.client), port=443)]),
        "blocked",
    ),
    (
        "group of the server, other network",
        _group(lambda stage, row: [row.permission("2001:db8::/32" if row.version == 6 else "192.0.2.0/24")]),
        "blocked",
    ),
    (
        "group of the server, other protocol",
        _group(lambda stage, row: [row.permission(row.block(stage.client), protocol="udp")]),
        "blocked",
    ),
    ("group of the server, another group's members", _wrong_reference, "blocked"),
    ("group of the client, no way out", lambda stage, row: _ignore(stage.groups(stage.client, [OPEN], ())), "blocked"),
    ("ACL out of the client's subnet", _acl("client", egress=True), "blocked"),
    ("ACL into the server's subnet", _acl("server", egress=False), "blocked"),
    ("ACL, back out of the server's subnet", _acl("server", egress=True, back=True), "blocked"),
    ("ACL, back into the client's subnet", _acl("client", egress=False, back=True), "blocked"),
    ("blackhole there", _blackhole("client"), "blocked"),
    ("blackhole back", _blackhole("server"), "blocked"),
    ("the server's own firewall", lambda stage, row: stage.deaf(stage.server, row.protocol), "reachable"),
)


def _closed(version: int) -> Row:
    return Row("nobody listens", _sound, "reachable", version, goal=81)


ROWS = (
    *(Row(name, plant, verdict, version) for version in (4, 6) for name, plant, verdict in PLANTS),
    *(_closed(version) for version in (4, 6)),
    *(
        Row("ACL into the server's subnet", _acl("server", egress=False), "blocked", version, "udp", 9000)
        for version in (4, 6)
    ),
    *(
        Row("group of the server, no rule", _group(lambda stage, row: []), "blocked", version, "icmp", 0)
        for version in (4, 6)
    ),
    Row("no route", _sound, "blocked", target="203.0.113.9"),
    Row("only the client's subnet has a flow log", _sound, "reachable", covers=("client",)),
    Row("only the server's subnet has one", PLANTS[1][1], "blocked", covers=("server",)),
)


@contextmanager
def planted(stage: Stage, row: Row) -> Iterator[None]:
    """The fault is there in the block."""
    with stage.undo:
        row.plant(stage, row)
        yield


class Taps:
    """tcpdump on both sides of each end, from the beginning to ``close``."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self._stage = stage
        self._folder = folder
        self._all: dict[tuple[str, str], Recording] = {}
        for who in ("client", "server"):
            place = getattr(stage, who)
            for side, name, device in (("inner", place.instance, "eth0"), ("outer", stage.fabric, place.outer)):
                file = folder / f"{who}-{side}.pcap"
                own = (stage.client.ipv4, stage.client.ipv6, place.router)
                expression = " or ".join(f"host {address}" for address in own)
                self._all[who, side] = Recording(stage.lab, name, file, expression, device)

    def close(self) -> None:
        """End them all."""
        for each in self._all.values():
            each.stop()

    def settle(self) -> None:
        """Return when what was on the wire before is in the files: a ping to each router has passed both sides."""
        for who in ("client", "server"):
            place = getattr(self._stage, who)
            before = {side: self._pings(who, side, place) for side in ("inner", "outer")}
            self._stage._inside(place.instance, "ping", "-c", "1", "-W", "5", place.router)
            for side, count in before.items():
                wait_until(lambda: self._pings(who, side, place) > count, "tcpdump has written")  # noqa: B023

    def _pings(self, who: str, side: str, place: Place) -> int:
        found = 0
        for frame in read_frames(self._folder / f"{who}-{side}.pcap"):
            packet = Ether(frame.data)
            found += IP in packet and packet[IP].proto == 1 and packet[IP].dst == place.router
        return found

    def has(self, who: str, side: str, flow: tuple[str, str, int | None, int | None], protocol: str) -> bool:
        """Was a packet of this flow there?"""
        return any(
            _is_of(Ether(frame.data), flow, protocol) for frame in read_frames(self._folder / f"{who}-{side}.pcap")
        )


def _is_of(packet: Ether, flow: tuple[str, str, int | None, int | None], protocol: str) -> bool:
    source, target, sport, dport = flow
    above = packet.getlayer(IPv6) or packet.getlayer(IP)
    if above is None or (above.src, above.dst) != (source, target):
        return False
    number = above.nh if IPv6 in packet else above.proto
    if protocol == "icmp":
        return number in (1, 58)
    kind = TCP if protocol == "tcp" else UDP
    return kind in packet and (packet[kind].sport, packet[kind].dport) == (sport, dport)


def send(stage: Stage, row: Row, port: int) -> None:
    """Try it: one connection, datagram or ping."""
    source, target = row.address(stage.client), row.target or row.address(stage.server)
    if row.protocol == "icmp":
        command = ["ping", "-c", "1", "-W", "1", target]
        subprocess.run([*stage.lab.namespace(stage.client.instance), *command], capture_output=True, timeout=60)
        return
    program = [sys.executable, "-c", SEND, row.protocol, source, str(port), target, str(row.goal)]
    stage._inside(stage.client.instance, *program)


def true_statuses(stage: Stage, row: Row, taps: Taps, port: int) -> dict[tuple[str, str], str]:
    """(direction, ENI) -> what happened there: an interface lets a packet through if it is on both its sides."""
    source, target = row.address(stage.client), row.target or row.address(stage.server)
    ports: tuple[int | None, int | None] = (None, None) if row.protocol == "icmp" else (port, row.goal)
    there, back = (source, target, *ports), (target, source, *ports[::-1])
    found = {}
    for direction, flow, ends in (("forward", there, ("client", "server")), ("return", back, ("server", "client"))):
        for who, first, second in ((ends[0], "inner", "outer"), (ends[1], "outer", "inner")):
            place: Place = getattr(stage, who)
            sides = (taps.has(who, first, flow, row.protocol), taps.has(who, second, flow, row.protocol))
            status = {(True, True): SEEN, (True, False): REJECTED, (False, False): NOT_SEEN}[sides]
            found[direction, place.eni] = status if who in row.covers else NOT_COVERED
    return found
