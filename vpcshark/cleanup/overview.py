"""All captures that this machine's ledgers and the account's tags know: whose, alive or dead, with what, at what cost.

Only looks. Must not know how it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vpcshark.aws import prices
from vpcshark.aws.kinds import INSTANCE
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import sweep, tags
from vpcshark.cleanup.birthmark import Proof
from vpcshark.cleanup.sweep import Resource

LIVE, DEAD, EXPIRED, CLEANING, KEPT = "live", "dead", "expired", "cleaning up", "kept"
UNKNOWN = "unknown"
UNPROVED = "unproved"


@dataclass(frozen=True)
class Seen:
    """One capture. ``resources`` are (kind, id); times are seconds since the epoch, 0 unknown; ``cost`` is USD so far,
    without data transfer; ``is_here`` tells that it was started on this machine; ``source`` is what it was started
    from (an ENI, a named capture, a query) as far as that is known, ``sources`` the ENIs that are mirrored now.

    ``state``: "live", "dead" (its process is), "expired" (nobody renews its lease), "cleaning up", or "kept": a capture
    host that waits for its owner's next capture, until it expires; "unknown" where its ledger is another user's and AWS
    shows nothing of it; "unproved" where only tags say that there is a capture.
    """

    capture: str
    owner: str
    state: str
    source: str = ""
    resources: tuple[tuple[str, str], ...] = ()
    started: float = 0.0
    expires: float = 0.0
    cost: float = 0.0
    is_here: bool = False
    notes: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()  # a sentence for each resource that only has the capture's tags
    sources: tuple[str, ...] = ()
    covered: float = 0.0  # until when its janitor has credentials to clean up with; 0: as long as anybody has


def overview(
    tagged: Iterable[Resource] | None, now: float, folder: Path | None = None, *, there: float | None = None
) -> list[Seen]:
    """Captures of the ledgers in ``folder``, and those that only ``tagged`` shows (None: AWS could not be asked).
    ``there`` is the time by AWS's clock, where the one here may be wrong: by that the leases of others run out."""
    there = now if there is None else there
    groups = sweep.group_by_capture(tagged or ())
    seen = [
        _of_ledger(path, groups.pop(path.stem, [] if tagged is not None else None), now)
        for path in ledgers.all_paths(folder)
    ]
    return seen + [_of_tags(capture, resources, there) for capture, resources in sorted(groups.items())]


def open_notes(folder: Path | None = None) -> list[tuple[str, str]]:
    """(capture, sentence) of each ledger that clean-up could not finish: the last thing that kept it from it."""
    records = [ledgers.read(path) for path in ledgers.all_paths(folder)]
    return [(record.capture, record.notes[-1]) for record in records if record.notes]


def remark(folder: Path | None = None) -> str:
    """One sentence for a list of interfaces on what is left of dead captures; "" if there is nothing to say."""
    notes = open_notes(folder)
    if not notes:
        return ""
    captures = "A dead capture is" if len(notes) == 1 else f"{len(notes)} dead captures are"
    return f"{captures} not cleaned up yet: {notes[0][1]} (vpcshark ps)"


def _of_ledger(path: Path, resources: Sequence[Resource] | None, now: float) -> Seen:
    record = ledgers.read(path)
    if record.is_foreign:
        return _of_foreign(record, resources or (), now)
    unproved: tuple[str, ...] = ()
    if resources is not None:
        resources, unproved = _proved(resources, record.proof)
    found = tuple(record.made_pairs if resources is None else ((r.kind, r.id) for r in resources))
    return Seen(
        capture=record.capture,
        owner=record.owner,
        state=_state(path, record),
        source=record.source,
        resources=found,
        started=record.started,
        expires=sweep.latest_lease(resources).expires if resources else record.expires,
        cost=_cost(found, resources or (), record.started, now),
        is_here=True,
        notes=record.notes,
        unproved=unproved,
        sources=_sources(resources or ()),
        covered=record.covered,
    )


def _of_foreign(record: ledgers.Record, resources: Sequence[Resource], now: float) -> Seen:
    """What its tags say, if there are any, and who can do something about it."""
    seen = _of_tags(record.capture, resources, now) if resources else Seen(record.capture, "", UNKNOWN)
    note = f"Its ledger {record.path} is another user's (a capture by sudo?), who alone can clean up by it."
    return replace(seen, is_here=True, notes=(note,))


def _state(path: Path, record: ledgers.Record) -> str:
    if not ledgers.is_live(path):
        return DEAD
    return CLEANING if record.adopted else LIVE


def _proved(claimed: Iterable[Resource], proof: Proof) -> tuple[list[Resource], tuple[str, ...]]:
    """What is provably the capture's, and a sentence for each other that has its tags."""
    ours, others = sweep.split(claimed, proof)
    return ours, tuple(one.unproved for one in others)


def _of_tags(capture: str, claimed: Sequence[Resource], now: float) -> Seen:
    resources, unproved = _proved(claimed, Proof(capture))
    if not resources:
        return Seen(capture, sweep.latest_lease(claimed).owner, UNPROVED, unproved=unproved)
    lease = sweep.latest_lease(resources)
    found = tuple((r.kind, r.id) for r in resources)
    return Seen(
        capture=capture,
        owner=lease.owner,
        state=EXPIRED if tags.has_run_out(lease, now) else KEPT if tags.is_kept(lease) else LIVE,
        source=" ".join(_sources(resources)),
        resources=found,
        started=lease.started,
        expires=lease.expires,
        cost=_cost(found, resources, lease.started, now),
        unproved=unproved,
        sources=_sources(resources),
    )


def _sources(resources: Iterable[Resource]) -> tuple[str, ...]:
    return tuple(sorted({r.source for r in resources if r.source and r.kind == "session"}))


def _cost(found: Iterable[tuple[str, str]], resources: Iterable[Resource], started: float, now: float) -> float:
    """Of mirror sessions and of launched hosts, whose type only AWS says."""
    if not started:
        return 0.0
    sessions = sum(kind == "session" for kind, _ in found)
    hosts = sum(prices.instance(r.instance_type, now - started) for r in resources if r.kind == INSTANCE)
    return prices.mirroring(sessions, now - started) + hosts


def as_json(seen: Seen) -> Mapping[str, object]:
    """For scripts; times as seconds since the epoch, null where unknown."""
    return {
        "capture": seen.capture,
        "source": seen.source or None,
        "sources": list(seen.sources),
        "owner": seen.owner,
        "state": seen.state,
        "here": seen.is_here,
        "resources": [{"kind": kind, "id": resource} for kind, resource in seen.resources],
        "started": seen.started or None,
        "expires": seen.expires or None,
        "cost_usd": round(seen.cost, 4),
        "cleanup_until": seen.covered or None,
        "notes": [*seen.unproved, *seen.notes],
    }
