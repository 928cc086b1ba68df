"""What follows of the steps, in each order of outcomes; what is proved by one and denied by another is not proved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.walks import entry, inspected, two_vpcs
from vpcshark.aws.monitoring.gateway_metrics import Series
from vpcshark.errors import AwsError, InputError
from vpcshark.evidence.counting import Counted
from vpcshark.network.answer import Answer
from vpcshark.network.decision import Unclear
from vpcshark.survey.questions import Wanted, attempt
from vpcshark.why import from_counts
from vpcshark.why.inquiry import Found, Later, inquire
from vpcshark.why.steps import ANALYZER, DIAGNOSE, EVIDENCE, Cause, Step

REJECTED = Step(EVIDENCE, "rejected", "eni-1 rejected it.", Cause("rejected", "eni-1 rejected it."), is_proved=True)
REJECTED_ONCE = Step(EVIDENCE, "rejected", "then", Cause("rejected", "eni-1 rejected it then."))
SEEN = Step(EVIDENCE, "seen", "Of 2 points: seen at 2.")
BEHIND = Step(EVIDENCE, "seen", "seen", contradicts="records have it at eni-2, behind the block.")
NO_PATH = Step(ANALYZER, "differ", "no path", Cause("NO_PATH", "The analyzer finds no path."))
AGREES = Step(ANALYZER, "agree", "agree: both say so.")
DENIES = Step(ANALYZER, "differ", "differ", contradicts="the analyzer: the walk says blocked, the analyzer reachable")
REFUSED = Step(DIAGNOSE, "proved", "refused", Cause("refused", "eni-2 refused it.", "Start it."), is_proved=True)
SLOW = Step(DIAGNOSE, "likely", "slow", Cause("slow-server", "The server is slow."))
HEALTHY = Step(DIAGNOSE, "healthy", "Packets went both ways.", is_proved=True, works=True)
ABSENT = Step(DIAGNOSE, "not in the files", "No packet of the flow is in x.")


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """One of each verdict."""
    wanted = {"reachable": 80, "blocked": 81, "unknown": 80}
    found = {}
    for verdict, port in wanted.items():
        folder = tmp_path_factory.mktemp(verdict)
        two_vpcs().write(folder)
        for each in folder.glob("NetworkAcls*") if verdict == "unknown" else ():
            each.unlink()
        found[verdict] = walk(folder, port)
        assert found[verdict].verdict == verdict
    return found


def walk(folder: Path, port: int) -> Answer:
    from vpcshark.network.known import Known
    from vpcshark.survey import dump

    return attempt(Known(dump.read(folder)), Wanted("client", "server", (port, port)), ["client"], ["server"])


def asked(first: Answer, steps: list[Step], is_all: bool = False) -> Found:
    """With steps that are ready."""
    later = [Later(each.name, "nothing", lambda _, each=each: each) for each in steps]  # type: ignore[misc]
    return inquire(lambda: first, later, lambda step, following: None, is_all)


@pytest.mark.parametrize(
    ("verdict", "steps", "is_all", "taken", "kind", "is_proved"),
    [
        ("blocked", [SEEN, HEALTHY], False, 1, "ENI_SG_RULES_MISMATCH", True),
        ("blocked", [SEEN, AGREES, REFUSED], True, 4, "ENI_SG_RULES_MISMATCH", True),
        ("blocked", [BEHIND], True, 2, "contradiction", False),
        ("blocked", [SEEN, DENIES], True, 3, "contradiction", False),
        ("blocked", [HEALTHY], True, 2, "contradiction", False),
        ("reachable", [], False, 1, "undecided", False),
        ("reachable", [SEEN], False, 2, "undecided", False),
        ("reachable", [REJECTED_ONCE], False, 2, "rejected", False),
        ("reachable", [REJECTED_ONCE, REFUSED], False, 3, "refused", True),
        ("reachable", [REJECTED_ONCE, HEALTHY], False, 3, "rejected", False),
        ("reachable", [REJECTED, REFUSED], False, 2, "rejected", True),
        ("reachable", [REJECTED, REFUSED], True, 3, "rejected", True),
        ("reachable", [REJECTED, HEALTHY], True, 3, "contradiction", False),
        ("reachable", [NO_PATH], False, 2, "NO_PATH", False),
        ("reachable", [NO_PATH, SLOW], False, 3, "slow-server", False),
        ("reachable", [SEEN, AGREES, HEALTHY], False, 4, "works", True),
        ("reachable", [SEEN, ABSENT], False, 3, "undecided", False),
        ("reachable", [HEALTHY, REFUSED], False, 2, "works", True),
        ("unknown", [], False, 1, "undecided", False),
        ("unknown", [REJECTED, HEALTHY], False, 2, "rejected", True),
        ("unknown", [SEEN, HEALTHY], False, 3, "works", True),
        ("unknown", [SEEN, SLOW], False, 3, "slow-server", False),
    ],
)
def test_it_stops_where_the_answer_is_proved(
    walks: dict[str, Answer], verdict: str, steps: list[Step], is_all: bool, taken: int, kind: str, is_proved: bool
):
    found = asked(walks[verdict], steps, is_all)
    assert len(found.steps) == taken
    assert (found.conclusion.kind, found.conclusion.is_proved) == (kind, is_proved)


def test_each_step_is_told_with_what_the_next_one_costs(walks: dict[str, Answer]):
    told: list[tuple[str, str]] = []
    later = [Later(EVIDENCE, "a cent", lambda _: SEEN), Later(DIAGNOSE, "nothing", lambda _: REFUSED)]
    inquire(
        lambda: walks["reachable"],
        later,
        lambda step, then: told.append((step.name, then.price if then else "")),
        False,
    )
    assert told == [("walk", "a cent"), ("evidence", "nothing"), ("diagnose", "")]


def test_the_first_block_that_nothing_goes_round_is_the_cause_and_all_are_told(tmp_path: Path):
    cloud = two_vpcs()
    cloud.entries("subnet-left-a").insert(0, entry(50, "deny", "6", "10.2.0.0/16", (1024, 65535), egress=False))
    found = asked(walk(cloud.write(tmp_path / "dump"), 81), [])
    assert found.conclusion.mend.startswith("aws ec2 authorize-security-group-ingress --group-id sg-web")
    assert "On the way back network acl acl-left-a drops it: inbound 50 deny" in found.steps[0].sentence


TWO_ZONES = "TRANSIT_GATEWAY_APPLIANCE_MODE_RECOMMENDED"
NO_ANSWER = Step(DIAGNOSE, "proved", "no answer", Cause("synack-unanswered", "No SYN-ACK arrives."), is_proved=True)


@pytest.mark.parametrize(
    ("mode", "steps", "kind"),
    [
        ("disable", [], TWO_ZONES),
        ("disable", [NO_ANSWER], TWO_ZONES),
        ("disable", [REFUSED], "refused"),
        ("disable", [HEALTHY], "works"),
        ("enable", [NO_ANSWER], "synack-unanswered"),
    ],
)
def test_two_zones_are_the_likely_reason_of_lost_answers(mode: str, steps: list[Step], kind: str, tmp_path: Path):
    """A firewall that nobody can look into is behind it, so it is never proved; what else packets prove, is."""
    inspected(mode).write(tmp_path)
    end = asked(walk(tmp_path, 80), steps).conclusion
    assert (end.kind, end.is_proved) == (kind, kind != TWO_ZONES)
    assert ("ApplianceModeSupport=enable" in end.mend) == (kind == TWO_ZONES)
    assert ("No SYN-ACK arrives." in end.sentence) == (NO_ANSWER in steps)


COUNTED = Step(EVIDENCE, "nothing", "no port", Cause("nat-ports-exhausted", "No port left.", is_general=True))
WAITING = Step(DIAGNOSE, "likely", "waits", Cause("nat-ports-exhausted", "New ones wait."))


@pytest.mark.parametrize(
    ("steps", "kind", "is_proved"),
    [
        ([COUNTED], "nat-ports-exhausted", False),
        ([WAITING], "nat-ports-exhausted", False),
        ([COUNTED, WAITING], "nat-ports-exhausted", True),
        ([COUNTED, REFUSED], "refused", True),
        ([COUNTED, HEALTHY], "works", True),
    ],
)
def test_a_nat_without_a_port_is_proved_by_its_count_and_the_flows_packets(
    walks: dict[str, Answer], steps: list[Step], kind: str, is_proved: bool
):
    """The count is of all its traffic, so it proves nothing of a flow that works or is refused."""
    end = asked(walks["reachable"], steps).conclusion
    assert (end.kind, end.is_proved) == (kind, is_proved)


def test_what_a_nat_gateway_counts_stands_beside_what_records_say():
    series = Series((("NatGatewayId", "nat-1"),), {"ErrorPortAllocation": {60: 3.0, 120: 4.0}})
    told = from_counts.beside(SEEN, [Counted("nat-1", "nat-gateway", (series,))])
    assert told.sentence == f"{SEEN.sentence} nat-1 had no port left for a connection 7 times (ErrorPortAllocation)."
    assert told.cause is not None
    assert (told.cause.kind, told.is_proved) == ("nat-ports-exhausted", False)
    silent = replace(series, values={"ErrorPortAllocation": {60: 0.0}})
    assert from_counts.beside(SEEN, [Counted("nat-1", "nat-gateway", (silent,))]) == SEEN


def test_a_walk_that_cannot_be_made_leaves_it_open():
    def walk_not() -> Answer:
        raise Unclear("the folder has no answer")

    found = inquire(walk_not, [Later(EVIDENCE, "nothing", lambda _: SEEN)], lambda step, then: None, False)
    assert (found.answer, found.conclusion.kind, len(found.steps)) == (None, "undecided", 1)
    assert "the folder has no answer" in found.conclusion.sentence


def test_an_account_that_cannot_be_asked_at_all_is_no_answer():
    """It is told as by every command."""

    def walk_not() -> Answer:
        raise AwsError("No AWS credentials were found.")

    with pytest.raises(AwsError):
        inquire(walk_not, [], lambda step, then: None, False)


def test_a_step_that_aws_refuses_is_unknown_and_the_next_one_is_taken(walks: dict[str, Answer]):
    def refused(_: Answer) -> Step:
        raise AwsError("AWS says no.")

    def mistaken(_: Answer) -> Step:
        raise InputError("x is no capture.")

    later = [Later(EVIDENCE, "nothing", refused), Later(DIAGNOSE, "nothing", lambda _: REFUSED)]
    found = inquire(lambda: walks["reachable"], later, lambda step, then: None, False)
    assert [(each.name, each.verdict) for each in found.steps[1:]] == [("evidence", "unknown"), ("diagnose", "proved")]
    with pytest.raises(InputError):
        inquire(lambda: walks["reachable"], [Later(DIAGNOSE, "", mistaken)], lambda step, then: None, False)
