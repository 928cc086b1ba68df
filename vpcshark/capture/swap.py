"""Running mirror sessions get another filter: a new one beside the old, then they are moved, then the old one goes.

Rules are never changed in place: between two changes frames would be lost that both filters want. Must not know who
asks for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial

from vpcshark import threads
from vpcshark.aws import mirror
from vpcshark.aws.client import Ec2
from vpcshark.aws.rules import Rule
from vpcshark.capture.making import Maker
from vpcshark.errors import AwsError

AT_ONCE = 25  # sessions that are moved at the same time

log = logging.getLogger(__name__)


def swap_filter(ec2: Ec2, maker: Maker, rules: Sequence[Rule], *, dns: bool, describe: Callable[[], str]) -> None:
    """Move the sessions of this capture to a new filter with ``rules``. AwsError, with the sessions as they were."""
    old = [resource for resource, kind in maker.made.items() if kind == "filter"]
    sessions = [resource for resource, kind in maker.made.items() if kind == "session"]
    new = maker.make("filter", lambda labels, token: mirror.create_filter(ec2, labels, token, description=describe()))
    try:
        mirror.create_rules(ec2, new, rules)
        if dns:
            mirror.allow_dns(ec2, new)
        _move_all(ec2, sessions, old[0], new)
    except BaseException:
        old = [new]
        raise
    finally:
        for resource in old:
            _drop(ec2, maker, resource)


def _move_all(ec2: Ec2, sessions: Sequence[str], old: str, new: str) -> None:
    """All of them, or none."""
    try:
        _move(ec2, sessions, new)
    except BaseException:
        try:
            _move(ec2, sessions, old)
        except AwsError as error:
            log.warning("Not every session has its old filter back: %s", error)
        raise


def _move(ec2: Ec2, sessions: Sequence[str], filter_id: str) -> None:
    threads.together([partial(mirror.use_filter, ec2, session, filter_id) for session in sessions], AT_ONCE)


def _drop(ec2: Ec2, maker: Maker, resource: str) -> None:
    """A filter that nobody uses. One that can't be deleted now stays the maker's, for the clean-up at the end."""
    try:
        mirror.delete_filter(ec2, resource)
    except AwsError as error:
        log.warning("The filter %s is left to the clean-up: %s", resource, error)
        return
    maker.forget(resource)
