"""Moves running mirror sessions to another filter: a new one is made beside the old, then the old one is deleted.

Rules are never changed in place: between two changes frames would be lost that both filters want. Must not know who
asks for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from vpcshark import threads
from vpcshark.aws import kinds
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import is_refusal
from vpcshark.aws.mirroring import resources
from vpcshark.aws.mirroring.rules import Rule
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.errors import AwsError, Halfway, VpcsharkError

AT_ONCE = 25  # sessions that are moved at the same time

log = logging.getLogger(__name__)


@dataclass
class Swap:
    """Of one capture, whose sessions have the filter ``current`` now. ``dns``: traffic with AWS's resolver is mirrored
    too. One change at a time."""

    ec2: Ec2
    maker: Maker
    current: str
    description: str
    dns: bool

    def to(self, rules: Sequence[Rule], then: Callable[[], None]) -> None:
        """Move the sessions to a new filter with ``rules``, and do ``then``. VpcsharkError, with the sessions as they
        were; ``Halfway`` where AWS does not let them."""
        ec2, maker = self.ec2, self.maker
        old = [resource for resource, kind in maker.made.items() if kind == "filter"]
        sessions = [resource for resource, kind in maker.made.items() if kind == "session"]
        new = maker.make(
            "filter", lambda labels, token: resources.create_filter(ec2, labels, token, description=self.description)
        )
        try:
            resources.create_rules(ec2, new, rules)
            if self.dns:
                resources.allow_dns(ec2, new)
            _move_all(ec2, sessions, self.current, new, then)
        except Halfway:
            raise  # both are in use
        except BaseException:
            _drop(ec2, maker, new)
            raise
        self.current = new
        for resource in old:  # also what could not be deleted before
            _drop(ec2, maker, resource)


def _move_all(ec2: Ec2, sessions: Sequence[str], old: str, new: str, then: Callable[[], None]) -> None:
    """All of them and ``then``, or none."""
    failures = _move(ec2, sessions, new)
    try:
        if failures:
            raise next(iter(failures.values()))
        then()
    except BaseException as failure:
        stayed = {session for session, error in failures.items() if is_refusal(error)}  # AWS did nothing
        left = _move(ec2, [session for session in sessions if session not in stayed], old)
        for session, error in left.items():
            log.warning("The session %s has not its old filter back: %s", session, error)
        if left:
            raise _halfway(failure, next(iter(left.values()))) from failure
        raise


def _halfway(failure: BaseException, error: AwsError) -> Halfway:
    why, remedy = f"{type(failure).__name__}.", ""
    if isinstance(failure, VpcsharkError):
        why, remedy = failure.problem, failure.remedy
    return Halfway(
        f"The filter is not changed, but AWS may mirror by the new one, so that frames may be missing: {why}"
        f" Nor could that be undone: {error.problem}",
        f"{remedy} Enter a filter again; that sets AWS's anew.".strip(),
    )


def _move(ec2: Ec2, sessions: Sequence[str], filter_id: str) -> dict[str, AwsError]:
    """Have them mirror by this filter; why not, for each that could not be moved."""

    def move(session: str) -> AwsError | None:
        try:
            resources.use_filter(ec2, session, filter_id)
        except AwsError as error:
            return error
        return None

    outcomes = threads.together([partial(move, session) for session in sessions], AT_ONCE)
    return {session: error for session, error in zip(sessions, outcomes, strict=True) if error is not None}


def _drop(ec2: Ec2, maker: Maker, resource: str) -> None:
    """A filter that nobody uses. One that can't be deleted now stays the maker's, for the clean-up at the end; so does
    one that AWS does not know yet."""
    try:
        was_there = kinds.delete(ec2, kinds.FILTER, resource)
    except AwsError as error:
        log.warning("The filter %s is left to the clean-up: %s", resource, error)
        return
    if was_there or not maker.is_young(resource):
        maker.forget(resource)
