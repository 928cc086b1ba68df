"""A tag is a claim: whatever bears one, only what a capture provably made is ever deleted, by whatever path."""

from __future__ import annotations

import uuid
from functools import partial

import pytest
from births import born

from vpcshark.aws.compute import launch
from vpcshark.cleanup import background, birthmark, report, sweep, tidy
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup.birthmark import Birth, Proof
from vpcshark.errors import AwsError

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}
LONG_AGO = 1_600_000_000.0
MIRRORED = ("session", "filter", "target", "security-group-rule")
KINDS = ("instance", "security-group", *MIRRORED)

# Nothing of a birth can be changed by tags; these are what somebody else's resource may look like.
STRANGERS = {
    "instance": [Birth(), Birth(token=str(uuid.uuid4())), Birth(token="vpcshark-c-1"), Birth(token="vpcshark")],
    "security-group": [
        Birth(name="default", description="default VPC security group"),
        Birth(name="vpcshark-c-1", description="Ours"),
        Birth(name="web", description=birthmark.GROUP_DESCRIPTION),
    ],
    **{
        kind: [
            Birth(),
            Birth(description="vpcshark capture by me@here"),  # an old one's, where no ledger tells of it
            Birth(description="vpcshark c-1"),
            Birth(description="of vpcshark c-1: no"),
            born("filter", "c-2"),
        ]
        for kind in MIRRORED
    },
}
ALL = [(kind, birth) for kind in KINDS for birth in STRANGERS[kind]]


@pytest.fixture
def dead(tmp_path):
    """The ledger of my dead capture c-1, which has made a filter."""
    ledger = ledgers.Ledger(tmp_path / "c-1.ledger", HEADER)
    ledger.belongs_to("123456789012")
    ledger.created("filter", "t1", "tmf-mine")
    ledger.leave_open()
    return ledger.path


def by_capture(account, clock, path) -> None:
    sweep.remove_capture(account, "c-1", clock=clock, patience=60, known={"tmf-mine": "filter"})


def by_janitor(account, clock, path) -> None:
    tidy.tidy(path, reach=lambda *_: account, clock=clock, patience=60, is_sure=True)


def after_a_kill(account, clock, path) -> None:
    tidy.tidy_all([path], reach=lambda *_: account, clock=clock, patience=60)


def by_the_next_start(account, clock, path) -> None:
    background.run(path.parent, reach=lambda *_: account, clock=clock)
    sweep.remove_expired(account, "me@here", clock=clock, patience=60, lives_here=lambda capture: None)


def by_hand(which: str, account, clock, path) -> None:
    ways = {"reach": lambda *_: account, "clock": clock, "folder": path.parent, "owner": "me@here"}
    report.clean(account, which, **ways)


PATHS = {
    "the capture itself": by_capture,
    "janitor": by_janitor,
    "post-kill": after_a_kill,
    "next start": by_the_next_start,
    **{f"cleanup --{which}": partial(by_hand, which) for which in ("mine", "expired", "all", "kept")},
}


@pytest.mark.thin(2)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("owner", ["me@here", "bob@there"])
def test_no_path_touches_what_only_has_our_tags(account, clock, dead, path, owner):
    """Every kind, every look; the tags are those of my dead capture and of an expired one, the owner's and others'."""
    for number, (kind, birth) in enumerate(ALL):
        for capture in ("c-1", "c-9"):
            account.add(kind, f"{kind}-{number}-{capture}", capture, owner, LONG_AGO, birth)
    account.add("filter", "tmf-mine", "c-1", owner, LONG_AGO, Birth())
    strangers = account.resources.keys() - {"tmf-mine"}
    PATHS[path](account, clock, dead)
    assert strangers <= account.resources.keys()
    assert set(account.deletes) <= {"tmf-mine"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_path_removes_what_bears_the_mark(account, clock, dead, path, kind):
    """So that the other test proves something: the ledger here knows none of them."""
    account.add(kind, "ours", "c-1", "me@here", LONG_AGO)
    PATHS[path](account, clock, dead)
    assert "ours" in account.deletes
    assert account.resources == {}


def test_what_is_left_alone_is_named(account, clock, dead):
    """By kind, id and name, in each answer; it is no problem, so that a stranger's tag keeps no ledger open."""
    account.add("instance", "i-db", expires=LONG_AGO, birth=Birth())
    account.resources["i-db"].tags["Name"] = "db-1"
    said = report.clean(account, "all", reach=lambda *_: account, clock=clock, folder=dead.parent, owner="me@here")
    outcome = sweep.remove_capture(account, "c-1", clock=clock, patience=60)
    assert outcome.is_clean
    assert (said.problems, "c-1" in said.removed, dead.exists()) == ([], False, False)
    for sentences in (said.unproved, outcome.unproved):
        (sentence,) = sentences
        assert "instance i-db (db-1)" in sentence
        assert "c-1" in sentence


def test_a_stranger_lengthens_no_lease(account, clock, tmp_path):
    """Else a tag could keep a dead capture's resources standing, and costing."""
    account.add("filter", "tmf-gone", "c-9", "bob@there", LONG_AGO)
    account.add("instance", "i-db", "c-9", "bob@there", clock.now() + 10**8, Birth())
    report.clean(account, "expired", reach=lambda *_: account, clock=clock, folder=tmp_path, owner="me@here")
    assert set(account.resources) == {"i-db"}


def test_a_claimed_host_is_still_one_that_a_capture_launched(account, clock, tmp_path):
    """A kept host and its group are handed on: the tag is the new capture's, the mark the first one's."""
    for kind in ("instance", "security-group"):
        account.add(kind, kind, "c-9", "bob@there", LONG_AGO, born(kind, "c-5"))
    report.clean(account, "expired", reach=lambda *_: account, clock=clock, folder=tmp_path, owner="me@here")
    assert account.resources == {}


@pytest.mark.parametrize("kind", MIRRORED)
def test_what_an_older_vpcshark_made_goes_by_its_ledger(account, clock, tmp_path, kind):
    """It gave no marks: the ids that its ledger knows, and what it was making when it was cut off, by its words."""
    ledger = ledgers.Ledger(tmp_path / "c-1.ledger", HEADER)
    ledger.belongs_to("123456789012")
    ledger.created(kind, str(uuid.uuid4()), "made")
    ledger.creating(kind, str(uuid.uuid4()))
    ledger.leave_open()
    account.add(kind, "made", birth=Birth(description="whatever the user said"))
    account.add(kind, "cut off", birth=Birth(description="vpcshark capture by me@here"))
    account.add(kind, "stranger", birth=Birth(description="the database team's"))
    account.add("instance", "i-db", birth=Birth(token=str(uuid.uuid4())))
    tidied = tidy.tidy(ledger.path, reach=lambda *_: account, clock=clock, patience=60)
    assert tidied.outcome is not None
    assert tidied.outcome.is_clean
    assert set(account.resources) == {"stranger", "i-db"}


def test_what_an_older_vpcshark_was_launching_is_known_by_its_token(account, clock, tmp_path):
    """Its ledger has the ClientToken, and AWS tells it."""
    ledger = ledgers.Ledger(tmp_path / "c-1.ledger", HEADER)
    ledger.belongs_to("123456789012")
    ledger.creating("instance", "6f1c4a52-0000-4000-8000-000000000001")
    ledger.leave_open()
    account.add("instance", "i-ours", birth=Birth(token="6f1c4a52-0000-4000-8000-000000000001"))
    account.add("instance", "i-db", birth=Birth(token="6f1c4a52-0000-4000-8000-000000000002"))
    tidy.tidy(ledger.path, reach=lambda *_: account, clock=clock, patience=60)
    assert set(account.resources) == {"i-db"}


def test_a_rules_words_may_have_lost_characters():
    """A rule's description has fewer characters than its owner's name may have."""
    proof = Proof("c-1", "jürg@here", unanswered={"t": "security-group-rule"})
    assert proof.covers("security-group-rule", "sgr-1", Birth(description="vpcshark capture by j-rg@here"))
    assert not proof.covers("security-group-rule", "sgr-1", Birth(description="vpcshark capture by j-rg@there"))


def test_every_mark_is_one_that_ec2_takes():
    """At most 64 ASCII characters of a ClientToken, 255 of a description; a group's words are those of its create."""
    token = birthmark.token("c-0123456789ab")
    assert token.isascii()
    assert len(token) <= 64
    assert token != birthmark.token("c-0123456789ab")
    assert len(birthmark.description("c-0123456789ab", "x" * 255)) == 255
    asked = launch.group_parameters("vpc-1", birthmark.group_name("c-1"), {})
    assert birthmark.is_launched(Birth(name=asked["GroupName"], description=asked["Description"]))


def test_a_mark_is_no_excuse_for_what_cannot_be_deleted(account, clock):
    """What is ours and stays is a problem, as ever."""
    account.add("filter", "tmf-1")
    account.failures = {"tmf-1": [AwsError("You may not.", code="UnauthorizedOperation")] * 99}
    assert not sweep.remove_capture(account, "c-1", clock=clock, patience=5).is_clean


@pytest.mark.parametrize(
    ("said", "is_one"),
    [
        (birthmark.description("c-0a1b2c", "mirror target"), True),
        (birthmark.description("c-1", ""), True),
        ("vpcshark c-1", False),
        ("a team's vpcshark c-1: target", False),
        ("vpcshark k-1: target", False),
        ("", False),
    ],
)
def test_a_description_tells_whether_a_capture_made_it(said: str, is_one: bool):
    """Whichever capture: tags, which say so, may show later than the resource."""
    assert birthmark.is_captures(birthmark.Birth(description=said)) is is_one
