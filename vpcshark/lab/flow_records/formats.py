"""A record as a line of a flow log's LogFormat, by the rules of the VPC user guide ("Flow log records"). Pure.

At an interface on the way (a transit gateway's, a NAT gateway's) srcaddr and dstaddr show the interface's own primary
address instead of the far end, pkt-srcaddr and pkt-dstaddr the packet's. Must not know where lines go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from vpcshark.lab.flow_records.intervals import OK, Record
from vpcshark.lab.flow_records.packets import EGRESS, INGRESS, TCP

_VERSIONS = {
    2: "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
    "log-status",
    3: "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr",
    4: "region az-id sublocation-type sublocation-id",
    5: "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path",
    6: "resource-type tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id tgw-src-vpc-id "
    "tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id tgw-dst-az-id "
    "tgw-pair-attachment-id packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded "
    "packets-lost-ttl-expired",
    7: "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id "
    "ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id",
    8: "reject-reason",
    9: "resource-id",
    10: "encryption-status",
}
VERSION_OF = {name: version for version, names in _VERSIONS.items() for name in names.split()}
NUMBERS = {
    *("version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "tcp-flags", "traffic-path"),
    *("encryption-status", "packets-lost-no-route", "packets-lost-blackhole", "packets-lost-mtu-exceeded"),
    "packets-lost-ttl-expired",
}
DEFAULT = " ".join(f"${{{name}}}" for name in _VERSIONS[2].split())
_TRANSIT = (
    *("version", "resource-type", "account-id", "tgw-id", "tgw-attachment-id", "tgw-src-vpc-account-id"),
    *("tgw-dst-vpc-account-id", "tgw-src-vpc-id", "tgw-dst-vpc-id", "tgw-src-subnet-id", "tgw-dst-subnet-id"),
    *("tgw-src-eni", "tgw-dst-eni", "tgw-src-az-id", "tgw-dst-az-id", "tgw-pair-attachment-id", "srcaddr", "dstaddr"),
    *("srcport", "dstport", "protocol", "packets", "bytes", "start", "end", "log-status", "type"),
    *("packets-lost-no-route", "packets-lost-blackhole", "packets-lost-mtu-exceeded", "packets-lost-ttl-expired"),
    *("tcp-flags", "region", "flow-direction", "pkt-src-aws-service", "pkt-dst-aws-service"),
)
TRANSIT_DEFAULT = " ".join(f"${{{name}}}" for name in _TRANSIT)
"""What a transit gateway's flow log has without a LogFormat (Transit Gateways guide, "tgw-flow-logs")."""
ON_THE_WAY = ("transit_gateway", "nat_gateway")
_NAME = re.compile(r"\$\{([^{}\s]+)\}")


@dataclass(frozen=True)
class EniFacts:
    """What records tell of an ENI beside its packets. ``addresses`` are all its own, the primary ones ``ipv4`` and
    ``ipv6``; ``blocks`` its VPC's."""

    id: str
    account: str
    region: str
    vpc: str
    subnet: str
    zone: str
    instance: str = ""
    kind: str = "interface"
    ipv4: str = ""
    ipv6: str = ""
    addresses: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


def names(log_format: str) -> list[str]:
    """The fields of a LogFormat in their order. ValueError with the first that AWS does not have."""
    found = _NAME.findall(log_format)
    wrong = [name for name in found if name not in VERSION_OF]
    if wrong or not found or _NAME.sub("", log_format).strip():
        raise ValueError(wrong[0] if wrong else log_format)
    return found


def line(fields: Sequence[str], record: Record, eni: EniFacts) -> str:
    """The line; "-" where there is nothing to say."""
    told = dict(record.told)
    values = {"version": str(max(VERSION_OF[name] for name in fields)), **_of_eni(eni), **_always(record)}
    if record.status == OK:
        values |= _of_flow(record, eni)
    return " ".join(told.get(name) or values.get(name) or "-" for name in fields)


def _of_eni(eni: EniFacts) -> dict[str, str]:
    return {
        "account-id": eni.account,
        "interface-id": eni.id,
        "vpc-id": eni.vpc,
        "subnet-id": eni.subnet,
        "instance-id": eni.instance,
        "region": eni.region,
        "az-id": eni.zone,
        "resource-id": eni.id,
    }


def _always(record: Record) -> dict[str, str]:
    return {"start": str(record.start), "end": str(record.end), "log-status": record.status}


def _of_flow(record: Record, eni: EniFacts) -> dict[str, str]:
    flow = record.flow
    assert flow is not None
    source, target = _shown(record, eni, flow.source, flow.target)
    is_egress = record.direction == EGRESS
    return {
        "srcaddr": source,
        "dstaddr": target,
        "pkt-srcaddr": flow.source,
        "pkt-dstaddr": flow.target,
        "srcport": str(flow.source_port),
        "dstport": str(flow.target_port),
        "protocol": str(flow.protocol),
        "packets": str(record.packets),
        "bytes": str(record.bytes),
        "action": record.verdict,
        "tcp-flags": str(record.flags) if flow.protocol == TCP else "",
        "type": "IPv6" if ":" in flow.source else "IPv4",
        "flow-direction": record.direction,
        "traffic-path": "1" if is_egress and _is_inside(flow.target, eni) else "",
    }


def _shown(record: Record, eni: EniFacts, source: str, target: str) -> tuple[str, str]:
    own = eni.ipv6 if ":" in source else eni.ipv4
    primary: Callable[[str], str] = lambda address: own if own and address in eni.addresses else address  # noqa: E731
    if eni.kind in ON_THE_WAY and own:
        return (source, own) if record.direction == INGRESS else (own, target)
    return primary(source), primary(target)


def _is_inside(address: str, eni: EniFacts) -> bool:
    found = ip_address(address)
    return any(found in ip_network(block) for block in eni.blocks if (":" in block) == (found.version == 6))
