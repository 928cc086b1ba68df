"""How many examples a property gets: a share in ``make test``, all of them in ``make test-long``, which runs every
property once more (VPCSHARK_EXAMPLES=all)."""

from __future__ import annotations

import os

SHARE = 1 if os.environ.get("VPCSHARK_EXAMPLES") == "all" else 8
FEWEST = 12


def examples(every: int) -> int:
    """So many of ``every`` example."""
    return every if SHARE == 1 else min(every, max(FEWEST, every // SHARE))
