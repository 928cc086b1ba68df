"""What captures and the ways of packets cost, as dated data: the one place to change when AWS changes it. Must not know
captures or walks.

Read on 2026-09-20 at https://aws.amazon.com/vpc/pricing/ (Traffic Mirroring, us-east-2): 0.015 USD per session (that
is, per mirrored ENI) and hour, until the session is deleted, also while its instance is stopped. Data transfer comes
on top and is not counted here.

Data that crosses an availability zone inside a region: 0.01 USD per GB in each direction, that is 0.02 USD for each GB
that arrives. Others quote it so from https://aws.amazon.com/ec2/pricing/on-demand/ ("Data Transfer within the same AWS
Region"), one by a test and its bill (lastweekinaws.com/blog/aws-cross-az-data-transfer-costs-more-than-aws-says); not
read on AWS's own page.

What else is charged by the GB that a way crosses, in us-east-1; the first tier each, without what is charged by the
hour. Not read on AWS's own pages; third-party tables of 2025 and 2026 agree (usage.ai/blogs/aws-network-costs,
oneuptime.com/blog/post/2026-02-12-reduce-data-transfer-costs-between-vpcs): transit gateway 0.02, with nothing for the
zones on top; NAT gateway 0.045; interface endpoint 0.01; out to the internet 0.09, in nothing; between Regions 0.02 for
most of the United States, up to 0.17 elsewhere. Gateway Load Balancer endpoint 0.0035: one source alone. VPC peering
and gateway endpoints charge nothing themselves.

A Network Load Balancer: 0.0225 USD an hour, without its capacity units (third-party tables of 2025 and 2026 agree). A
public IPv4 address in use: 0.005 USD an hour (aws.amazon.com/blogs/aws/new-aws-public-ipv4-address-charge-public-ip-
insights).

Reachability Analyzer: 0.10 USD for an analysis, by third parties (cloud-custodian issue 6347).

Launched capture hosts: on demand, Linux, us-east-1, by the second, without their volume (8 GB of gp3, about 0.001 USD
an hour). Each size of T4g and T3 costs twice what the smaller one does; the figures agree with third-party tables of
June 2026 (t3.large 0.0832) and were not read on AWS's own page. A type that is not listed is counted as nothing.
"""

from __future__ import annotations

READ = "2026-09-20"
SESSION_HOUR_USD = 0.015
ZONE_GB_USD = 0.02
ANALYSIS_USD = 0.10
BALANCER_HOUR_USD = 0.0225
ADDRESS_HOUR_USD = 0.005
GB_USD = {
    "zone": ZONE_GB_USD,
    "region": 0.02,
    "transit-gateway": 0.02,
    "nat-gateway": 0.045,
    "vpc-endpoint": 0.01,
    "gateway-load-balancer-endpoint": 0.0035,
    "internet": 0.09,
}
"""By the kinds of ``network.tolls``."""
INSTANCE_HOUR_USD = {
    "t4g.nano": 0.0042,
    "t4g.micro": 0.0084,
    "t4g.small": 0.0168,
    "t4g.medium": 0.0336,
    "t4g.large": 0.0672,
    "t3.nano": 0.0052,
    "t3.micro": 0.0104,
    "t3.small": 0.0208,
    "t3.medium": 0.0416,
    "t3.large": 0.0832,
    "m7g.large": 0.0816,
}


def mirroring(sessions: int, seconds: float) -> float:
    """USD for so many sessions over that time, without data transfer."""
    return sessions * max(0.0, seconds) / 3600 * SESSION_HOUR_USD


def instance(instance_type: str, seconds: float) -> float:
    """USD for one instance over that time; 0 for a type whose price is not known here."""
    return INSTANCE_HOUR_USD.get(instance_type, 0.0) * max(0.0, seconds) / 3600
