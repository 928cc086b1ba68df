"""The one command of the AWS command line that takes a block away. Must not know how a block is found, nor run
anything.

A command is the narrowest that lets this packet pass: one address, one port.
"""

from __future__ import annotations

from vpcshark.network import acls
from vpcshark.network.facts import Acl
from vpcshark.network.packet import ICMP, ICMP6, TCP, UDP, Packet, port_words


def group(identity: str, packet: Packet, egress: bool) -> str:
    """One more rule of a security group."""
    peer = packet.dst if egress else packet.src
    protocol = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "icmpv6"}.get(packet.protocol, packet.protocol)
    call = "authorize-security-group-egress" if egress else "authorize-security-group-ingress"
    if packet.dport and protocol in ("tcp", "udp") and ":" not in peer:
        ports = port_words(packet.dport) or "0-65535"
        return f"aws ec2 {call} --group-id {identity} --protocol {protocol} --port {ports} --cidr {peer}/32"
    fields = [f"IpProtocol={protocol}"]
    if packet.dport and packet.protocol in (TCP, UDP):
        fields += [f"FromPort={packet.dport[0]}", f"ToPort={packet.dport[1]}"]
    elif packet.icmp and packet.protocol in (ICMP, ICMP6):
        fields += [f"FromPort={packet.icmp[0]}", "ToPort=-1"]
    fields.append(f"Ipv6Ranges=[{{CidrIpv6={peer}/128}}]" if ":" in peer else f"IpRanges=[{{CidrIp={peer}/32}}]")
    return f"aws ec2 {call} --group-id {identity} --ip-permissions '{','.join(fields)}'"


def acl(broken: Acl, packet: Packet, egress: bool, number: int | None) -> str:
    """An entry of a network ACL before the one that denies; in its place, where there is no number left."""
    free = acls.free_number(broken, egress, number)
    call = "create-network-acl-entry" if free is not None else "replace-network-acl-entry"
    peer = packet.dst if egress else packet.src
    words = [
        f"aws ec2 {call} --network-acl-id {broken.id} {'--egress' if egress else '--ingress'}",
        f"--rule-number {free if free is not None else number} --protocol {packet.protocol}",
    ]
    if packet.dport and packet.protocol in (TCP, UDP):
        words.append(f"--port-range From={packet.dport[0]},To={packet.dport[1]}")
    elif packet.icmp and packet.protocol in (ICMP, ICMP6):
        words.append(f"--icmp-type-code Type={packet.icmp[0]},Code=-1")
    words.append(f"--ipv6-cidr-block {peer}/128" if ":" in peer else f"--cidr-block {peer}/32")
    return " ".join([*words, "--rule-action allow"])


_OPTIONS = {
    "tgw": "--transit-gateway-id",
    "pcx": "--vpc-peering-connection-id",
    "igw": "--gateway-id",
    "eigw": "--egress-only-internet-gateway-id",
    "nat": "--nat-gateway-id",
    "vgw": "--gateway-id",
    "local": "--gateway-id",
}


def route(table: str, destination: str, target: str, replaces: bool = False) -> str:
    """A route of a VPC route table; "" where nobody can say where it should lead."""
    option = _OPTIONS.get(target.partition("-")[0])
    if not option or not destination:
        return ""
    where = "--destination-ipv6-cidr-block" if ":" in destination else "--destination-cidr-block"
    call = "replace-route" if replaces else "create-route"
    return f"aws ec2 {call} --route-table-id {table} {where} {destination} {option} {target}"


def no_route(table: str, destination: str) -> str:
    """Take a route away that stands in the way of another."""
    where = "--destination-ipv6-cidr-block" if ":" in destination else "--destination-cidr-block"
    return f"aws ec2 delete-route --route-table-id {table} {where} {destination}"


def transit_route(table: str, destination: str, attachment: str, replaces: bool) -> str:
    """A static route of a transit gateway; "" where it is not known which attachment has the destination."""
    if not attachment or not destination:
        return ""
    call = "replace-transit-gateway-route" if replaces else "create-transit-gateway-route"
    return (
        f"aws ec2 {call} --transit-gateway-route-table-id {table} --destination-cidr-block {destination} "
        f"--transit-gateway-attachment-id {attachment}"
    )


def host(address: str) -> str:
    """The network of one address."""
    return f"{address}/{128 if ':' in address else 32}"


def unchecked(interface: str) -> str:
    """Let an interface send and take what is not its own."""
    return f"aws ec2 modify-network-interface-attribute --network-interface-id {interface} --no-source-dest-check"
