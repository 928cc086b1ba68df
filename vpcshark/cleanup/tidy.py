"""Finishes the ledgers of dead captures: the one piece of work that janitor, sweep and ``vpcshark cleanup`` share.

Gets the way to AWS as an argument (``Reach``). Knows nothing of processes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from vpcshark import threads
from vpcshark.aws.errors import is_expired
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import sweep
from vpcshark.clock import Clock
from vpcshark.errors import VpcsharkError, unexpected

log = logging.getLogger(__name__)

# A create that was cut off between call and answer may show up in describes some seconds later (EC2 is eventually
# consistent, and a slow call may still be under way when its caller is dead).
SETTLE = 15.0
ROUND = 60.0  # seconds with one set of credentials
AT_ONCE = 8  # ledgers; each has its own way to AWS


class Reached(sweep.Account, Protocol):
    """An account that also says which one it is."""

    def identity(self) -> str:
        """The twelve digits of the AWS account."""


Reach = Callable[[str, str], Reached]
"""(profile, region) -> the account. Raises VpcsharkError where there is no way to it."""


@dataclass(frozen=True)
class Tidied:
    """What became of one ledger. ``outcome`` is None where its capture lives or is finished already."""

    path: Path
    record: ledgers.Record | None = None
    outcome: sweep.Outcome | None = None


def tidy(path: Path, *, reach: Reach, clock: Clock, patience: float, is_sure: bool = False) -> Tidied:
    """Remove what the dead capture of this ledger left, and the ledger with it once a describe shows nothing.

    Where something is left after ``patience`` seconds, the ledger stays, with a sentence for each reason. ``is_sure``:
    the credentials are those of the capture, or a person says so; else a ledger that does not know its account, of
    which this account shows nothing, stays too.
    """
    ledger = ledgers.adopt(path)
    if ledger is None:
        return Tidied(path)
    record = ledgers.read(path)
    is_known = is_sure or bool(record.account)
    outcome = _removed(record, ledger, reach, clock, patience, is_known=is_known)
    if outcome.is_clean and not (is_known or outcome.deleted or _is_empty(record)):
        outcome = sweep.Outcome((), (_unknown_account(record),))
    if outcome.is_clean:
        ledger.finish()
    else:
        ledger.leave_open()
    return Tidied(path, record, outcome)


def tidy_all(paths: Iterable[Path], *, reach: Reach, clock: Clock, patience: float) -> list[str]:
    """Work off the ledgers of dead captures side by side, within ``patience`` seconds in all: somebody waits. What is
    left, a sentence for each; where AWS does not answer in time, too."""
    end = clock.monotonic() + patience
    dead = [path for path in paths if not ledgers.is_live(path)]
    done: dict[Path, Tidied] = {}

    def one(path: Path) -> None:
        if (left := end - clock.monotonic()) > 0:
            done[path] = tidy(path, reach=reach, clock=clock, patience=left)

    working = threads.start(threads.together, [partial(one, path) for path in dead], AT_ONCE, name="clean-up")
    if wait([working], patience).done:
        working.result()
    return [sentence for path in dead for sentence in _problems_of(path, done.get(path))]


def _problems_of(path: Path, tidied: Tidied | None) -> Sequence[str]:
    if tidied is None:
        return (f"There was not the time to remove what the capture {path.stem} left.",)
    return tidied.outcome.problems if tidied.outcome is not None else ()


def _is_empty(record: ledgers.Record) -> bool:
    return not record.made and not record.unanswered


def _removed(
    record: ledgers.Record, ledger: ledgers.Ledger, reach: Reach, clock: Clock, patience: float, *, is_known: bool
) -> sweep.Outcome:
    """Rounds, each with a new way to AWS: expired credentials may be good again when they are read anew. ``is_known``:
    it is the capture's account that is reached."""
    if _is_empty(record):
        return sweep.Outcome((), ())
    end = clock.monotonic() + patience
    pause = sweep.FIRST_PAUSE
    said: tuple[str, ...] = ()
    deleted: list[str] = []
    while True:
        outcome = _round(record, ledger, reach, clock, end, is_known=is_known)
        deleted += outcome.deleted
        if outcome.problems != said:
            for sentence in outcome.problems:
                ledger.note(sentence)  # at once: "vpcshark ps" and the interface list tell it
            said = outcome.problems
        if outcome.is_clean or clock.monotonic() + pause > end:
            return replace(outcome, deleted=tuple(deleted))
        clock.sleep(pause)
        pause = min(pause * 1.6, sweep.LONGEST_PAUSE)


def _round(
    record: ledgers.Record, ledger: ledgers.Ledger, reach: Reach, clock: Clock, end: float, *, is_known: bool
) -> sweep.Outcome:
    """In an account that may be another one, only what a describe shows is deleted: there an id of ours is "not found",
    which proves nothing."""
    try:
        return _tried(record, ledger, reach, clock, end, is_known=is_known)
    except VpcsharkError as error:
        return sweep.Outcome((), (str(error),))
    except Exception as error:  # whatever it is: the next round may go well, and nobody else cleans up
        log.exception("Cleaning up after %s failed.", record.capture)
        return sweep.Outcome((), (str(unexpected(error)),))


def _tried(
    record: ledgers.Record, ledger: ledgers.Ledger, reach: Reach, clock: Clock, end: float, *, is_known: bool
) -> sweep.Outcome:
    account = _right_account(record, reach)
    return sweep.remove_capture(
        account,
        record.capture,
        clock=clock,
        patience=min(ROUND, end - clock.monotonic()),
        known=record.made if is_known else {},
        proof=record.proof,
        settle=SETTLE if record.unanswered else 0.0,
        young=SETTLE,
        on_deleted=ledger.deleted,
        give_up=is_expired,
    )


def _right_account(record: ledgers.Record, reach: Reach) -> Reached:
    account = reach(record.profile, record.region)
    if record.account and (identity := account.identity()) != record.account:
        raise VpcsharkError(
            f"The capture {record.capture} belongs to the AWS account {record.account}, and these credentials to "
            f"{identity}.",
            "Run vpcshark cleanup with credentials of that account.",
        )
    return account


def _unknown_account(record: ledgers.Record) -> str:
    return (
        f"The capture {record.capture} was killed before it knew its AWS account, and this one shows nothing of it. "
        "Run vpcshark cleanup with the credentials that it had."
    )
