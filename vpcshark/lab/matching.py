"""Which frames Traffic Mirroring mirrors: the rules of a filter, read as EC2 documents them. Pure.

Both data planes ask here, so that they cannot disagree. Must not know sockets, namespaces or moto.
Sources: the Traffic Mirroring guide, "Filters" (ascending rule number, the first match decides, nothing matches: not
mirrored) and "Considerations" (what is never mirrored); EC2 API, ModifyTrafficMirrorFilterNetworkServices ("all
traffic related to that network service will be mirrored").
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network

from vpcshark.lab.model import LabRule, LabSession

_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_IPV6 = 0x86DD
_TCP, _UDP, _FRAGMENT = 6, 17, 44
_DNS_PORT = 53
_EXTENSION_HEADERS = {0, 43, 51, 60}  # hop-by-hop, routing, authentication, destination options (RFC 8200, 4.1)
_DHCP_PORTS = {67, 68}
_DHCPV6_PORTS = {546, 547}
_SERVICES = ("169.254.0.0/16", "fd00:ec2::/32")  # instance metadata, time, Windows activation
_SERVICE_RESOLVERS = ("169.254.169.253", "fd00:ec2::253")  # the VPC's resolver under its fixed addresses


@dataclass(frozen=True)
class Packet:
    """What a rule looks at. Addresses are integers; ports are None where there are none (ICMP, later fragments)."""

    version: int
    source: int
    destination: int
    protocol: int
    source_port: int | None = None
    destination_port: int | None = None


def accepts(session: LabSession, inner_frame: bytes, direction: str) -> bool:
    """Whether ``session`` mirrors this Ethernet frame; ``direction`` is "ingress" or "egress", seen from the source."""
    packet = parse(inner_frame)
    return packet is not None and _accepts(session, packet, direction)


def choose(sessions_of_source: Iterable[LabSession], frame: bytes, direction: str) -> LabSession | None:
    """The one session that mirrors this frame: the lowest session number that accepts it; None: it is not mirrored."""
    packet = parse(frame)
    if packet is None:
        return None
    ordered = sorted(sessions_of_source, key=lambda session: session.number)
    return next((session for session in ordered if _accepts(session, packet, direction)), None)


def parse(frame: bytes) -> Packet | None:
    """The facts of an Ethernet frame; None if it is not IP (ARP) or is too short to be."""
    try:
        (ethertype,) = struct.unpack_from("!H", frame, 12)
        if ethertype == _ETHERTYPE_IPV4:
            return _parse_ipv4(frame[14:])
        return _parse_ipv6(frame[14:]) if ethertype == _ETHERTYPE_IPV6 else None
    except (struct.error, IndexError):
        return None


def _parse_ipv4(data: bytes) -> Packet:
    source, destination = struct.unpack_from("!II", data, 12)
    (fragment,) = struct.unpack_from("!H", data, 6)
    header = (data[0] & 0x0F) * 4
    is_later_fragment = bool(fragment & 0x1FFF)
    return Packet(4, source, destination, data[9], *_ports(data, data[9], header, is_later_fragment))


def _parse_ipv6(data: bytes) -> Packet:
    source, destination = int.from_bytes(data[8:24], "big"), int.from_bytes(data[24:40], "big")
    protocol, offset, is_later_fragment = data[6], 40, False
    while protocol in _EXTENSION_HEADERS or protocol == _FRAGMENT:
        if protocol == _FRAGMENT:
            (fragment,) = struct.unpack_from("!H", data, offset + 2)
            is_later_fragment = bool(fragment & 0xFFF8)
            length = 8
        else:  # the authentication header counts in units of 4 bytes, the others in units of 8 (RFC 4302, 2.2)
            length = (data[offset + 1] + 2) * 4 if protocol == 51 else (data[offset + 1] + 1) * 8
        protocol, offset = data[offset], offset + length
        if is_later_fragment:
            break
    return Packet(6, source, destination, protocol, *_ports(data, protocol, offset, is_later_fragment))


def _ports(data: bytes, protocol: int, offset: int, is_later_fragment: bool) -> tuple[int | None, int | None]:
    if protocol not in (_TCP, _UDP) or is_later_fragment or len(data) < offset + 4:
        return None, None
    source, destination = struct.unpack_from("!HH", data, offset)
    return source, destination


def _accepts(session: LabSession, packet: Packet, direction: str) -> bool:
    if _is_resolver_dns(session, packet):
        return session.amazon_dns
    if _is_dhcp(packet) or _is_amazon_service(packet):
        return False
    rules = sorted((rule for rule in session.rules if rule.direction == direction), key=lambda rule: rule.number)
    decisive = next((rule for rule in rules if matches(rule, packet)), None)
    return decisive is not None and decisive.action == "accept"


def matches(rule: LabRule, packet: Packet) -> bool:
    """Whether the rule speaks of this packet. A rule with ports does not match a packet without any."""
    return (
        (rule.protocol is None or rule.protocol == packet.protocol)
        and _in_network(rule.source_cidr, packet.version, packet.source)
        and _in_network(rule.destination_cidr, packet.version, packet.destination)
        and _in_range(rule.source_ports, packet.source_port)
        and _in_range(rule.destination_ports, packet.destination_port)
    )


def _is_resolver_dns(session: LabSession, packet: Packet) -> bool:
    resolvers = [*_SERVICE_RESOLVERS, *([session.resolver] if session.resolver else [])]
    ends = ((packet.source, packet.source_port), (packet.destination, packet.destination_port))
    return any(port == _DNS_PORT and _is_one_of(resolvers, packet.version, address) for address, port in ends)


def _is_amazon_service(packet: Packet) -> bool:
    return any(
        _in_network(network, packet.version, address)
        for network in _SERVICES
        for address in (packet.source, packet.destination)
    )


def _is_dhcp(packet: Packet) -> bool:
    ports = _DHCP_PORTS if packet.version == 4 else _DHCPV6_PORTS
    return packet.protocol == _UDP and packet.source_port in ports and packet.destination_port in ports


def _is_one_of(addresses: Iterable[str], version: int, address: int) -> bool:
    return any(_address(text) == (version, address) for text in addresses)


def _in_range(ports: tuple[int, int] | None, port: int | None) -> bool:
    return ports is None or (port is not None and ports[0] <= port <= ports[1])


def _in_network(cidr: str, version: int, address: int) -> bool:
    network_version, network, mask = _network(cidr)
    return network_version == version and address & mask == network


@lru_cache(maxsize=1024)
def _network(cidr: str) -> tuple[int, int, int]:
    network = ip_network(cidr, strict=False)
    return network.version, int(network.network_address), int(network.netmask)


@lru_cache(maxsize=1024)
def _address(text: str) -> tuple[int, int]:
    address = ip_address(text)
    return address.version, int(address)
