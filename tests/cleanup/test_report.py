"""Which captures ``vpcshark cleanup`` removes, and why the others stay."""

from __future__ import annotations

import pytest

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import report

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}
LATER, LONG_AGO = 1_800_000_000.0, 1_600_000_000.0


@pytest.fixture
def crowd(account, tmp_path):
    """My dead capture, my living one, my expired one from elsewhere, a colleague's living and expired ones; and the
    hosts that he and I keep."""
    for capture, owner, expires in (
        ("c-dead", "me@here", LATER),
        ("c-living", "me@here", LATER),
        ("c-gone", "me@here", LONG_AGO),
        ("c-bob", "bob@there", LATER),
        ("c-bob-old", "bob@there", LONG_AGO),
        ("k-mine", "me@here", LATER),
        ("k-bob", "bob@there", LATER),
    ):
        account.add("filter", f"tmf-{capture}", capture, owner, expires)
    dead = ledgers.Ledger(tmp_path / "c-dead.ledger", HEADER)
    dead.belongs_to("123456789012")
    dead.created("filter", "t", "tmf-c-dead")
    dead.leave_open()
    living = ledgers.Ledger(tmp_path / "c-living.ledger", HEADER)
    yield account
    living.finish()


def clean(account, clock, tmp_path, which, **more):
    """Run it as me@here."""
    return report.clean(account, which, reach=lambda *_: account, clock=clock, folder=tmp_path, owner="me@here", **more)


@pytest.mark.parametrize(
    ("which", "removed"),
    [
        ("mine", {"c-dead", "c-gone"}),
        ("expired", {"c-gone", "c-bob-old"}),
        ("all", {"c-dead", "c-gone", "c-bob-old"}),
        ("kept", {"c-dead", "c-gone", "k-mine"}),
    ],
)
def test_each_choice_removes_its_own(crowd, clock, tmp_path, which, removed):
    """And leaves every other capture's resources, with a reason for each."""
    before = {r.lease.capture for r in crowd.resources.values()}
    done = clean(crowd, clock, tmp_path, which)
    assert set(done.removed) == removed
    assert {r.lease.capture for r in crowd.resources.values()} == before - removed
    assert set(done.kept) == before - removed
    assert all(done.kept.values())


def test_only_its_owner_is_told_how_a_kept_host_goes(crowd, clock, tmp_path):
    """A colleague's may be about to be used."""
    kept = clean(crowd, clock, tmp_path, "all").kept
    assert "vpcshark cleanup --kept removes it" in kept["k-mine"]
    assert "is kept for the next capture until" in kept["k-bob"]
    assert "cleanup" not in kept["k-bob"]


def test_what_a_janitor_is_stuck_at_goes_too(crowd, clock, tmp_path):
    """Its credentials have run out and it holds the ledger for a quarter of an hour; mine are good."""
    held = ledgers.adopt(tmp_path / "c-dead.ledger")
    assert set(clean(crowd, clock, tmp_path, "mine").removed) == {"c-dead", "c-gone"}
    assert "tmf-c-dead" not in crowd.resources
    assert "tmf-c-living" in crowd.resources
    held.leave_open()


def test_a_dry_run_removes_nothing(crowd, clock, tmp_path):
    """It only says what it would do."""
    before = dict(crowd.resources)
    assert set(clean(crowd, clock, tmp_path, "all", dry_run=True).removed) == {"c-dead", "c-gone", "c-bob-old"}
    assert crowd.resources == before
    assert crowd.deletes == []


def test_a_ledger_is_worked_off_in_its_own_region(account, clock, tmp_path):
    """Run with another region's settings, it must not take "nothing here" for "nothing left"."""
    dead = ledgers.Ledger(tmp_path / "c-1.ledger", HEADER)
    dead.belongs_to("123456789012")
    dead.is_in("prod", "ap-south-1")
    dead.created("filter", "t", "tmf-1")
    dead.leave_open()
    asked = []
    report.clean(
        account, "mine", reach=lambda *where: asked.append(where) or account, clock=clock, folder=tmp_path, owner="me"
    )
    assert asked == [("prod", "ap-south-1")]


@pytest.mark.parametrize(("expires", "removed"), [(LATER, []), (LONG_AGO, ["c-root"])])
def test_a_capture_whose_ledger_is_another_users_is_judged_by_its_lease(shared, account, clock, expires, removed):
    """Like everybody else's: nobody here can tell whether it lives."""
    account.add("filter", "tmf-root", "c-root", "root@here", expires)
    done = clean(account, clock, shared, "all")
    assert (list(done.removed), done.problems) == (removed, [])
    assert (shared / "c-root.ledger").exists()
