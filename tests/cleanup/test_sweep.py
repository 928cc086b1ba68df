"""A removal goes by tag, in the right order, again and again, and touches nothing else."""

from __future__ import annotations

import pytest

from vpcshark.cleanup import overview, report, sweep, tags
from vpcshark.errors import AwsError


@pytest.fixture
def three(account):
    """The three resources of capture c-1."""
    account.add("filter", "tmf-1")
    account.add("target", "tmt-1")
    account.add("session", "tms-1")
    return account


def remove(account, clock, **named):
    """Remove c-1 with ten seconds of patience, unless told otherwise."""
    return sweep.remove_capture(account, "c-1", clock=clock, **{"patience": 10.0, **named})


def test_everything_of_the_capture_goes(three, clock):
    """Session first, then what it used."""
    outcome = remove(three, clock)
    assert outcome.is_clean
    assert three.deletes[0] == "tms-1"
    assert set(outcome.deleted) == {"tms-1", "tmf-1", "tmt-1"}
    assert three.resources == {}


def test_what_is_known_goes_before_any_describe(three, clock):
    """The ledger's ids are deleted at once; the describe only proves it."""
    outcome = remove(three, clock, known={"tms-1": "session", "tmf-1": "filter", "tmt-1": "target"})
    assert outcome.is_clean
    assert three.describes == 1
    assert clock.slept == []


@pytest.mark.parametrize("decoy", [{"capture": ""}, {"capture": "c-2"}, {"capture": "c-2", "owner": "bob@there"}])
def test_nothing_else_is_touched(three, clock, decoy):
    """Resources without the tag, of another capture or of another owner stay."""
    three.add("target", "tmt-decoy", **decoy)
    remove(three, clock)
    assert "tmt-decoy" in three.resources
    assert "tmt-decoy" not in three.deletes


def test_in_use_and_throttling_are_tried_again(three, clock):
    """An error of the moment costs time, not cleanliness."""
    three.failures = {"tms-1": [AwsError("Slow down.", code="RequestLimitExceeded")] * 2}
    assert remove(three, clock).is_clean
    assert three.resources == {}


def test_a_describe_that_fails_is_tried_again(three, clock):
    """Not being able to look is no proof of cleanliness."""
    three.describe_failures = [AwsError("No answer.")]
    assert remove(three, clock).is_clean
    assert three.resources == {}


def test_what_stays_is_named_with_its_reason(three, clock):
    """After its patience a removal says which resource is left, and why."""
    three.failures = {"tmt-1": [AwsError("You may not delete it.", code="UnauthorizedOperation")] * 100}
    outcome = remove(three, clock)
    assert not outcome.is_clean
    assert [sentence for sentence in outcome.problems if "tmt-1" in sentence and "may not" in sentence]
    assert "tmf-1" not in three.resources


def test_a_resource_that_appears_late_is_found(account, clock):
    """A create that was cut off may show up after its capture's death."""
    account.add("filter", "tmf-late")
    account.appear_after = [(3, account.resources.pop("tmf-late"))]
    assert remove(account, clock, settle=8.0).is_clean
    assert account.deletes == ["tmf-late"]


def test_nothing_shown_before_a_cut_off_create_has_settled_is_not_clean(account, clock):
    """Whoever has no more patience than that must leave it to somebody who has."""
    outcome = remove(account, clock, patience=8.0, settle=15.0)
    assert outcome.problems == ("The capture c-1 was cut off while AWS made something for it, which may still appear.",)
    assert remove(account, clock, patience=15.0, settle=15.0).is_clean


@pytest.mark.parametrize(
    ("owner", "expires", "lives_here", "dead"),
    [
        ("me@here", 2000.0, False, True),
        ("me@here", 2000.0, True, False),
        ("me@here", 50.0, True, False),
        ("me@here", 2000.0, None, False),
        ("me@here", 50.0, None, True),
        ("bob@there", 50.0, None, True),
        ("bob@there", 990.0, None, False),
        ("bob@there", 2000.0, None, False),
        ("bob@there", 2000.0, False, False),
        ("bob@there", 0.0, None, False),
    ],
)
def test_a_capture_is_dead_by_its_lease_or_by_its_process(owner, expires, lives_here, dead):
    """Of others' captures only the lease counts, and clocks may differ a little; of mine, whether they run here."""
    lease = tags.Lease("c-1", owner, expires)
    assert tags.is_dead(lease, owner="me@here", now=1000.0, lives_here=lambda capture: lives_here) is dead


def test_only_what_nobody_here_runs_goes_when_its_lease_has_run_out(account, clock):
    """A capture that could not renew its lease is alive all the same, as its own machine knows."""
    ran_out = clock.now() - 2 * tags.CLOCK_ERROR
    for capture, owner in (("c-alive", "me@here"), ("c-gone", "me@here"), ("c-bob", "bob@there")):
        account.add("filter", f"tmf-{capture}", capture, owner, ran_out)
    lives = {"c-alive": True}.get
    assert sweep.remove_expired(account, "me@here", clock=clock, patience=10, lives_here=lives) == ["c-gone"]
    assert set(account.resources) == {"tmf-c-alive", "tmf-c-bob"}


@pytest.mark.parametrize("ahead", [-86400.0, -900.0, 0.0, 900.0, 86400.0])
def test_leases_run_out_by_awss_clock_whatever_time_it_is_here(account, clock, ahead, tmp_path):
    """A clock that is a day ahead takes no living capture for an expired one, and one that is behind none for alive."""
    there = clock.time
    clock.time += ahead
    living, gone = there + 600, there - tags.CLOCK_ERROR - 1
    for capture, expires in (("c-living", living), ("c-gone", gone)):
        account.add("filter", f"tmf-{capture}", capture, "bob@there", expires)
    account.ahead = lambda: ahead
    found = overview.overview(account.tagged(), clock.now(), tmp_path, there=sweep.now_there(account, clock))
    assert {one.capture: one.state for one in found} == {"c-living": "live", "c-gone": "expired"}
    done = report.clean(account, "expired", reach=None, clock=clock, folder=tmp_path, owner="me@here")
    assert set(done.removed) == {"c-gone"}
    assert set(account.resources) == {"tmf-c-living"}
    account.add("filter", "tmf-c-gone", "c-gone", "bob@there", gone)
    nobody = {}.get
    assert sweep.remove_expired(account, "bob@there", clock=clock, patience=10, lives_here=nobody) == ["c-gone"]
    assert set(account.resources) == {"tmf-c-living"}


class Unlisted:
    """Who asks may not list security group rules, nor so remove them."""

    def __init__(self, account) -> None:
        self._account = account
        self.is_denied = True

    def tagged(self):
        return [one for one in self._account.tagged() if not self.hides(one.kind)]

    def hides(self, kind: str) -> bool:
        return self.is_denied and kind == "security-group-rule"

    def delete(self, kind: str, resource: str) -> None:
        if self.hides(kind):
            raise AwsError("You may not list each security group rule.", code="UnauthorizedOperation")
        self._account.delete(kind, resource)


def test_what_aws_would_not_delete_is_not_gone_because_no_list_shows_it(account, clock):
    """A describe that is denied shows none of its kind: the door would stay open, and the ledger be done with it."""
    account.add("security-group-rule", "sgr-1")
    unlisted, told = Unlisted(account), []
    known = {"sgr-1": "security-group-rule"}
    outcome = remove(unlisted, clock, known=known, on_deleted=told.append)
    assert not outcome.is_clean
    assert "You may not list" in outcome.problems[0]
    assert told == []
    unlisted.is_denied = False
    assert remove(unlisted, clock, known=known, on_deleted=told.append).is_clean
    assert (account.resources, told) == ({}, ["sgr-1"])


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidTrafficMirrorSessionId.Malformed"])
def test_what_a_list_would_show_has_gone_though_aws_would_not_delete_it(account, clock, code):
    """A colleague has deleted it: it has no tag any more by which a policy lets it be deleted. Or a ledger was damaged,
    and there is no such id."""
    account.failures["tms-1"] = [AwsError("No.", code=code)] * 99
    account.add("filter", "tmf-1")
    outcome = remove(account, clock, known={"tms-1": "session", "tmf-1": "filter"})
    assert outcome.is_clean
    assert account.resources == {}
    assert clock.slept == []


class Slow:
    """As EC2: an instance terminates only after some describes, and holds its security group until then."""

    def __init__(self, account, describes: int) -> None:
        self.account = account
        self.describes = describes
        self.is_told = False

    def tagged(self):
        self.describes -= self.is_told
        if self.describes <= 0:
            self.account.resources.pop("i-1", None)
        return self.account.tagged()

    def delete(self, kind: str, resource: str) -> None:
        if kind == "instance":
            self.is_told = True
        elif kind == "security-group" and "i-1" in self.account.resources:
            raise AwsError("The group is in use.", code="DependencyViolation")
        else:
            self.account.delete(kind, resource)


def launched(account, describes: int) -> Slow:
    """A capture with a host of its own."""
    for kind, name in (("security-group", "sg-1"), ("instance", "i-1"), ("session", "tms-1"), ("target", "tmt-1")):
        account.add(kind, name)
    return Slow(account, describes)


def test_a_security_group_goes_when_its_instance_has_terminated(account, clock):
    """The wait is part of the removal; what is said to be deleted is what AWS shows no more."""
    told: list[str] = []
    known = {"sg-1": "security-group", "i-1": "instance"}
    outcome = sweep.remove_capture(
        launched(account, 4), "c-1", clock=clock, patience=900, known=known, on_deleted=told.append
    )
    assert outcome.is_clean
    assert account.resources == {}
    assert told[-2:] == ["i-1", "sg-1"]
    assert sorted(told) == ["i-1", "sg-1", "tms-1", "tmt-1"]


def test_a_host_that_another_capture_has_taken_is_left_to_it(account, clock):
    """Both claimed it when it was kept: its tag says whose it is, whatever this capture's ledger says."""
    account.add("session", "tms-1")
    for kind, name in (("instance", "i-1"), ("security-group", "sg-1")):
        account.add(kind, name, capture="c-2")
    forgotten: list[str] = []
    known = {"tms-1": "session", "i-1": "instance", "sg-1": "security-group"}
    outcome = remove(account, clock, known=known, on_deleted=forgotten.append)
    assert outcome.is_clean
    assert account.deletes == ["tms-1"]
    assert set(account.resources) == {"i-1", "sg-1"}
    assert set(forgotten) == {"tms-1", "i-1", "sg-1"}


def test_a_host_that_aws_does_not_show_yet_is_terminated_all_the_same(account, clock):
    """A describe may lag behind a launch; what the ledger has is ours unless a tag says otherwise."""
    remove(account, clock, known={"i-new": "instance"})
    assert account.deletes == ["i-new"]


def test_who_has_no_time_hands_the_slow_ones_over(account, clock):
    """Wireshark waits for a capture: that a host terminates is no problem; the janitor waits for it."""
    slow = launched(account, 1000)
    outcome = sweep.remove_capture(slow, "c-1", clock=clock, patience=20, hands_over=True)
    assert (outcome.problems, len(outcome.later), outcome.is_clean) == ((), 2, False)
    assert set(account.resources) == {"i-1", "sg-1"}
    assert clock.slept == [] or sum(clock.slept) < 1


def test_a_host_that_aws_does_not_let_go_is_a_problem(account, clock):
    """A termination that was refused is not handed over silently."""

    class Stubborn(Slow):
        def delete(self, kind: str, resource: str) -> None:
            if kind == "instance":
                raise AwsError("You may not terminate it.", code="UnauthorizedOperation")
            super().delete(kind, resource)

    launched(account, 3)
    outcome = sweep.remove_capture(Stubborn(account, 3), "c-1", clock=clock, patience=20, hands_over=True)
    assert any("You may not terminate it." in problem for problem in outcome.problems)


class Forgetful:
    """Says at first that there is no such thing, as EC2 may of what it made a moment ago."""

    def __init__(self, account, late: int) -> None:
        self._account, self._late = account, late
        self._young = dict(account.resources)
        account.resources.clear()

    def tagged(self):
        if self._account.describes == self._late:
            self._account.resources |= self._young
        return self._account.tagged()

    def delete(self, kind: str, resource: str) -> bool:
        is_there = resource in self._account.resources
        self._account.delete(kind, resource)
        return is_there


@pytest.mark.parametrize("kind", ["filter", "instance"])
def test_what_ec2_does_not_know_yet_is_no_proof_that_it_is_gone(account, clock, kind):
    """The describes go on until it must have appeared; then it is deleted for good."""
    account.add(kind, "x-1")
    outcome = remove(Forgetful(account, late=2), clock, known={"x-1": kind}, young=6.0)
    assert outcome.is_clean
    assert account.resources == {}
    assert account.deletes == ["x-1", "x-1"]


def test_nobody_is_told_that_something_is_gone_while_ec2_may_not_know_it_yet(account, clock):
    """Whoever hears of a session's end stops listening for its frames."""
    account.add("session", "tms-1")
    told: list[int] = []
    late = Forgetful(account, late=2)
    known = {"tms-1": "session"}
    remove(late, clock, known=known, young=6.0, on_deleted=lambda resource: told.append(account.describes))
    assert told == [3]


@pytest.mark.parametrize("kind", ["session", "filter", "target", "instance", "security-group"])
def test_the_ledger_keeps_what_ec2_may_not_know_yet(account, clock, kind):
    """Where the process ends before that is certain, the janitor has it to do."""
    account.add(kind, "x-1")
    told, late = [], Forgetful(account, late=1_000_000)
    outcome = remove(late, clock, known={"x-1": kind}, young=6.0, patience=1.0, on_deleted=told.append)
    assert not outcome.is_clean
    assert told == []


def test_what_ec2_denies_to_the_end_is_told_of_as_gone(account, clock):
    """When it must have appeared."""
    told: list[str] = []
    never = Forgetful(account, late=1_000_000)
    assert remove(never, clock, known={"tms-1": "session"}, young=6.0, on_deleted=told.append).is_clean
    assert told == ["tms-1"]
    assert sum(clock.slept) == pytest.approx(6.0)


def test_what_was_denied_at_first_and_deleted_then_is_waited_for_no_longer(account, clock):
    """A stop must not take as long as AWS might, when AWS is done."""
    account.add("filter", "x-1")
    assert remove(Forgetful(account, late=2), clock, known={"x-1": "filter"}, young=60.0, patience=90.0).is_clean
    assert sum(clock.slept) < 6.0


def test_what_ec2_has_deleted_is_not_waited_for(three, clock):
    """Only a denial is doubtful."""
    assert remove(three, clock, known={"tms-1": "session", "tmf-1": "filter", "tmt-1": "target"}, young=6.0).is_clean
    assert clock.slept == []


def test_a_target_that_another_capture_uses_is_left_to_it(account, clock):
    """Whichever of them made it: the last one's clean-up removes it."""
    account.add("target", "tmt-1")
    account.add("session", "tms-1")
    account.add("session", "tms-2", capture="c-2", target="tmt-1")
    forgotten = []
    outcome = remove(account, clock, known={"tms-1": "session", "tmt-1": "target"}, on_deleted=forgotten.append)
    assert outcome.is_clean
    assert set(account.resources) == {"tmt-1", "tms-2"}
    assert forgotten == ["tms-1", "tmt-1"]
    last = sweep.remove_capture(
        account, "c-2", clock=clock, patience=10.0, known={"tms-2": "session", "tmt-1": "target"}
    )
    assert last.is_clean
    assert account.resources == {}


class Behind:
    """Goes on showing what is deleted, as EC2 does for some seconds."""

    def __init__(self, account, *gone: sweep.Resource) -> None:
        self._account, self._gone = account, gone

    def tagged(self):
        return [*self._account.tagged(), *(self._gone if self._account.describes < 4 else ())]

    def delete(self, kind: str, resource: str) -> None:
        self._account.delete(kind, resource)


def test_a_target_is_not_left_to_a_capture_that_has_ended(account, clock):
    """A describe shows its session still; that nothing uses the target, only the delete says."""
    account.add("session", "tms-2", capture="c-2", target="tmt-1")
    ended = account.resources.pop("tms-2")
    account.add("target", "tmt-1")
    outcome = remove(Behind(account, ended), clock)
    assert outcome.is_clean
    assert account.resources == {}


def test_a_target_that_the_captures_own_session_may_still_hold_is_not_left_to_others(account, clock):
    """EC2 does not know at first what it made a moment ago; then the other one's clean-up finds the target in use by
    us, and leaves it to us in turn."""
    account.add("session", "tms-1", target="tmt-1")
    account.add("target", "tmt-1")
    account.add("session", "tms-2", capture="c-2", target="tmt-1")
    standing = account.resources["tms-2"], account.resources["tmt-1"]

    class Young(Forgetful):
        def delete(self, kind: str, resource: str) -> bool:
            if kind == "target" and account.describes == 0:
                raise AwsError("It is in use.", code="TrafficMirrorTargetInUse")
            return super().delete(kind, resource)

    late = Young(account, late=2)
    account.resources |= {each.id: each for each in standing}
    forgotten: list[str] = []
    known = {"tms-1": "session", "tmt-1": "target"}
    assert remove(late, clock, known=known, young=6.0, on_deleted=forgotten.append).is_clean
    assert forgotten.index("tms-1") < forgotten.index("tmt-1")
    assert set(account.resources) == {"tms-2", "tmt-1"}
