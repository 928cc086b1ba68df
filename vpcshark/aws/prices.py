"""What captures cost, as dated data: the one place to change when AWS changes it. Must not know captures.

Read on 2026-09-20 at https://aws.amazon.com/vpc/pricing/ (Traffic Mirroring, us-east-2): 0.015 USD per session (that
is, per mirrored ENI) and hour, until the session is deleted, also while its instance is stopped. Data transfer comes
on top and is not counted here.

Data that crosses an availability zone inside a region: 0.01 USD per GB in each direction, that is 0.02 USD for each GB
that arrives. Others quote it so from https://aws.amazon.com/ec2/pricing/on-demand/ ("Data Transfer within the same AWS
Region"), one by a test and its bill (lastweekinaws.com/blog/aws-cross-az-data-transfer-costs-more-than-aws-says); not
read on AWS's own page.

Launched capture hosts: on demand, Linux, us-east-1, by the second, without their volume (8 GB of gp3, about 0.001 USD
an hour). Each size of T4g and T3 costs twice what the smaller one does; the figures agree with third-party tables of
June 2026 (t3.large 0.0832) and were not read on AWS's own page. A type that is not listed is counted as nothing.
"""

from __future__ import annotations

READ = "2026-09-20"
SESSION_HOUR_USD = 0.015
ZONE_GB_USD = 0.02
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
