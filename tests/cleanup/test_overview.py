"""What ``vpcshark ps`` and the interface list know of captures, from ledgers and tags."""

from __future__ import annotations

import pytest
from births import born

from vpcshark.aws import prices
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import overview, tags
from vpcshark.cleanup.sweep import Resource

NOW = 1_700_003_600.0
HEADER = {"owner": "me@here", "started": NOW - 3600, "expires": NOW + 60, "source": "eni-1"}


@pytest.fixture
def mine(tmp_path):
    """The open ledger of a living capture with a session, an hour old."""
    ledger = ledgers.Ledger(tmp_path / "c-1.ledger", HEADER)
    ledger.created("session", "t", "tms-1")
    yield ledger
    ledger.leave_open()


def resource(kind: str, name: str, labels: dict[str, str], source: str = "", instance_type: str = "") -> Resource:
    """One that the capture of its tags made."""
    return Resource(kind, name, labels, source, instance_type, born(kind, labels[tags.CAPTURE]))


def of_bob(expires: float) -> Resource:
    """A session of somebody else's."""
    labels = tags.Lease("c-bob", "bob@there", expires, NOW - 7200).as_tags()
    return resource("session", "tms-bob", labels, "eni-9")


def test_mine_is_live_as_long_as_its_process_is(mine, tmp_path):
    """The lock decides; the cost is that of one session for an hour."""
    (seen,) = overview.overview([], NOW, tmp_path)
    assert (seen.state, seen.source, seen.is_here) == ("live", "eni-1", True)
    mine.leave_open()
    (seen,) = overview.overview(None, NOW, tmp_path)
    assert seen.state == "dead"
    assert seen.resources == (("session", "tms-1"),)
    assert seen.cost == pytest.approx(prices.SESSION_HOUR_USD)


def test_a_launched_host_costs_too(mine, tmp_path):
    """By its type, which only AWS says."""
    labels = tags.Lease("c-1", "me@here", NOW + 60, NOW - 3600).as_tags()
    found = [resource("session", "tms-1", labels, "eni-1"), resource("instance", "i-1", labels, "", "t4g.small")]
    (seen,) = overview.overview(found, NOW, tmp_path)
    assert seen.cost == pytest.approx(prices.SESSION_HOUR_USD + prices.INSTANCE_HOUR_USD["t4g.small"])


def test_a_capture_that_is_cleaned_up_now_says_so(mine, tmp_path):
    """The janitor holds the same lock, but the capture is dead."""
    mine.leave_open()
    adopted = ledgers.adopt(mine.path)
    assert overview.overview([], NOW, tmp_path)[0].state == "cleaning up"
    adopted.leave_open()


@pytest.mark.parametrize(("expires", "state"), [(NOW + 10, "live"), (NOW - 30, "live"), (NOW - 3600, "expired")])
def test_others_are_judged_by_their_lease(tmp_path, expires, state):
    """With a minute for clocks that differ."""
    (seen,) = overview.overview([of_bob(expires)], NOW, tmp_path)
    assert (seen.state, seen.owner, seen.source) == (state, "bob@there", "eni-9")
    assert seen.cost == pytest.approx(2 * prices.SESSION_HOUR_USD)


def test_what_could_not_be_cleaned_up_is_one_sentence(mine, tmp_path):
    """For the list of interfaces; nothing where nothing is wrong."""
    assert overview.remark(tmp_path) == ""
    mine.note("The AWS credentials have expired.")
    assert overview.remark(tmp_path) == (
        "A dead capture is not cleaned up yet: The AWS credentials have expired. (vpcshark ps)"
    )


def test_another_users_ledger_is_passed_over_with_a_note(shared):
    """A capture by sudo leaves such a one in the user's folder: it takes neither list away."""
    mine = ledgers.Ledger(shared / "c-1.ledger", HEADER)
    mine.note("The AWS credentials have expired.")
    assert "The AWS credentials have expired." in overview.remark(shared)
    first, foreign = overview.overview([], NOW, shared)
    assert (first.capture, first.state) == ("c-1", "live")
    assert (foreign.capture, foreign.state, foreign.is_here) == ("c-root", "unknown", True)
    assert "another user's" in foreign.notes[0]
    labels = tags.Lease("c-root", "root@here", NOW - 3600, NOW - 7200).as_tags()
    (_, foreign) = overview.overview([resource("session", "tms-1", labels, "eni-1")], NOW, shared)
    assert (foreign.state, foreign.owner, len(foreign.notes)) == ("expired", "root@here", 1)
    mine.finish()


def test_what_only_has_tags_is_named_and_costs_nothing(mine, tmp_path):
    """A stranger's instance is no part of a capture, whoever tagged it, and does not lengthen its lease."""
    labels = tags.Lease("c-1", "me@here", NOW + 9999, NOW - 7200).as_tags()
    stranger = Resource("instance", "i-db", {**labels, "Name": "db-1"}, instance_type="t4g.small")
    (seen,) = overview.overview([resource("session", "tms-1", labels, "eni-1"), stranger], NOW, tmp_path)
    assert seen.resources == (("session", "tms-1"),)
    assert "i-db (db-1)" in seen.unproved[0]
    mine.finish()
    (seen,) = overview.overview([stranger], NOW, tmp_path)
    assert (seen.state, seen.resources, seen.cost) == ("unproved", (), 0.0)
    assert "i-db (db-1)" in overview.as_json(seen)["notes"][0]


def test_json_has_null_for_what_nobody_knows(tmp_path):
    """Scripts can tell "unknown" from a time."""
    found = resource("filter", "tmf-1", {"vpcshark:capture": "c-x"})
    (seen,) = overview.overview([found], NOW, tmp_path)
    assert overview.as_json(seen)["expires"] is None
    assert overview.as_json(seen)["resources"] == [{"kind": "filter", "id": "tmf-1"}]


def test_a_capture_of_several_enis_names_them_all(mine, tmp_path):
    """By the sessions' sources; what it was started from is the ledger's to say."""
    lease = tags.Lease("c-1", "me@here", NOW + 60, NOW - 60)
    sessions = [resource("session", f"tms-{n}", lease.as_tags(), f"eni-{n}") for n in (3, 1, 2)]
    target = resource("target", "tmt-1", lease.as_tags(), "eni-host")
    (seen,) = overview.overview([*sessions, target], NOW, tmp_path)
    assert (seen.source, seen.sources) == ("eni-1", ("eni-1", "eni-2", "eni-3"))
    assert overview.as_json(seen)["sources"] == ["eni-1", "eni-2", "eni-3"]
    mine.finish()
    (seen,) = overview.overview([*sessions, target], NOW, tmp_path)
    assert seen.source == "eni-1 eni-2 eni-3"
    assert seen.cost == pytest.approx(3 * prices.mirroring(1, 60))
