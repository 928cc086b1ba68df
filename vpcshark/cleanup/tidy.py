"""Finishes the ledgers of dead captures: the one piece of work that janitor, sweep and ``vpcshark cleanup`` share.

Gets the way to AWS as an argument (``Reach``). Knows nothing of processes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import sweep
from vpcshark.clock import Clock
from vpcshark.errors import AwsError, VpcsharkError

log = logging.getLogger(__name__)

# A create that was cut off between call and answer may show up in describes some seconds later (EC2 is eventually
# consistent, and a slow call may still be under way when its caller is dead).
SETTLE = 15.0


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


def tidy(path: Path, *, reach: Reach, clock: Clock, patience: float) -> Tidied:
    """Remove what the dead capture of this ledger left, and the ledger with it once a describe shows nothing.

    Where something is left after ``patience`` seconds, the ledger stays, with a sentence for each reason.
    """
    ledger = ledgers.adopt(path)
    if ledger is None:
        return Tidied(path)
    record = ledgers.read(path)
    outcome = _remove(record, ledger, reach, clock, patience)
    if outcome.is_clean:
        ledger.finish()
    else:
        for sentence in outcome.problems:
            ledger.note(sentence)
        ledger.leave_open()
    return Tidied(path, record, outcome)


def _remove(
    record: ledgers.Record, ledger: ledgers.Ledger, reach: Reach, clock: Clock, patience: float
) -> sweep.Outcome:
    if not record.made and not record.unanswered:
        return sweep.Outcome((), ())
    start = clock.monotonic()
    pause = sweep.FIRST_PAUSE
    while True:
        try:
            account = _right_account(record, reach)
            break
        except VpcsharkError as error:
            if not isinstance(error, AwsError) or clock.monotonic() - start + pause > patience:
                return sweep.Outcome((), (str(error),))
            log.warning("%s", error)
        clock.sleep(pause)
        pause = min(pause * 1.6, sweep.LONGEST_PAUSE)
    return sweep.remove_capture(
        account,
        record.capture,
        clock=clock,
        patience=patience - (clock.monotonic() - start),
        known=record.made,
        settle=SETTLE if record.unanswered else 0.0,
        on_deleted=ledger.deleted,
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
