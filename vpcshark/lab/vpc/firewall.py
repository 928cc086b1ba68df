"""Security groups and network ACLs at the fabric's ports as nftables, which tell of each packet what became of it.

A group lets answers through: each port remembers the connections that a rule let pass. An ACL forgets, and holds at
the subnet's edge. What AWS neither filters nor logs passes by: mirrored frames, the VPC's own services and router,
neighbour discovery. Must not know moto, nor what vpcshark makes of such facts.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_network

from vpcshark.errors import VpcsharkError
from vpcshark.lab.firewalls import Firewall
from vpcshark.lab.flow_records.packets import ACCEPT, EGRESS, INGRESS, REJECT
from vpcshark.lab.guards import Entry
from vpcshark.lab.model import VXLAN_PORT
from vpcshark.lab.vpc import guard

_TABLE = "vpcshark-firewall"
_REMEMBERED = "timeout 350s"  # of an idle connection ("Security group connection tracking", EC2 user guide)
_COPIED = 128  # bytes of a packet that are told: all headers
_ERRORS = (
    "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
    "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
)
"""What belongs to a connection without being of its flow, and is let through as its answers are."""
_FAMILIES = {"ip": ("ipv4_addr", "4"), "ip6": ("ipv6_addr", "6")}


def log_rule(group: int, eni: str, direction: str, verdict: str) -> str:
    """The nftables statement that tells the listener of ``group`` of a packet: what makes any rule set in any namespace
    a source of flow logs."""
    return f'log prefix "{verdict} {direction} {eni}" group {group} snaplen {_COPIED} queue-threshold 1'


class Firewalls:
    """Those of one lab. ``group`` is that of the netlink log which hears of packets."""

    def __init__(self, fabric: str, group: int) -> None:
        self._fabric, self._group = fabric, group
        self._now: tuple[tuple[str, Firewall], ...] = ()

    def enforce(self, firewalls: Iterable[Firewall], ports: Mapping[str, str], services: Sequence[str]) -> None:
        """Judge the packets of exactly these ENIs from now on, at their ports (``ports`` by ENI id). ``services``:
        blocks of the VPC's own. What was let through before is forgotten only where something changed. VpcsharkError
        with nft's own words."""
        wanted = tuple((ports[each.eni], each) for each in firewalls if each.eni in ports)
        if wanted == self._now:
            return
        command = ["ip", "netns", "exec", self._fabric, "nft", "-f", "-"]
        text = script(wanted, self._group, services)
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise VpcsharkError(f"The lab's firewalls could not be put in force: {done.stderr.strip()}.")
        self._now = wanted


def script(wanted: Sequence[tuple[str, Firewall]], group: int, services: Sequence[str]) -> str:
    """What nft(8) is told: the whole table anew, in one transaction."""
    lines = [f"add table netdev {_TABLE}", f"delete table netdev {_TABLE}", f"table netdev {_TABLE} {{"]
    for number, (port, each) in enumerate(wanted):
        lines += _of_one(number, port, each, group, services)
    return "\n".join([*lines, "}", *_routes(each for _, each in wanted), ""])


def _routes(firewalls: Iterable[Firewall]) -> Iterator[str]:
    """What no route takes on is dropped where the VPC's router would: no interface has a record of it."""
    yield from (f"add table inet {_TABLE}", f"delete table inet {_TABLE}", f"table inet {_TABLE} {{")
    yield " chain lost { type filter hook forward priority 0; policy accept;"
    pairs = ((near, block) for each in firewalls for block in each.lost for near in each.near)
    for near, block in dict.fromkeys(pairs):
        if _family(near) == _family(block):
            yield f"  {_family(near)} saddr {near} {_family(block)} daddr {block} drop"
    yield from (" }", "}")


def _of_one(number: int, port: str, each: Firewall, group: int, services: Sequence[str]) -> Iterator[str]:
    for address, family in _FAMILIES.values():
        yield f" set flows{family}_{number} {{"
        yield f"  type {address} . inet_proto . inet_service . {address} . inet_service"
        yield f"  size 65535; flags dynamic,timeout; {_REMEMBERED}; }}"
        yield f" set pings{family}_{number} {{ type {address} . inet_proto . {address}"
        yield f"  size 65535; flags dynamic,timeout; {_REMEMBERED}; }}"
    for direction, acl, groups in ((INGRESS, each.acl_in, each.group_in), (EGRESS, each.acl_out, each.group_out)):
        way = _Way(number, direction)
        yield from way.ends(each, group)
        yield from way.acl(acl, each.near)
        yield from way.groups(groups)
    yield from _base(number, port, each, services)


class _Way:
    """The chains of one direction at one port."""

    def __init__(self, number: int, direction: str) -> None:
        self._number, self._is_in = number, direction == INGRESS
        self._direction = direction
        self._name = f"{direction}{number}"
        self._far = "saddr" if self._is_in else "daddr"

    def ends(self, each: Firewall, group: int) -> Iterator[str]:
        """What is told, and what then happens."""
        for word, end in (("yes", ACCEPT), ("no", REJECT)):
            told = [f"  {log_rule(group, each.eni, self._direction, end)}"] if each.is_logged else []
            yield from (f" chain {word}_{self._name} {{", *told, f"  {'accept' if word == 'yes' else 'drop'}", " }")

    def acl(self, entries: Sequence[Entry], near: Sequence[str]) -> Iterator[str]:
        """Returns what the network ACL lets through."""
        yield f" chain acl_{self._name} {{"
        yield from (f"  {_family(block)} {self._far} {block} return" for block in near)
        for entry in entries:
            verdict = "return" if entry.is_allow else f"goto no_{self._name}"
            yield f"  {guard.condition(entry, self._far)} {verdict}"
        yield from (f"  goto no_{self._name}", " }")

    def groups(self, entries: Sequence[Entry]) -> Iterator[str]:
        """Returns what a connection of before or a rule of a group lets through."""
        yield f" chain group_{self._name} {{"
        yield from (f"  {which} {key} @{name} return" for which, key, name in self._keys())
        yield from (f"  {errors} return" for errors in _ERRORS)
        yield from (f"  {guard.condition(entry, self._far)} goto keep_{self._name}" for entry in entries)
        yield from (f"  goto no_{self._name}", " }", f" chain keep_{self._name} {{")
        yield from (f"  {which} update @{name} {{ {key} }}" for which, key, name in self._keys())
        yield " }"

    def _keys(self) -> Iterator[tuple[str, str, str]]:
        """(condition, a connection seen from the ENI with its own end first, the set that remembers it)."""
        ends = ("daddr", "dport", "saddr", "sport") if self._is_in else ("saddr", "sport", "daddr", "dport")
        here, port, there, other = ends
        for family, (_, version) in _FAMILIES.items():
            of = f"meta protocol {family} meta l4proto"
            flow = f"{family} {here} . meta l4proto . th {port} . {family} {there} . th {other}"
            yield f"{of} {{ tcp, udp }}", flow, f"flows{version}_{self._number}"
            pair = f"{family} {here} . meta l4proto . {family} {there}"
            yield f"{of} != {{ tcp, udp }}", pair, f"pings{version}_{self._number}"


def _base(number: int, port: str, each: Firewall, services: Sequence[str]) -> Iterator[str]:
    """Toward the instance the ACL comes first, away from it the groups."""
    for direction, hook in ((INGRESS, "egress"), (EGRESS, "ingress")):
        name = f"{direction}{number}"
        far = "saddr" if direction == INGRESS else "daddr"
        yield f' chain {name} {{ type filter hook {hook} device "{port}" priority 10; policy accept;'
        yield "  meta protocol != { ip, ip6 } accept"
        yield f"  udp dport {VXLAN_PORT} accept"
        yield "  icmpv6 type { 133, 134, 135, 136, 137 } accept"
        yield from (f"  {_family(block)} {far} {block} accept" for block in (*services, *each.router))
        order = ("acl", "group") if direction == INGRESS else ("group", "acl")
        yield from (f"  jump {chain}_{name}" for chain in order)
        yield from (f"  goto yes_{name}", " }")


def _family(block: str) -> str:
    return "ip6" if ip_network(block, strict=False).version == 6 else "ip"
