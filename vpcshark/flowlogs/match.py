"""Is a record of this connection? By the addresses that the packets bear, or those that an interface shows instead.

A NAT gateway's, a transit gateway's and other interfaces on the way put their own address in ``srcaddr`` or ``dstaddr``
and the packet's in ``pkt-srcaddr`` or ``pkt-dstaddr``, so each end may be in either
(https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html). Must not know where lines come from.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from vpcshark.errors import InputError
from vpcshark.flowlogs.logformat import LogFormat

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "gre": 47, "esp": 50, "sctp": 132}
_END = re.compile(
    r"\[(?P<v6>[^\]]*)\](?::(?P<port6>[^:]*))?|(?P<host>[^:]*)(?::(?P<port>[^:]*))?|(?P<bare>[^\[\]]*:.*)"
)
_ANY = ("", "*")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Test = Callable[[Sequence[bytes]], bool]


@dataclass(frozen=True)
class Flow:
    """One direction of a connection; None is anything."""

    source: Network | None = None
    source_port: int | None = None
    destination: Network | None = None
    destination_port: int | None = None
    protocol: int | None = None

    @cached_property
    def ports(self) -> dict[str, int]:
        """Field -> what stands in it, of the numbers that are asked for."""
        wanted = {"srcport": self.source_port, "dstport": self.destination_port, "protocol": self.protocol}
        return {name: number for name, number in wanted.items() if number is not None}

    @cached_property
    def ends(self) -> dict[str, Network]:
        """The same of addresses."""
        wanted = {"srcaddr": self.source, "dstaddr": self.destination}
        return {name: network for name, network in wanted.items() if network is not None}


def parse(text: str) -> Flow:
    """``src:sport->dst:dport/proto``. IPv6 with a port stands in brackets; what is left out, or "*", is anything. What
    follows the last "/" is the protocol, so a network needs one: 10.0.0.0/16/any. InputError."""
    left, arrow, right = text.partition("->")
    if not arrow:
        raise InputError(f'"{text}" is no flow: it has no "->".', "One looks like: 10.0.1.5:49152->10.0.2.7:443/tcp")
    right, slash, protocol = right.rpartition("/") if "/" in right else (right, "", "")
    if slash and _is_network(f"{right}/{protocol}"):
        raise InputError(
            f'"{right}/{protocol}" may be a network or a protocol.',
            f"Write {right}/32/{protocol} or {right}/{protocol}/any.",
        )
    source, source_port = _end(left, text)
    destination, destination_port = _end(right, text)
    return Flow(source, source_port, destination, destination_port, _protocol(protocol, text))


def _is_network(text: str) -> bool:
    try:
        return ipaddress.ip_network(text.strip()).num_addresses > 1
    except ValueError:
        return False


def _end(text: str, whole: str) -> tuple[Network | None, int | None]:
    found = _END.fullmatch(text.strip())
    if found is None:
        raise InputError(f'"{text}" in "{whole}" is no end of a flow.', "IPv6 with a port: [2001:db8::1]:443")
    address = found["v6"] or found["bare"] or found["host"] or ""
    port = found["port6"] or found["port"] or ""
    try:
        network = None if address in _ANY else ipaddress.ip_network(address, strict=False)
    except ValueError as exc:
        raise InputError(f'"{address}" in "{whole}" is no address.', "Give an IPv4 or IPv6 address, or *.") from exc
    return network, _port(port, whole)


def _port(text: str, whole: str) -> int | None:
    if text in _ANY:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or int(text) > 65535:
        raise InputError(f'"{text}" in "{whole}" is no port.', "Ports are 0 to 65535.")
    return int(text)


def _protocol(text: str, whole: str) -> int | None:
    name = text.strip().lower()
    if name in (*_ANY, "any"):
        return None
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    if not name.isascii() or not name.isdecimal() or len(name) > 3 or int(name) > 255:
        raise InputError(f'"{text}" in "{whole}" is no protocol.', "Give tcp, udp, icmp or a number (0 to 255).")
    return int(name)


def test(flow: Flow, kind: LogFormat) -> Test:
    """What says whether a row of ``kind`` is of ``flow``. InputError where the format lacks what that takes."""
    numbers = [(_place(kind, name), b"%d" % number) for name, number in flow.ports.items()]
    ends = [(_places(kind, name), network) for name, network in flow.ends.items()]

    def is_of_flow(row: Sequence[bytes]) -> bool:
        return all(row[place] == number for place, number in numbers) and all(
            any(_is_in(row[place], network) for place in places) for places, network in ends
        )

    return is_of_flow


def _place(kind: LogFormat, name: str) -> int:
    if name not in kind.places:
        raise InputError(
            f"The records have no {name}, so it can't be matched.", f"Leave it out (*), or log it: ${{{name}}}."
        )
    return kind.places[name]


def _places(kind: LogFormat, name: str) -> list[int]:
    found = [kind.places[each] for each in (f"pkt-{name}", name) if each in kind.places]
    return found or [_place(kind, name)]


@lru_cache(maxsize=1 << 16)
def _is_in(value: bytes, network: Network) -> bool:
    """Networks and addresses are compared as numbers: IPv6 has several texts for one address."""
    address = packed(value)
    width = len(network.network_address.packed)
    if len(address) != width:
        return False
    number, mask = int.from_bytes(address, "big"), int(network.netmask)
    return number & mask == int(network.network_address)


@lru_cache(maxsize=1 << 16)
def packed(value: bytes) -> bytes:
    """The bytes of an address; b"" for what is none."""
    try:
        return ipaddress.ip_address(value.decode("ascii")).packed
    except ValueError:
        return b""


def needle(flow: Flow, kind: LogFormat) -> bytes:
    """A text that every line of ``flow`` has, if single blanks part its values: the longest that the columns allow; b""
    if there is none. To find it is much cheaper than to take lines apart."""
    certain = {kind.places[name]: b"%d" % number for name, number in flow.ports.items() if name in kind.places}
    loose = []
    for name, network in flow.ends.items():
        if network.version == 4 and network.num_addresses == 1:  # IPv6 may be written otherwise
            if f"pkt-{name}" not in kind.places and name in kind.places:
                certain[kind.places[name]] = str(network.network_address).encode()
            else:
                loose.append(b" %b " % str(network.network_address).encode() if _is_inside(kind, name) else b"")
    return max([*_runs(certain, len(kind.names)), *loose], key=len, default=b"")


def _is_inside(kind: LogFormat, name: str) -> bool:
    """Has neither column of an end the line's edge, where no blank is?"""
    return not {0, len(kind.names) - 1} & {kind.places[each] for each in (f"pkt-{name}", name) if each in kind.places}


def _runs(certain: dict[int, bytes], columns: int) -> list[bytes]:
    """The values of neighbouring columns as one text, with blanks around it but at the line's edges."""
    found = []
    for first in certain:
        if first - 1 not in certain:
            last = first
            while last + 1 in certain:
                last += 1
            text = b" ".join(certain[place] for place in range(first, last + 1))
            found.append(b" " * (first > 0) + text + b" " * (last < columns - 1))
    return found
