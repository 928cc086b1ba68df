"""What Traffic Mirroring costs, as dated data: the one place to change when AWS changes it. Must not know captures.

Read on 2026-09-20 at https://aws.amazon.com/vpc/pricing/ (Traffic Mirroring, us-east-2): 0.015 USD per session (that
is, per mirrored ENI) and hour, until the session is deleted, also while its instance is stopped. Data transfer comes
on top and is not counted here.
"""

from __future__ import annotations

READ = "2026-09-20"
SESSION_HOUR_USD = 0.015


def mirroring(sessions: int, seconds: float) -> float:
    """USD for so many sessions over that time, without data transfer."""
    return sessions * max(0.0, seconds) / 3600 * SESSION_HOUR_USD
