"""What Traffic Mirroring costs, as dated data: the one place to change when AWS changes it. Must not know captures.

Read on 2026-09-20 at https://aws.amazon.com/vpc/pricing/ (Traffic Mirroring, us-east-2): 0.015 USD per session (that
is, per mirrored ENI) and hour, until the session is deleted, also while its instance is stopped. Data transfer comes
on top and is not counted here.

Data that crosses an availability zone inside a region: 0.01 USD per GB in each direction, that is 0.02 USD for each GB
that arrives (https://aws.amazon.com/ec2/pricing/on-demand/, "Data Transfer within the same AWS Region").
"""

from __future__ import annotations

READ = "2026-09-20"
SESSION_HOUR_USD = 0.015
ZONE_GB_USD = 0.02


def mirroring(sessions: int, seconds: float) -> float:
    """USD for so many sessions over that time, without data transfer."""
    return sessions * max(0.0, seconds) / 3600 * SESSION_HOUR_USD
