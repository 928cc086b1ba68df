"""What a check of ``vpcshark doctor`` finds: all well, a problem with its remedy, or that it was not looked at.

Must not know which checks there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from vpcshark.errors import VpcsharkError

Check = Callable[[], str]
"""Returns a remark. VpcsharkError with problem and remedy, ``Skipped`` with why it can't be looked at."""


class Skipped(VpcsharkError):
    """A check that needs what another one has found to be missing, or that nothing asks for here."""


@dataclass(frozen=True)
class Finding:
    """``level`` is "ok", "failed" or "skipped". ``problem`` and ``remedy`` are "" unless it failed."""

    subject: str
    level: str = "ok"
    remark: str = ""
    problem: str = ""
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """The fields that scripts rely on (``vpcshark doctor --json``)."""
        return asdict(self)


def examine(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """What each check finds, as it is found."""
    for subject, check in checks:
        try:
            yield Finding(subject, remark=check())
        except Skipped as error:
            yield Finding(subject, "skipped", remark=str(error))
        except VpcsharkError as error:
            yield Finding(subject, "failed", problem=error.problem, remedy=error.remedy)
        except OSError as error:
            yield Finding(subject, "failed", problem=f"It cannot be checked: {error}.")
