"""Removes what captures left in the account: by tag, read on the client, until a describe shows nothing.

Only what bears ``vpcshark:capture`` and was provably made by a capture (``birthmark``) is ever deleted; what has the
tag alone is named, and left alone. Order: sessions, then everything else side by side, then security
groups, which stay until their instance is terminated. Knows neither how a capture runs nor which EC2 call removes what:
that is ``Account``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, runtime_checkable

from vpcshark import threads
from vpcshark.aws.errors import is_in_use
from vpcshark.aws.kinds import ANALYSIS, GROUP, INSTANCE, SESSION, SLOW, TARGET
from vpcshark.cleanup import tags
from vpcshark.cleanup.birthmark import Birth, Proof
from vpcshark.cleanup.tags import Lease, read_lease
from vpcshark.clock import Clock
from vpcshark.errors import AwsError

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
AT_ONCE = 25  # deletes under way; EC2 lets an account have 50 at once, and 5 more each second


@dataclass(frozen=True)
class Resource:
    """A resource that bears our tag: its kind ("session", "filter", "instance", …), id, tags."""

    kind: str
    id: str
    tags: Mapping[str, str]
    source: str = ""  # the mirrored ENI, of a session
    instance_type: str = ""
    birth: Birth = field(default_factory=Birth)
    target: str = ""  # the mirror target, of a session

    @property
    def lease(self) -> Lease | None:
        """Whose it is and until when, as its tags have it; None if they have nothing of us."""
        return read_lease(self.tags)

    @property
    def unproved(self) -> str:
        """The sentence on one that has a capture's tags without a proof that a capture made it."""
        name = f" ({self.tags['Name']})" if self.tags.get("Name") else ""
        capture = self.lease.capture if self.lease is not None else ""
        return (
            f"The {self.kind} {self.id}{name} has the tags of the capture {capture}, but nothing shows that a capture "
            "made it: it is left alone."
        )


class Account(Protocol):
    """What clean-up needs of AWS. Errors: AwsError."""

    def tagged(self) -> Sequence[Resource]:
        """Every resource that bears ``vpcshark:capture``, whoever owns it; none of a kind that is optional, and that
        the caller may not list."""

    def hides(self, kind: str) -> bool:
        """May the caller not list this kind, or is that not known?"""

    def delete(self, kind: str, resource: str) -> bool | None:
        """Delete one; False where AWS says that there is no such thing: it is gone, or was made a moment ago."""


@runtime_checkable
class Timed(Protocol):
    """An account whose answers tell what time it is there."""

    def ahead(self) -> float:
        """Seconds that this machine's clock is ahead of AWS's, by its last answer."""


def now_there(account: Account, clock: Clock) -> float:
    """The time by AWS's clock: whether a lease has run out must not hang on a clock here that is wrong."""
    return clock.now() - (account.ahead() if isinstance(account, Timed) else 0.0)


@dataclass(frozen=True)
class Outcome:
    """What a removal did: ids deleted, a sentence for each that could not be, one for each that AWS is at, and one for
    each that only has the capture's tags."""

    deleted: tuple[str, ...]
    problems: tuple[str, ...]
    later: tuple[str, ...] = ()
    unproved: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """A describe showed nothing at the end."""
        return not self.problems and not self.later


def remove_capture(
    account: Account,
    capture: str,
    *,
    clock: Clock,
    patience: float,
    known: Mapping[str, str] | None = None,
    proof: Proof | None = None,
    settle: float = 0.0,
    young: float = 0.0,
    on_deleted: Callable[[str], None] = lambda resource: None,
    give_up: Callable[[AwsError], bool] = lambda error: False,
    hands_over: bool = False,
) -> Outcome:
    """Delete all of one capture, until a describe shows nothing or ``patience`` seconds are over, or ``give_up`` says
    that going on is of no use.

    ``proof`` tells what is the capture's own; where none is given, the birthmark and ``known`` do.
    ``known`` (id -> kind) is deleted at once, without a describe before it; but what is ``SLOW`` may be another
    capture's by now, which claimed a kept host, so that is looked at first. A mirror target that a session of another
    capture uses is left to that capture. ``settle``: go on describing for that many seconds even when nothing is shown,
    because a create whose answer never came may still be under way at AWS; where ``patience`` ends before, it is a
    problem that it may still appear. ``young``: the same where AWS says of something in ``known`` that it does not
    exist: EC2 may not know yet what it made a moment ago, so ``on_deleted`` is told of it only then.
    ``hands_over``: somebody else waits for what is ``SLOW``, once AWS has been told.
    """
    removal = _Removal(account, proof or Proof(capture, ids=frozenset(known or ())), on_deleted, give_up)
    removal.believes = young <= 0
    start = clock.monotonic()
    slow = {resource: kind for resource, kind in (known or {}).items() if kind in SLOW}
    removal.delete([(kind, resource) for resource, kind in (known or {}).items() if resource not in slow])
    pause = 0.0  # the first describe after the first round of deletes comes at once
    while True:
        left = removal.look()
        if left is not None and slow:
            removal.let_go(slow, left)
            removal.delete([*removal.unseen(slow), *((resource.kind, resource.id) for resource in left)])
            slow = {}
            continue
        unsettled = start + (max(settle, young) if removal.is_doubtful else settle) - clock.monotonic()
        if left is not None and not left and unsettled <= 0:
            removal.believe()
            return removal.outcome()
        if hands_over and left and (later := removal.told_of(left)):
            return removal.outcome(later=later)
        if left is not None and not left:
            pause = min(pause, unsettled)
        if removal.is_hopeless or clock.monotonic() - start + pause > patience:
            problems = removal.problems_of(left) or [_may_appear(capture)]
            return removal.outcome(problems)
        if left:
            removal.delete([(resource.kind, resource.id) for resource in left])
        clock.sleep(pause)
        pause = min(max(pause * 1.6, FIRST_PAUSE), LONGEST_PAUSE)


def _may_appear(capture: str) -> str:
    return f"The capture {capture} was cut off while AWS made something for it, which may still appear."


class _Removal:
    """One go at an account: remembers what it deleted and, for each resource, the last reason why it could not."""

    def __init__(
        self, account: Account, proof: Proof, on_deleted: Callable[[str], None], give_up: Callable[[AwsError], bool]
    ) -> None:
        self._account = account
        self._proof = proof
        self._on_deleted = on_deleted
        self._give_up = give_up
        self.is_hopeless = False
        self.believes = True  # what AWS denies is gone, not only unknown to it yet
        self._denied: dict[str, str] = {}  # what AWS had made, and says does not exist: id -> kind
        self._certain: set[str] = set()  # what it did delete, which is denied afterwards
        self.deleted: list[str] = []
        self.problems: dict[str, str] = {}
        self._refused: dict[str, str] = {}  # what AWS would not delete the last time: id -> kind
        self._unproved: dict[str, str] = {}  # id -> sentence
        self._seen: set[str] = set()  # what the last describe showed, whosever it is
        self._held: set[str] = set()  # targets that AWS would not delete after all of the capture's sessions
        self._told: set[str] = set()  # instances that were told to terminate, and that AWS still shows

    @property
    def is_doubtful(self) -> bool:
        """May something appear yet that AWS has not deleted?"""
        return bool(self._denied.keys() - self._certain)

    def believe(self) -> None:
        """What is denied so late has never been there, or has gone."""
        for resource, kind in self._denied.items():
            if resource not in self._certain and not self.believes:
                self._done(kind, resource)

    def outcome(self, problems: Sequence[str] = (), later: tuple[str, ...] = ()) -> Outcome:
        """What was done so far."""
        return Outcome(tuple(self.deleted), tuple(problems), later, tuple(self._unproved.values()))

    def look(self) -> list[Resource] | None:
        """What the account still shows of the capture; None where it could not be asked."""
        try:
            shown = self._account.tagged()
        except AwsError as error:
            log.warning("%s", error)
            self.is_hopeless = self._give_up(error)
            self.problems["the account"] = str(error)
            return None
        self.problems.pop("the account", None)
        self._seen = {r.id for r in shown}
        found, others = split([r for r in shown if self._is_claimed(r)], self._proof)
        for one in others:
            if self._unproved.get(one.id) is None:
                log.warning("%s", one.unproved)
            self._unproved[one.id] = one.unproved
        for gone in self._told - {r.id for r in found}:
            self._told.discard(gone)
            self._done(INSTANCE, gone)
        return [r for r in found if not self._is_left_to_others(r, shown)] + self._refused_and_hidden()

    def _refused_and_hidden(self) -> list[Resource]:
        """What AWS would not delete has not gone because no list shows it, where the caller may not list its kind. Of
        others a list tells for certain; a refusal does not, since what has gone has no tag that a policy asks for."""
        unseen = {one: kind for one, kind in self._refused.items() if one not in self._seen}
        hidden = {kind for kind in set(unseen.values()) if self._account.hides(kind)}
        return [Resource(kind, one, {}) for one, kind in unseen.items() if kind in hidden]

    def _is_claimed(self, resource: Resource) -> bool:
        """By its tag; or it is a target that this capture shared with the one whose tag it has."""
        is_tagged = resource.lease is not None and resource.lease.capture == self._proof.capture
        return is_tagged or (resource.kind == TARGET and resource.id in self._proof.ids)

    def _is_left_to_others(self, resource: Resource, shown: Sequence[Resource]) -> bool:
        """Only where AWS has refused to delete it since the capture's own sessions went: then the others' end later,
        and whoever ends last finds it free. A describe alone may still show sessions that have ended."""
        users = [r for r in shown if r.target == resource.id and not self._is_claimed(r)]
        if resource.kind != TARGET or not users or resource.id not in self._held:
            return False
        log.info("The target %s is left to %s.", resource.id, users[0].lease.capture if users[0].lease else "others")
        self.problems.pop(resource.id, None)
        self._refused.pop(resource.id, None)
        self._on_deleted(resource.id)
        return True

    def let_go(self, known: Iterable[str], left: Sequence[Resource]) -> None:
        """What bears another capture's tag is not ours to delete."""
        for resource in self._seen.intersection(known) - {r.id for r in left}:
            log.info("%s is another capture's now.", resource)
            self._on_deleted(resource)

    def unseen(self, known: Mapping[str, str]) -> list[tuple[str, str]]:
        """(kind, id) of what no describe shows: made a moment ago, perhaps."""
        return [(kind, resource) for resource, kind in known.items() if resource not in self._seen]

    def told_of(self, left: Sequence[Resource]) -> tuple[str, ...]:
        """A sentence for each, if all of them are slow and AWS is at it already; else none."""
        is_under_way = all(r.id in self._told if r.kind == INSTANCE else r.kind in SLOW for r in left)
        return tuple(f"AWS is still removing the {r.kind} {r.id}." for r in left) if is_under_way else ()

    def delete(self, resources: Iterable[tuple[str, str]]) -> None:
        """Sessions first: a filter or target in use cannot be deleted, nor a path that has analyses. Then the rest side
        by side, groups last."""
        waves: tuple[list[tuple[str, str]], ...] = ([], [], [])
        for kind, resource in resources:
            waves[{"session": 0, ANALYSIS: 0, GROUP: 2}.get(kind, 1)].append((kind, resource))
        for wave in waves:
            if wave:
                threads.together([partial(self._delete_one, *item) for item in wave], AT_ONCE)

    def problems_of(self, left: Sequence[Resource] | None) -> list[str]:
        """A sentence per resource that is still there, with the reason where one is known."""
        if left is None:
            return [self.problems["the account"]]
        return [
            self.problems.get(r.id) or f"The {r.kind} {r.id} was deleted, but AWS still shows it."
            for r in left
        ]  # fmt: skip

    def _delete_one(self, kind: str, resource: str) -> None:
        try:
            was_there = self._account.delete(kind, resource)
        except AwsError as error:
            log.warning("The %s %s is not deleted yet: %s", kind, resource, error)
            if kind == TARGET and is_in_use(error) and not self._may_have_a_session():
                self._held.add(resource)
            self.problems[resource] = f"The {kind} {resource} could not be deleted: {error}"
            self._refused[resource] = kind
            return
        self.problems.pop(resource, None)
        self._refused.pop(resource, None)
        if was_there is False:
            self._denied[resource] = kind
        else:
            self._certain.add(resource)
        if kind == INSTANCE and was_there is not False:
            self._told.add(resource)
        elif was_there is not False or self.believes:
            self._done(kind, resource)

    def _may_have_a_session(self) -> bool:
        """Of the capture, that AWS did not know yet when it was to be deleted."""
        return any(kind == SESSION for one, kind in self._denied.items() if one not in self._certain)

    def _done(self, kind: str, resource: str) -> None:
        self.deleted.append(resource)
        self._on_deleted(resource)
        log.info("Deleted the %s %s.", kind, resource)


def remove_expired(
    account: Account, owner: str, *, clock: Clock, patience: float, lives_here: Callable[[str], bool | None]
) -> list[str]:
    """Remove my captures whose lease ran out, wherever they ran; their ids. One that ``lives_here`` (see
    ``tags.is_dead``) could not renew it, and stays. Other people's are left to them and to ``vpcshark cleanup``.
    AwsError where the account can't be asked."""
    gone = []
    for capture, claimed in group_by_capture(account.tagged()).items():
        resources, _ = split(claimed, Proof(capture))
        if not resources:
            continue
        lease = latest_lease(resources)
        if lease.owner == owner and tags.has_run_out(lease, now_there(account, clock)) and not lives_here(capture):
            log.info("The lease of the capture %s ran out.", capture)
            if remove_capture(account, capture, clock=clock, patience=patience).is_clean:
                gone.append(capture)
    return gone


def split(resources: Iterable[Resource], proof: Proof) -> tuple[list[Resource], list[Resource]]:
    """Those that are provably the capture's, and those that only have its tags."""
    ours: list[Resource] = []
    others: list[Resource] = []
    for one in resources:
        (ours if proof.covers(one.kind, one.id, one.birth) else others).append(one)
    return ours, others


def latest_lease(resources: Iterable[Resource]) -> Lease:
    """The lease of a capture: a renewal that was cut off may have reached only some of its resources."""
    return max((r.lease for r in resources if r.lease is not None), key=lambda lease: lease.expires)


def group_by_capture(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """The resources of each capture id."""
    groups: dict[str, list[Resource]] = {}
    for resource in resources:
        if resource.lease is not None:
            groups.setdefault(resource.lease.capture, []).append(resource)
    return groups
