"""The fields that flow log records may have, by AWS's own names, and what their numbers mean.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html and, for transit gateways,
https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html. A name that is not here is kept, as text. Must not know
lines or files.
"""

from __future__ import annotations

from collections.abc import Mapping

_DEFAULT = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
_TRANSIT_GATEWAY = (
    "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id "
    "tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id "
    "tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status "
    "type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags "
    "region flow-direction pkt-src-aws-service pkt-dst-aws-service"
)
DEFAULT = tuple(_DEFAULT.split())
"""What a flow log of a VPC, a subnet or an ENI has without a LogFormat (version 2)."""

TRANSIT_GATEWAY = tuple(_TRANSIT_GATEWAY.split())
"""What a flow log of a transit gateway or its attachment has without one (version 6)."""

_LATER = (
    "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr "  # 3
    "region az-id sublocation-type sublocation-id "  # 4
    "pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path "  # 5
    "ecs-cluster-arn ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id "
    "ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id "  # 7
    "reject-reason resource-id encryption-status"  # 8, 9, 10
)
NAMES = frozenset((*DEFAULT, *TRANSIT_GATEWAY, *_LATER.split()))

_NUMBERS = (
    "version srcport dstport protocol packets bytes start end tcp-flags traffic-path encryption-status "
    "packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired"
)
NUMBERS = frozenset(_NUMBERS.split())
"""INT_32 and INT_64 in AWS's tables. An account id is a string: it may begin with 0."""

FLAGS: Mapping[int, str] = {1: "FIN", 2: "SYN", 4: "RST", 8: "PSH", 16: "ACK", 32: "URG"}
"""``tcp-flags``: those of all packets of the interval together. An ACK counts beside a SYN alone."""

PATHS: Mapping[int, str] = {
    1: "through another resource in the same VPC",
    2: "through an internet gateway or a gateway VPC endpoint",
    3: "through a virtual private gateway",
    4: "through an intra-Region VPC peering connection",
    5: "through an inter-Region VPC peering connection",
    6: "through a local gateway",
    7: "through a gateway VPC endpoint (Nitro)",
    8: "through an internet gateway (Nitro)",
}
"""``traffic-path``, which egress records alone have."""

ENCRYPTION: Mapping[int, str] = {
    0: "not encrypted",
    1: "encrypted by the Nitro System",
    2: "encrypted by the application",
    3: "encrypted by the Nitro System and by the application",
}
"""``encryption-status``."""

LOST: Mapping[str, str] = {
    "packets-lost-no-route": "no route",
    "packets-lost-blackhole": "black hole",
    "packets-lost-mtu-exceeded": "larger than the MTU",
    "packets-lost-ttl-expired": "time to live expired",
}
"""Packets that a transit gateway did not pass on, and why."""
