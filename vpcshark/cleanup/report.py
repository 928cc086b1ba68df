"""``vpcshark cleanup`` and the scheduled sweep: which captures may go, why the others stay.

Must not know how it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import sweep, tags, tidy
from vpcshark.clock import Clock

PATIENCE = 60.0  # seconds for one capture


@dataclass
class CleanupReport:
    """What was or, in a dry run, would be removed: capture id -> its resources, or why it was kept. ``unproved``: a
    sentence for each resource that has a capture's tags and is not provably a capture's."""

    removed: dict[str, list[sweep.Resource]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unproved: list[str] = field(default_factory=list)

    def add(self, other: CleanupReport) -> None:
        """What was found in another place."""
        self.removed.update(other.removed)
        self.kept.update(other.kept)
        self.problems += [one for one in other.problems if one not in self.problems]
        self.unproved += [one for one in other.unproved if one not in self.unproved]


def _problems_here(where: Path, reach: tidy.Reach, clock: Clock) -> list[str]:
    """What the ledgers of this machine left undone, and which can't be read."""
    hidden = ledgers.hidden(where)
    return [*([hidden] if hidden else []), *_finish_ledgers(where, reach, clock)]


def clean(
    account: sweep.Account,
    which: str,
    *,
    reach: tidy.Reach,
    clock: Clock,
    dry_run: bool = False,
    folder: Path | None = None,
    owner: str = "",
) -> CleanupReport:
    """Sweep ``account``: ``which`` is "mine" (dead captures of this owner), "expired" (anybody's whose lease ran out),
    "all" (both) or "kept" (also the hosts that this owner keeps for the next capture).

    But for "expired" the ledgers on this machine are worked off too, each by ``reach`` with the settings of its own
    capture: it may be in another account or region. AwsError.
    """
    report = CleanupReport()
    where = folder or ledgers.folder()
    owner = owner or tags.default_owner()
    found = sweep.group_by_capture(account.tagged())
    there = sweep.now_there(account, clock)
    proofs = {capture: ledgers.read(where / f"{capture}{ledgers.SUFFIX}").proof for capture in found}
    for capture, claimed in found.items():
        resources, others = sweep.split(claimed, proofs[capture])
        report.unproved += [one.unproved for one in others]
        if not resources:
            continue
        reason = _kept(resources, which, owner, there, where)
        if reason:
            report.kept[capture] = reason
        else:
            report.removed[capture] = resources
    if not dry_run:
        report.problems += _problems_here(where, reach, clock) if which != "expired" else []
        for capture in report.removed:
            proof = proofs[capture]
            outcome = sweep.remove_capture(account, capture, clock=clock, patience=PATIENCE, proof=proof)
            report.problems += [problem for problem in outcome.problems if problem not in report.problems]
    return report


def _finish_ledgers(folder: Path, reach: tidy.Reach, clock: Clock) -> list[str]:
    tidied = [
        tidy.tidy(path, reach=reach, clock=clock, patience=PATIENCE, is_sure=True) for path in ledgers.all_paths(folder)
    ]
    return [problem for one in tidied if one.outcome for problem in one.outcome.problems]


def _kept(resources: Sequence[sweep.Resource], which: str, owner: str, now: float, folder: Path) -> str:
    """Why a capture is left alone; "" if it is to go."""
    lease = sweep.latest_lease(resources)
    if which == "expired" and not tags.has_run_out(lease, now):
        return f"the lease of {lease.owner} runs until {_until(lease)}."
    if which in ("mine", "kept") and lease.owner != owner:
        return f"it belongs to {lease.owner or 'somebody unknown'}."
    if which == "kept" and tags.is_kept(lease):
        return ""
    if not tags.is_dead(lease, owner=owner, now=now, lives_here=partial(ledgers.lives_here, folder)):
        if tags.is_kept(lease):
            how = "; vpcshark cleanup --kept removes it" if lease.owner == owner else ""
            return f"it is kept for the next capture until {_until(lease)}{how}."
        return f"it is a living capture of {lease.owner}, or runs elsewhere; its lease ends {_until(lease)}."
    return ""


def _until(lease: tags.Lease) -> str:
    return tags.format_time(lease.expires) if lease.expires else "at a time that its tag does not say"
