"""What the list has: every place asked at the same time, order, filters, limit; the last known where AWS is dumb."""

import threading
import time

import pytest

from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.inventory import catalog, recent
from vpcshark.capture.inventory.catalog import Place
from vpcshark.errors import AwsError
from vpcshark.settings import NamedCapture, Settings, Tag

EXPIRED = AwsError('The AWS SSO sign-in for the profile "prod" has expired.', "Run: aws sso login --profile prod")
HERE = [Place()]


def eni(number, name="", **more):
    """One ENI of a running instance."""
    more = {"instance_state": "running", "device_index": 0, "vpc": "vpc-0a", **more}
    return Eni(id=f"eni-0{number}", name=name or f"web-{number}", **more)


@pytest.fixture
def known(tmp_path):
    """Where the last known ENIs are kept."""
    return tmp_path / "known"


def failing(place):
    """AWS can't be asked."""
    raise EXPIRED


def ids(entries):
    """The ENIs in their order."""
    return [one.id for one in entries]


def test_running_ones_by_name_then_the_others():
    """web-2 before web-10."""
    enis = [eni(1, "web-10"), eni(2, "db", instance_state="stopped"), eni(3, "web-2"), eni(4, "web-2", device_index=1)]
    entries, problems = catalog.survey(HERE, Settings(), lambda place: enis, None)
    assert problems == []
    offered = catalog.offer(entries, [], Settings(), [])
    assert [one.value for one in offered.listed] == ["eni-03", "eni-04", "eni-01", "eni-02"]


def test_what_was_captured_from_lately_is_first(tmp_path):
    """The latest first, each once."""
    file = tmp_path / "s" / "recent"
    for one in ("eni-02", "eni-01", "eni-03", "eni-01"):
        recent.note(one, file)
    assert recent.load(file) == ["eni-01", "eni-03", "eni-02"]
    entries, _ = catalog.survey(HERE, Settings(), lambda place: [eni(0), eni(1), eni(2), eni(3)], None)
    offered = catalog.offer(entries, [], Settings(), recent.load(file))
    assert [one.value for one in offered.listed] == ["eni-01", "eni-03", "eni-02", "eni-00"]


def test_filters_and_limit():
    """By VPC and by tags with patterns; what the limit leaves out is counted."""
    enis = [eni(n, tags={"env": "prod", "team": "net-a"} if n % 2 else {"env": "prod"}) for n in range(8)]
    enis += [eni(9, vpc="vpc-0b", tags={"env": "prod", "team": "net-a"})]
    wanted = Settings(vpcs=("vpc-0a",), tags=(Tag("env", "prod"), Tag("team", "net-*")), limit=3)
    entries, _ = catalog.survey(HERE, wanted, lambda place: enis, None)
    offered = catalog.offer(entries, [], wanted, [])
    assert ([one.value for one in offered.listed], offered.more) == (["eni-01", "eni-03", "eni-05"], 1)


def test_every_profile_in_every_region_unless_the_options_say_another():
    """The environment replaces the settings."""
    settings = Settings(profiles=("a", "b"), regions=("r1", "r2"))
    assert catalog.places(settings, CaptureOptions()) == [("a", "r1"), ("a", "r2"), ("b", "r1"), ("b", "r2")]
    assert catalog.places(settings, CaptureOptions(profile="c", region="r3")) == [("c", "r3")]
    assert catalog.places(Settings(), CaptureOptions()) == [("", "")]


def test_all_places_are_asked_at_the_same_time():
    """Each waits until all have been asked."""
    everybody = threading.Barrier(3, timeout=180)

    def ask(place):
        everybody.wait()
        return [eni(1 + "abc".index(place.profile))]

    wanted = [Place(profile, "r1") for profile in "abc"]
    entries, problems = catalog.survey(wanted, Settings(), ask, None)
    assert (ids(entries), problems) == (["eni-01", "eni-02", "eni-03"], [])
    assert entries[0].display.endswith("web-1 · eth0 · a · r1")


def test_where_aws_cannot_be_asked_the_last_known_are_listed_with_the_reason(known):
    """One place's failure leaves the others alone, and is told with its remedy."""
    wanted = [Place("prod", ""), Place("dev", "")]
    both = lambda place: [eni(1 if place.profile == "prod" else 2)]  # noqa: E731
    catalog.survey(wanted, Settings(), both, known)
    for _ in range(2):
        entries, problems = catalog.survey(
            wanted, Settings(), lambda place: failing(place) if place.profile == "prod" else [eni(3)], known
        )
        assert sorted(ids(entries)) == ["eni-01", "eni-03"]
        assert problems == [EXPIRED]


@pytest.mark.parametrize("failure", [EOFError(), KeyError("x")])
def test_a_defect_is_a_problem_too(failure):
    """Not the end of the list."""

    def ask(place):
        raise failure

    _, [problem] = catalog.survey([Place("prod", "eu-west-1")], Settings(), ask, None)
    assert "unexpectedly" in problem.problem
    assert 'for the profile "prod" in eu-west-1' in problem.problem


def test_a_place_that_does_not_answer_holds_up_nobody(known, clock):
    """After the deadline the others' ENIs are listed."""
    released = threading.Event()

    class Late:
        """A clock whose deadline has passed at the second look."""

        def monotonic(self):
            clock.time += catalog.DEADLINE
            return clock.time

    def ask(place):
        if place.profile == "slow":
            released.wait(900)
        return [eni(1)]

    def answered(place):
        found = ask(place)
        return found

    begun = time.monotonic()
    entries, [problem] = catalog.survey([Place("slow", "")], Settings(), answered, known, Late())
    released.set()
    assert time.monotonic() - begun < 300
    assert entries == []
    assert "did not answer in time" in problem.problem


def test_an_eni_is_found_where_it_was_listed(known):
    """So that a capture asks the right account, and the right region."""
    catalog.survey(
        [Place("a", "r1"), Place("b", "r1")], Settings(), lambda place: [eni("ab".index(place.profile))], known
    )
    assert catalog.places_of(["eni-01", "eni-09"], known) == {Place("b", "r1"): "eni-01"}
    assert list(catalog.places_of(["eni-09"], known)) == [Place()]


@pytest.mark.parametrize("text", [b"", b"[{", b'[{"id": 1}]', b"{}", b"\xff"])
def test_a_cut_file_of_known_enis_is_none(known, text):
    """And no error."""
    known.write_bytes(text)
    assert catalog.load_known(known) == []


def test_a_folder_that_takes_nothing_is_done_without(tmp_path):
    """A file in its place."""
    (tmp_path / "x").write_text("")
    entries, _ = catalog.survey(HERE, Settings(), lambda place: [eni(1)], tmp_path / "x" / "known")
    recent.note("eni-01", tmp_path / "x" / "recent")
    assert ids(entries) == ["eni-01"]


def test_named_captures_are_listed_before_the_enis():
    """By their names, with what they have."""
    web = NamedCapture("web", ("eni-01", "eni-02"), (Tag("role", "web"),))
    offered = catalog.offer([], [], Settings(captures={"web": web}), [])
    assert offered.listed == [("aws-web", "web · 2 ENIs · role=web")]


def test_a_named_captures_line_says_what_it_means():
    """What is named is counted, what is asked for is written out."""
    named = NamedCapture("web", ("eni-01", "eni-02"), (Tag("env", "prod"),), ("group",), ("front",))
    assert catalog.named_display(named) == "web · 2 ENIs · env=prod · asg:group · lb:front"


def test_enis_of_several_places_are_told_apart(known):
    """One capture is of one account and region."""
    wanted = [Place("a", "r1"), Place("b", "r1")]
    catalog.survey(wanted, Settings(), lambda place: [eni(1 if place.profile == "a" else 2)], known)
    assert catalog.places_of(["eni-01", "eni-02"], known) == {Place("a", "r1"): "eni-01", Place("b", "r1"): "eni-02"}
