"""What records, the analyzer and packets say of a walked question, and what of it is proved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.walks import entry, two_vpcs
from vpcshark.diagnose.finding import Finding as Found
from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.report import Report
from vpcshark.evidence import points
from vpcshark.evidence.findings import NOT_COVERED, NOT_SEEN, REJECTED, SEEN, UNCLEAR, Finding
from vpcshark.network import analyzed
from vpcshark.network.answer import Answer
from vpcshark.network.known import Known
from vpcshark.survey import dump
from vpcshark.survey.questions import Wanted, attempt
from vpcshark.why import captures, from_analyzer, from_packets, from_probe, from_records, from_walk
from vpcshark.why.asked_flow import AskedFlow
from vpcshark.why.captures import capture_filter
from vpcshark.why.steps import Cause, Step, conclude
from vpcshark.why.tried import ANSWERED, CANNOT, CONNECTED, REFUSED, SILENT, UNREACHABLE, Echo, Probe

NOW = 1_767_268_800
STATUSES = {"s": SEEN, "n": NOT_SEEN, "r": REJECTED, "-": NOT_COVERED, "u": UNCLEAR}


def walk(folder: Path, port: int, shut: str = "", unknown: bool = False) -> Answer:
    """``shut``: the client's network ACL denies the answers; ``unknown``: nobody told of ACLs."""
    cloud = two_vpcs()
    if shut:
        cloud.entries("subnet-left-a").insert(0, entry(50, "deny", "6", "10.2.0.0/16", (1024, 65535), egress=False))
    cloud.write(folder)
    for each in folder.glob("NetworkAcls*") if unknown else ():
        each.unlink()
    return attempt(Known(dump.read(folder)), Wanted("client", "server", (port, port)), ["client"], ["server"])


WALKS = {
    "reachable": {"port": 80},
    "unknown": {"port": 80, "unknown": True},
    "blocked": {"port": 81},
    "shut": {"port": 80, "shut": "back"},
}


@pytest.fixture(scope="module")
def walks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    found = {name: walk(tmp_path_factory.mktemp(name), **how) for name, how in WALKS.items()}  # type: ignore[arg-type]
    reachable = found["reachable"]
    return {**found, "udp": replace(reachable, packet=replace(reachable.packet, protocol="17"))}


def records(answer: Answer, there: str, back: str, age: int = 1500, weak: bool = False) -> list[Finding]:
    """Of each interface of both ways, in their order, by the letters above."""
    letters = {"forward": iter(there), "return": iter(back)}
    found = []
    for point in points.of(answer):
        if point.kind == "interface":
            status = STATUSES[next(letters[point.direction])]
            seen = status in (SEEN, REJECTED)
            found.append(Finding(point, status, oldest=NOW - age if seen else 0, is_weak=weak and seen))
    return found


@pytest.mark.parametrize(
    ("name", "there", "back", "age", "kind", "is_proved"),
    [
        ("reachable", "ssss", "ssss", 1500, "", False),
        ("reachable", "----", "----", 1500, "", False),
        ("reachable", "nnnn", "nnnn", 1500, "", False),  # nobody tried
        ("reachable", "ssnn", "nnnn", 1500, "lost", True),
        ("reachable", "ssnn", "nnnn", 300, "lost", False),  # records of it may still come
        ("reachable", "s-un", "nnnn", 1500, "lost", True),
        ("reachable", "ssuu", "uuuu", 1500, "", False),
        ("reachable", "ssss", "ssnn", 1500, "lost", True),
        ("reachable", "ssss", "nnnn", 1500, "no-answer", True),
        ("reachable", "ssss", "nnnn", 300, "no-answer", False),
        ("reachable", "ssss", "unnn", 1500, "", False),
        ("reachable", "ssss", "nsss", 1500, "", False),  # it did answer
        ("udp", "ssss", "nnnn", 1500, "", False),  # it need not answer
        ("reachable", "sssr", "nnnn", 1500, "rejected", False),  # the rules let it through now
        ("unknown", "sssr", "nnnn", 300, "rejected", True),
        ("unknown", "ssss", "sssr", 1500, "rejected", False),  # what comes late is rejected as well
        ("unknown", "ssnn", "nnnn", 1500, "lost", True),
        ("blocked", "sssr", "nnnn", 1500, "", False),  # the walk has said it
    ],
)
def test_records_show_where_it_ends(
    walks: dict[str, Answer], name: str, there: str, back: str, age: int, kind: str, is_proved: bool
):
    step = from_records.judge(walks[name], records(walks[name], there, back, age), NOW)
    assert (step.cause.kind if step.cause else "", step.is_proved, step.contradicts) == (kind, is_proved, "")


@pytest.mark.parametrize(("there", "back"), [("ssnn", "nnnn"), ("ssss", "nnnn")])
def test_what_may_be_another_flow_proves_nothing(walks: dict[str, Answer], there: str, back: str):
    """Nor does one way where AWS chooses between several."""
    answer = walks["reachable"]
    assert not from_records.judge(answer, records(answer, there, back, weak=True), NOW).is_proved
    several = replace(answer, there=replace(answer.there, trails=answer.there.trails * 2))
    assert not from_records.judge(several, records(several, there, back), NOW).is_proved
    weak = records(walks["unknown"], "sssr", "nnnn", weak=True)
    assert not from_records.judge(walks["unknown"], weak, NOW).is_proved


def test_what_stands_between_is_what_to_look_at(walks: dict[str, Answer]):
    step = from_records.judge(walks["reachable"], records(walks["reachable"], "ssnn", "nnnn"), NOW)
    assert step.cause is not None
    assert "last seen at eni-left-tgw-a, and not at eni-right-tgw-a" in step.cause.sentence
    assert "transit gateway tgw-main" in step.cause.mend


@pytest.mark.parametrize(
    ("name", "there", "back", "denies"),
    [
        ("blocked", "ssss", "----", True),
        ("blocked", "sss-", "----", False),
        ("shut", "ssss", "sss-", False),  # the way there is open
        ("shut", "ssss", "ssss", True),
    ],
)
def test_records_behind_a_block_deny_it(walks: dict[str, Answer], name: str, there: str, back: str, denies: bool):
    step = from_records.judge(walks[name], records(walks[name], there, back), NOW)
    assert bool(step.contradicts) == denies
    assert step.cause is None


def told(is_found: bool, status: str = "succeeded") -> analyzed.Told:
    why = () if is_found else (analyzed.Explanation("ENI_SG_RULES_MISMATCH", ("sg-web",)),)
    return analyzed.Told(status, "", is_found, (), (), why)


@pytest.mark.parametrize(
    ("name", "said", "kind", "denies"),
    [
        ("blocked", told(True), "", True),
        ("blocked", told(False), "", False),
        ("reachable", told(True), "", False),
        ("reachable", told(False), "ENI_SG_RULES_MISMATCH", False),
        ("unknown", told(False), "ENI_SG_RULES_MISMATCH", False),
        ("reachable", told(False, "failed"), "", False),
    ],
)
def test_the_analyzer_denies_or_hints(
    walks: dict[str, Answer], name: str, said: analyzed.Told, kind: str, denies: bool
):
    step = from_analyzer.judge(walks[name], said, analyzed.compare(walks[name], said))
    assert (step.cause.kind if step.cause else "", bool(step.contradicts), step.is_proved) == (kind, denies, False)


HERE = Flow(6, bytes((10, 1, 1, 10)), 40000, bytes((10, 2, 2, 20)), 80)
ELSEWHERE = HERE._replace(target_port=443)


def finding(kind: str, confidence: str, flow: Flow = HERE) -> Found:
    return Found(kind, confidence, f"{kind} here.", (flow,), next=f"mend {kind}")


@pytest.mark.parametrize(
    ("findings", "seen", "verdict", "kind", "is_proved"),
    [
        ([], (True, True), "healthy", "", True),
        ([], (True, False), "one way alone", "", False),
        ([], (False, True), "one way alone", "", False),
        ([], (False, False), "not in the files", "", False),
        ([finding("refused", "proved", ELSEWHERE)], (True, True), "healthy", "", True),
        ([finding("capture-lost-packets", "proved")], (True, True), "healthy", "", True),
        ([finding("refused", "proved", HERE.reversed())], (True, True), "proved", "refused", True),
        ([finding("slow-server", "likely"), finding("refused", "proved")], (True, True), "proved", "refused", True),
        ([finding("slow-server", "likely")], (True, True), "likely", "slow-server", False),
        ([finding("one-direction", "cannot-tell")], (True, False), "cannot-tell", "one-direction", False),
    ],
)
def test_packets_of_the_flow_alone_count(
    walks: dict[str, Answer], findings: list[Found], seen: tuple[bool, bool], verdict: str, kind: str, is_proved: bool
):
    flow = AskedFlow(walks["reachable"], *seen)
    step = from_packets.judge(flow, Report(tuple(findings), ()), ["x.pcap"])
    assert (step.verdict, step.cause.kind if step.cause else "", step.is_proved) == (verdict, kind, is_proved)
    assert step.works == (verdict == "healthy")


def test_a_capture_filter_keeps_the_routers_words(walks: dict[str, Answer]):
    packet = walks["reachable"].packet
    assert capture_filter(packet) == "(host 10.1.1.10 and host 10.2.2.20 and tcp and port 80) or icmp"
    v6 = replace(packet, src="2001:db8::5", dst="2001:db8:1::6", protocol="17", dport=(5000, 5003))
    assert capture_filter(v6).endswith("and udp and portrange 5000-5003) or icmp6")
    assert capture_filter(replace(packet, protocol="-1", dport=None)) == "host 10.1.1.10 and host 10.2.2.20"
    assert capture_filter(replace(packet, protocol="47", dport=None)).endswith("and ip proto 47")


HOLE = (Echo(1400, is_answered=True), Echo(1500, is_answered=False))
WHOLE = (Echo(1500, is_answered=True), Echo(8500, is_answered=True), Echo(9001, is_answered=False))
TOLD = (Echo(1400, is_answered=True), Echo(1500, is_answered=False, mtu=1450, sender="10.1.1.1"))


@pytest.mark.parametrize(
    ("outcome", "echoes", "kind", "works"),
    [
        (CONNECTED, WHOLE, "", True),  # what is larger than a transit gateway's 8500 bytes is lost at it, as it should
        (CONNECTED, TOLD, "", True),
        (CONNECTED, HOLE, "pmtu-black-hole", False),
        (SILENT, HOLE, "pmtu-black-hole", False),
        (REFUSED, WHOLE, "refused", False),
        (UNREACHABLE, (), "unreachable", False),
        (SILENT, (), "", False),  # that it does not work was known
        (CANNOT, (), "", False),
        ("", WHOLE, "", False),
    ],
)
def test_a_test_connection_proves_what_works_and_guesses_at_the_rest(
    walks: dict[str, Answer], outcome: str, echoes: tuple[Echo, ...], kind: str, works: bool
):
    step = from_probe.judge(walks["reachable"], Probe(outcome, 12, "", echoes))
    assert (step.cause.kind if step.cause else "", step.works, step.is_proved) == (kind, works, works)


def test_a_hole_is_told_with_its_edges_and_what_mends_it(walks: dict[str, Answer]):
    cause = from_probe.judge(walks["reachable"], Probe(CONNECTED, 12, "", HOLE)).cause
    assert cause is not None
    assert "1400 bytes are answered, and of 1500 bytes" in cause.sentence
    assert "type 3 code 4" in cause.mend


@pytest.mark.parametrize(("code", "kind"), [(5, "dns-refused"), (2, "dns-servfail"), (4, ""), (0, "")])
def test_a_dns_server_that_answers_no_is_no_proof_that_it_works(walks: dict[str, Answer], code: int, kind: str):
    """Nor that it does not: it may serve other names."""
    step = from_probe.judge(walks["reachable"], Probe(ANSWERED, 12, code=code))
    assert (step.cause.kind if step.cause else "", step.works, step.is_proved) == (kind, not kind, not kind)


def test_what_two_steps_found_of_one_kind_is_told_together(walks: dict[str, Answer]):
    """Packets prove the hole, and the test connection knows what passes."""
    proved = Step("diagnose", "proved", "Lost.", Cause("pmtu-black-hole", "Lost.", "Look."), is_proved=True)
    end = conclude([from_probe.judge(walks["reachable"], Probe(SILENT, 12, "", HOLE)), proved])
    assert (end.kind, end.is_proved) == ("pmtu-black-hole", True)
    assert end.sentence.startswith("Lost. ")
    assert "1400 bytes are answered" in end.sentence
    assert "MTU to 1400" in end.mend


def test_a_connection_where_the_rules_block_is_a_contradiction(walks: dict[str, Answer]):
    steps = [from_walk.judge(walks["blocked"]), from_probe.judge(walks["blocked"], Probe(CONNECTED))]
    assert conclude(steps).kind == "contradiction"


def test_the_points_of_a_path_are_those_on_instances_with_one_filter_for_all(walks: dict[str, Answer]):
    points, text = captures.points(walks["reachable"])
    assert points == ["eni-client", "eni-server"]
    assert text == "(host 10.1.1.10 and host 10.2.2.20 and tcp and port 80) or icmp"
