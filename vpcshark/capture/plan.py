"""What a capture will make, decided from what AWS said: pure choices, no call.

Must not call AWS nor open anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection

MOST_VNI = (1 << 24) - 1  # RFC 7348 section 5: 24 bits


def choose_vni(wanted: int | None, taken: Collection[int], pick: Callable[[int, int], int] = random.randint) -> int:
    """``wanted``, or a random VNI that no session shown to us uses.

    We choose instead of EC2 because the receiver must know the VNI before the session exists.
    """
    if wanted is not None:
        return wanted
    while (vni := pick(1, MOST_VNI)) in taken:
        pass
    return vni
