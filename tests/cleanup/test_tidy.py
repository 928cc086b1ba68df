"""A dead capture's ledger is worked off, and stays where work is left."""

from __future__ import annotations

import threading

import pytest

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tidy
from vpcshark.errors import AwsError, InputError

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "prod", "region": "eu-west-1"}


@pytest.fixture
def dead(tmp_path, account):
    """The ledger of a capture that died with a session, a filter and one unanswered create."""
    ledger = ledgers.Ledger(tmp_path / "c-1.ledger", HEADER)
    ledger.belongs_to("123456789012")
    for kind, name in (("filter", "tmf-1"), ("session", "tms-1")):
        ledger.created(kind, name, name)
        account.add(kind, name)
    ledger.creating("target", "t9")
    ledger.leave_open()
    return ledger.path


def test_a_dead_capture_is_removed_and_its_ledger_too(dead, account, clock):
    """Nothing in the account, nothing in the folder; the profile and region are the capture's own."""
    asked = []
    tidied = tidy.tidy(
        dead, reach=lambda profile, region: asked.append((profile, region)) or account, clock=clock, patience=60
    )
    assert tidied.outcome.is_clean
    assert account.resources == {}
    assert not dead.exists()
    assert asked == [("prod", "eu-west-1")]


def test_an_unanswered_create_is_waited_for(dead, account, clock):
    """A create that may still be under way is looked for longer than one describe."""
    tidy.tidy(dead, reach=lambda profile, region: account, clock=clock, patience=60)
    assert sum(clock.slept) >= tidy.SETTLE - 1


def test_a_ledger_stays_open_with_the_reason_when_aws_cannot_be_asked(dead, clock):
    """Expired credentials cost nothing but time: the next sweep goes on."""

    def reach(profile, region):
        raise AwsError("The SSO session of the profile prod has expired.", "Run aws sso login --profile prod.")

    tidied = tidy.tidy(dead, reach=reach, clock=clock, patience=30)
    assert not tidied.outcome.is_clean
    assert dead.exists()
    assert "expired" in ledgers.read(dead).notes[-1]
    assert not ledgers.is_live(dead)


@pytest.mark.parametrize("failure", [OSError(13, "denied"), EOFError(), RuntimeError("x"), UnicodeError(), TypeError()])
def test_whatever_is_raised_is_tried_again(dead, account, clock, failure):
    """A library's exception, or a defect of ours: it must not end the only one who cleans up. It is noted meanwhile."""
    failures = [failure] * 3
    notes = []

    def reach(profile, region):
        if failures:
            raise failures.pop()
        notes.extend(ledgers.read(dead).notes)
        return account

    assert tidy.tidy(dead, reach=reach, clock=clock, patience=900).outcome.is_clean
    assert account.resources == {}
    assert notes == [f"vpcshark failed unexpectedly ({type(failure).__name__}). Its log tells more."]


def test_another_accounts_credentials_delete_nothing(dead, account, clock):
    """A sweep in another account finds nothing and must not take that for clean."""
    account.identity = lambda: "999999999999"
    tidied = tidy.tidy(dead, reach=lambda profile, region: account, clock=clock, patience=30)
    assert not tidied.outcome.is_clean
    assert "123456789012" in tidied.outcome.problems[0]
    assert dead.exists()
    assert account.deletes == []


def test_a_living_capture_is_left_alone(tmp_path, account, clock):
    """The lock says that somebody still works here."""
    ledger = ledgers.Ledger(tmp_path / "c-2.ledger", HEADER)

    def reach(profile, region):
        raise InputError("must not be asked")

    assert tidy.tidy(ledger.path, reach=reach, clock=clock, patience=30).outcome is None
    ledger.finish()


def test_expired_credentials_are_read_anew(dead, account, clock):
    """A sign-in that the user renews meanwhile is used: each round reaches AWS again."""
    expired = AwsError("The AWS credentials have expired.", code="ExpiredToken")
    ways = [AwsError("The AWS credentials have expired.", code="ExpiredToken")] * 3
    account.describe_failures = [expired] * 2

    def reach(profile, region):
        if ways:
            raise ways.pop()
        return account

    assert tidy.tidy(dead, reach=reach, clock=clock, patience=600).outcome.is_clean
    assert account.resources == {}
    assert not dead.exists()


def test_an_unknown_account_that_shows_nothing_is_not_taken_for_clean(tmp_path, account, clock):
    """Killed before its account was known: other credentials prove nothing; the capture's own do."""
    ledger = ledgers.Ledger(tmp_path / "c-1.ledger", HEADER)
    ledger.creating("filter", "t1")
    ledger.leave_open()
    reach = lambda profile, region: account  # noqa: E731
    assert not tidy.tidy(ledger.path, reach=reach, clock=clock, patience=60).outcome.is_clean
    assert ledger.path.exists()
    assert tidy.tidy(ledger.path, reach=reach, clock=clock, patience=60, is_sure=True).outcome.is_clean
    assert not ledger.path.exists()


def test_ids_that_an_unknown_account_does_not_have_are_no_proof_that_they_are_gone(tmp_path, account, clock):
    """Another account says "not found" to each delete; the right one shows them, and only then they go."""
    ledger = ledgers.Ledger(tmp_path / "c-1.ledger", HEADER)
    for kind, name in (("filter", "tmf-1"), ("session", "tms-1")):
        ledger.created(kind, name, name)
    ledger.leave_open()
    other = type(account)()
    tidied = tidy.tidy(ledger.path, reach=lambda profile, region: other, clock=clock, patience=30)
    assert "before it knew its AWS account" in tidied.outcome.problems[0]
    assert ledgers.read(ledger.path).made == {"tmf-1": "filter", "tms-1": "session"}
    assert other.deletes == []
    account.add("filter", "tmf-1")
    account.add("session", "tms-1")
    assert tidy.tidy(ledger.path, reach=lambda profile, region: account, clock=clock, patience=30).outcome.is_clean
    assert account.resources == {}
    assert not ledger.path.exists()


def test_all_ledgers_are_worked_off_side_by_side(dead, tmp_path, account, clock):
    """Wireshark waits: an account out of reach, asked first, keeps no other capture's resources standing."""
    stuck = ledgers.Ledger(tmp_path / "c-0.ledger", {**HEADER, "profile": "gone"})
    stuck.created("filter", "t0", "tmf-0")
    stuck.leave_open()
    living = ledgers.Ledger(tmp_path / "c-2.ledger", HEADER)
    other_is_gone = threading.Event()
    delete = account.delete
    account.delete = lambda kind, resource: (delete(kind, resource), other_is_gone.set())

    def reach(profile, region):
        if profile == "gone":
            assert other_is_gone.wait(180)
            raise InputError("There is no profile gone.")
        return account

    left = tidy.tidy_all(ledgers.all_paths(tmp_path), reach=reach, clock=clock, patience=60)
    assert left == ["There is no profile gone."]
    assert account.resources == {}
    assert (stuck.path.exists(), dead.exists(), living.path.exists()) == (True, False, True)
    living.finish()


def test_an_account_that_never_answers_is_not_waited_for(dead, clock):
    """Its ledger stays, and says so; whoever waits gets an answer."""
    answer = threading.Event()

    def reach(profile, region):
        answer.wait()
        raise InputError("too late")

    left = tidy.tidy_all([dead], reach=reach, clock=clock, patience=0.1)
    answer.set()
    assert left == ["There was not the time to remove what the capture c-1 left."]
    assert dead.exists()
