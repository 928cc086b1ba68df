"""What of AWS's behaviour no page decides, or what comes by chance there: switches of the lab, set by a test.

Must not know who reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class Switches:
    """``dry_run_validates``: DryRun says what the call itself would say, and DryRunOperation only if it would succeed;
    else DryRunOperation comes once the permission is judged. AWS's API pages promise the permission alone.
    ``sessions_per_source``: the quota. ``late_…``: seconds at most until a call may name what was made, until a list
    shows it, and from then on until its tags are seen; and for which a list goes on showing what was deleted (``lag``).
    0: at once. ``record``: a file to which each request and its answer are added, whole, as a line of JSON ("": none).
    """

    dry_run_validates: bool = True
    sessions_per_source: int = 3  # Traffic Mirroring guide, "Quotas"; not adjustable
    late_use: float = 0.0
    late_show: float = 0.0
    late_tags: float = 0.0
    late_gone: float = 0.0
    record: str = ""

    def set(self, **values: Any) -> None:
        """Change some; TypeError for one that there is not."""
        unknown = values.keys() - {one.name for one in fields(self)}
        if unknown:
            raise TypeError(f"no such switches: {', '.join(sorted(unknown))}")
        for name, value in values.items():
            setattr(self, name, value)

    def reset(self) -> None:
        """As it was at first."""
        self.set(**asdict(type(self)()))


SWITCHES = Switches()
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "at-once": {},
    "aws-like": {"late_use": 1.0, "late_show": 1.5, "late_tags": 1.0, "late_gone": 1.5},
}
"""Switches that go together. The times are inferred: users report seconds (docs/truth.md)."""
