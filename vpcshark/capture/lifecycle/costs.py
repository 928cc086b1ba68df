"""What a capture costs: said before anything is made, counted while it runs. Prices are those of ``aws.prices``.

Pure. Must not know who shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vpcshark.aws import prices
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni

GIGABYTE = 1e9  # bytes; AWS bills data transfer by the GB
SESSION, INSTANCE = "session", "instance"  # kinds of what a capture makes


@dataclass(frozen=True)
class Costs:
    """``sessions`` are mirror sessions, ``crossing`` of them from another availability zone than the target's. The
    capture's own host, if it has one (``is_own``), is of ``host_type`` ("": a template says which)."""

    sessions: int = 0
    crossing: int = 0
    is_own: bool = False
    host_type: str = ""

    @property
    def sentence(self) -> str:
        """``About $0.015 an hour for the session, $0.017 for the host (t4g.small), …``: one line, before the start."""
        what = "the session" if self.sessions == 1 else f"{self.sessions} sessions"
        parts = [f"${prices.mirroring(self.sessions, 3600):.3f} an hour for {what}"]
        if self.is_own:
            parts.append(self._host)
        if self.crossing:
            many = f" ({self.crossing} of {self.sessions} sources)" if self.crossing < self.sessions else ""
            parts.append(f"${prices.ZONE_GB_USD:.2f} for each GB from another zone{many}")
        return f"About {', '.join(parts)} (prices of {prices.READ})."

    @property
    def _host(self) -> str:
        named = f" ({self.host_type})" if self.host_type else ""
        hourly = prices.instance(self.host_type, 3600)
        return f"${hourly:.3f} for the host{named}" if hourly else f"the host{named}, whose price is not known here"

    def so_far(self, made: Iterable[str], seconds: float, moved: int) -> float:
        """USD of a capture that has ``made`` (kinds) for ``seconds`` and was sent ``moved`` bytes. What the filter
        threw away at the host is not in these, so it is rather more."""
        kinds = list(made)
        across = moved / GIGABYTE * prices.ZONE_GB_USD * self.crossing / max(1, self.sessions)
        hosts = kinds.count(INSTANCE) * prices.instance(self.host_type, seconds)
        return prices.mirroring(kinds.count(SESSION), seconds) + hosts + across


def of(sources: Sequence[Eni], host: CaptureHost, *, is_own: bool) -> Costs:
    """The costs of a capture from these sources to this host; ``is_own``: it is there for the capture alone."""
    crossing = sum(bool(source.az and host.az and source.az != host.az) for source in sources)
    return Costs(len(sources), crossing, is_own, host.instance_type if is_own else "")
