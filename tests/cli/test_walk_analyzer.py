"""``vpcshark walk --analyzer``: what Reachability Analyzer says held against a walk, and nothing of it left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.support.walks import Cloud, entry, two_vpcs
from vpcshark.aws import kinds
from vpcshark.cleanup import tidy
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.cli.main import run
from vpcshark.cli.walk_analyzer import Asking, query
from vpcshark.clock import SystemClock
from vpcshark.errors import AwsError, Mistake
from vpcshark.network import analyzed
from vpcshark.network.answer import Answer
from vpcshark.network.known import Known
from vpcshark.survey import dump
from vpcshark.survey.questions import Wanted, attempt

CAPTURE = "vpcshark:capture"
PATH = [  # of two_vpcs(), in the spelling of the analyzer's answers
    ("i-client", {}),
    ("eni-client", {"Vpc": {"Id": "vpc-left"}, "Subnet": {"Id": "subnet-left-a"}}),
    ("sg-left-open", {"SecurityGroupRule": {"Cidr": "0.0.0.0/0", "Direction": "egress", "Protocol": "all"}}),
    ("acl-left-a", {"AclRule": {"Cidr": "0.0.0.0/0", "Egress": True, "RuleAction": "allow", "RuleNumber": 100}}),
    ("rtb-left-main", {"RouteTableRoute": {"DestinationCidr": "10.2.0.0/16", "Origin": "createroute"}}),
    ("acl-left-tgw-a", {"AclRule": {"Cidr": "0.0.0.0/0", "Egress": False, "RuleNumber": 100}}),
    ("eni-left-tgw-a", {"AttachedTo": {"Id": "tgw-attach-left"}}),
    ("tgw-attach-left", {}),
    ("tgw-rtb-main", {"TransitGatewayRouteTableRoute": {"DestinationCidr": "10.2.0.0/16", "State": "active"}}),
    ("tgw-attach-right", {"AdditionalDetails": [{"AdditionalDetailType": "UNIDIRECTIONAL_PATH_ANALYSIS_ONLY"}]}),
    ("eni-right-tgw-a", {}),
    ("vpc-right", {}),
    ("sg-web", {}),
    ("eni-server", {}),
]


def path_of(changes: dict[str, dict[str, Any]] | None = None, more: str = "") -> list[dict[str, Any]]:
    """The components, some of them changed, with one more at the end."""
    rows = [*PATH, *([(more, {})] if more else [])]
    return [
        {"SequenceNumber": number, "Component": {"Id": identity}, **kept, **(changes or {}).get(identity, {})}
        for number, (identity, kept) in enumerate(rows, 1)
    ]


def found_path(**more: Any) -> dict[str, Any]:
    return {"Status": "succeeded", "NetworkPathFound": True, "ForwardPathComponents": path_of(), **more}


def no_path(*codes: str) -> dict[str, Any]:
    why = [
        {"ExplanationCode": code, "SecurityGroups": [{"Id": "sg-web"}], "Vpc": {"Id": "vpc-right"}} for code in codes
    ]
    return {"Status": "succeeded", "NetworkPathFound": False, "Explanations": why}


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


class Analyzing:
    """EC2 as far as the analyzer goes. ``trouble`` maps an operation to what it raises, after it has done its work
    where ``is_done``."""

    def __init__(self, answer: dict[str, Any], trouble: dict[str, BaseException] | None = None, is_done: bool = False):
        self.answer, self.trouble, self.is_done = answer, dict(trouble or {}), is_done
        self.there: dict[str, dict[str, str]] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def _said(self, operation: str, parameters: dict[str, Any], work: Callable[[], Any]) -> Any:
        self.calls.append((operation, parameters))
        error = self.trouble.get(operation)
        if error is not None and not self.is_done:
            raise error
        answer = work()
        if error is not None:
            raise error
        return answer

    def _make(self, identity: str, parameters: dict[str, Any]) -> None:
        (specification,) = parameters["TagSpecifications"]
        self.there[identity] = {each["Key"]: each["Value"] for each in specification["Tags"]}

    def create_network_insights_path(self, **parameters: Any) -> Any:
        def work() -> Any:
            self._make("nip-1", parameters)
            return {"NetworkInsightsPath": {"NetworkInsightsPathId": "nip-1"}}

        return self._said("create", parameters, work)

    def start_network_insights_analysis(self, **parameters: Any) -> Any:
        def work() -> Any:
            self._make("nia-1", parameters)
            return {"NetworkInsightsAnalysis": {"NetworkInsightsAnalysisId": "nia-1"}}

        return self._said("start", parameters, work)

    def describe_network_insights_analyses(self, **parameters: Any) -> Any:
        return self._said("describe", parameters, lambda: {"NetworkInsightsAnalyses": [self.answer]})

    def delete_network_insights_analysis(self, **parameters: Any) -> Any:
        return self._said(
            "delete analysis", parameters, lambda: self.there.pop(parameters["NetworkInsightsAnalysisId"])
        )

    def delete_network_insights_path(self, **parameters: Any) -> Any:
        if "nia-1" in self.there:
            raise refusal("AnalysisExistsForNetworkInsightsPath", "DeleteNetworkInsightsPath")
        return self._said("delete path", parameters, lambda: self.there.pop(parameters["NetworkInsightsPathId"]))

    def get_paginator(self, operation: str) -> Any:
        kind, key, name = {
            "describe_network_insights_paths": ("nip", "NetworkInsightsPaths", "NetworkInsightsPathId"),
            "describe_network_insights_analyses": ("nia", "NetworkInsightsAnalyses", "NetworkInsightsAnalysisId"),
        }[operation]
        ec2 = self

        class Pages:
            def paginate(self, Filters: list[dict[str, Any]], **_: Any) -> Iterator[Any]:
                (wanted,) = Filters
                tag = wanted["Name"].removeprefix("tag:")
                yield {
                    key: [
                        {name: i, "Tags": [{"Key": k, "Value": v} for k, v in t.items()]}
                        for i, t in ec2.there.items()
                        if i[:3] == kind and t[tag] in wanted["Values"]
                    ]
                }

        return Pages()


class Hasty(SystemClock):
    """Time passes by sleeping alone."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


def walked(cloud: Cloud, folder: Path, target: str = "server", port: int = 80) -> Answer:
    known = Known(dump.read(cloud.write(folder / "dump")))
    return attempt(known, Wanted("client", target, (port, port)), ["client"], [target])


def asking(ec2: Analyzing, folder: Path) -> Asking:
    return Asking(ec2, Hasty(), folder / "captures", {"source": "client -> server"}, "123456789012")


@pytest.fixture
def found(tmp_path: Path) -> Answer:
    return walked(two_vpcs(), tmp_path)


def denied(folder: Path) -> Answer:
    cloud = two_vpcs()
    cloud.entries("subnet-left-a").insert(0, entry(50, "deny", "6", "10.2.0.0/16", (1024, 65535), egress=False))
    return walked(cloud, folder)


def test_the_same_path_agrees_and_the_way_back_across_a_transit_gateway_is_not_comparable(found: Answer):
    told = analyzed.read(found_path())
    findings = analyzed.compare(found, told)
    assert [each.state for each in findings] == ["agree", "agree", "not comparable"]
    assert findings[1].text == "there: 13 of the analyzer's 13 components are hops, with the same rules"
    assert told.remarks == ("the way back is not looked at",)
    assert analyzed.state(findings) == "agree"


@pytest.mark.parametrize(
    ("changes", "more", "words"),
    [
        ({"acl-left-a": {"AclRule": {"RuleNumber": 90}}}, "", "rule 100 decides here, and 90 at the analyzer"),
        (
            {"rtb-left-main": {"RouteTableRoute": {"DestinationCidr": "0.0.0.0/0"}}},
            "",
            "the route to 10.2.0.0/16 is taken here, and to 0.0.0.0/0 at the analyzer",
        ),
        ({}, "fw-1", "the analyzer passes fw-1 there, and the walk does not"),
        (
            {},
            "eni-client",
            "the analyzer passes eni-client there, and the walk does not",
        ),  # there, but not in its place
    ],
)
def test_another_rule_or_another_hop_differs(changes: Any, more: str, words: str, found: Answer):
    told = analyzed.read(found_path(ForwardPathComponents=path_of(changes, more)))
    findings = analyzed.compare(found, told)
    assert analyzed.state(findings) == "differ"
    assert any(each.state == "differ" and words in each.text for each in findings)


def test_a_block_agrees_by_one_code_in_common_of_all_that_it_tried(tmp_path: Path):
    blocked = walked(two_vpcs(), tmp_path, port=81)
    told = analyzed.read(no_path("NGW_DEST_ADDRESS_PRESERVATION", "ENI_SG_RULES_MISMATCH"))
    findings = analyzed.compare(blocked, told)
    assert [(each.state, each.text) for each in findings] == [
        ("agree", "the walk says blocked, the analyzer blocked"),
        ("agree", "both name ENI_SG_RULES_MISMATCH"),
    ]
    assert told.explanations[1].text == (
        "sg-web: no rule of the interface's security groups lets it through (ENI_SG_RULES_MISMATCH)"
    )
    assert analyzed.state(analyzed.compare(blocked, analyzed.read(no_path("NO_ROUTE_TO_DESTINATION")))) == "differ"
    assert analyzed.state(analyzed.compare(blocked, analyzed.read(found_path()))) == "differ"


def test_a_block_on_the_way_back_that_it_cannot_see_is_no_difference(tmp_path: Path):
    findings = analyzed.compare(denied(tmp_path), analyzed.read(found_path()))
    assert [each.state for each in findings] == ["agree", "agree", "not comparable"]


def test_what_failed_or_what_the_walk_does_not_know_is_not_comparable(found: Answer, tmp_path: Path):
    failed = analyzed.read({"Status": "failed", "StatusMessage": "The network changed."})
    assert [each.text for each in analyzed.compare(found, failed)] == ["the analysis is failed: The network changed."]
    cloud = two_vpcs()
    cloud.answers["Reservations"][1]["Instances"][0].pop("State")
    unknown = walked(cloud, tmp_path / "unknown")
    assert unknown.verdict == "unknown"
    assert analyzed.compare(unknown, analyzed.read(no_path("NO_PATH")))[0].state == "not comparable"


def test_the_question_is_the_walks_own(found: Answer, tmp_path: Path):
    ec2 = Analyzing(found_path())
    assert asking(ec2, tmp_path).answer(query(found)).is_found
    parameters = {
        name: value for name, value in ec2.calls[0][1].items() if name not in ("ClientToken", "TagSpecifications")
    }
    assert parameters == {"Source": "eni-client", "Protocol": "tcp", "Destination": "eni-server", "DestinationPort": 80}
    outside = walked(two_vpcs(), tmp_path / "out", "8.8.8.8")
    asking(ec2, tmp_path).answer(query(outside))
    filters = next(each["FilterAtSource"] for _, each in ec2.calls if "FilterAtSource" in each)
    assert filters == {"DestinationAddress": "8.8.8.8/32", "DestinationPortRange": {"FromPort": 80, "ToPort": 80}}


@pytest.mark.parametrize("operation", ["", "create", "start", "describe"])
@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), refusal("Unavailable", "X"), ReadTimeoutError(endpoint_url="x")]
)
def test_nothing_is_left_whatever_happens(
    operation: str, is_done: bool, error: BaseException, found: Answer, tmp_path: Path
):
    ec2 = Analyzing(found_path(), {operation: error}, is_done)
    try:
        asking(ec2, tmp_path).answer(query(found))
        assert not operation
    except (AwsError, KeyboardInterrupt):
        assert operation
    assert ec2.there == {}
    assert not [*(tmp_path / "captures").glob("*.ledger")]


def test_an_analysis_without_an_end_is_given_up_and_deleted(found: Answer, tmp_path: Path):
    ec2 = Analyzing({"Status": "running"})
    with pytest.raises(AwsError, match="did not end in 600 seconds"):
        asking(ec2, tmp_path).answer(query(found))
    assert ec2.there == {}


def test_what_could_not_be_deleted_is_said_and_the_next_clean_up_deletes_it(found: Answer, tmp_path: Path):
    ec2 = Analyzing(
        found_path(), {"delete analysis": refusal("UnauthorizedOperation", "DeleteNetworkInsightsAnalysis")}
    )
    with pytest.raises(AwsError, match="nia-1 could not be deleted"):
        asking(ec2, tmp_path).answer(query(found))
    (ledger,) = (tmp_path / "captures").glob("*.ledger")
    ec2.trouble.clear()

    class Aws:
        def __init__(self) -> None:
            self.ec2 = ec2

    class Reached(MirrorAccount):
        def tagged(self) -> list[Any]:
            return []

        def identity(self) -> str:
            return "123456789012"

    done = tidy.tidy(ledger, reach=lambda profile, region: Reached(Aws()), clock=Hasty(), patience=60)  # type: ignore
    assert done.outcome is not None
    assert done.outcome.is_clean
    assert ec2.there == {}
    assert not ledger.exists()


def test_what_it_does_not_know_costs_nothing(tmp_path: Path):
    known = Known(dump.read(two_vpcs().write(tmp_path / "dump")))
    ping = attempt(known, Wanted("client", "server", None, "icmp"), ["client"], ["server"])
    with pytest.raises(Mistake, match="TCP and UDP over IPv4 alone"):
        query(ping)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["client", "server:80", "--analyzer"], "--analyzer costs 0.10 USD, and nobody is here to agree."),
        (["client", "server:80", "--analyzer", "--yes", "--from-dump", "."], "--analyzer asks AWS, and --from-dump"),
        (["--from", "client", "--to", "server:80", "--analyzer", "--yes"], "--analyzer is for one walk"),
    ],
)
def test_its_price_is_said_before_anything_is_asked(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]):
    assert run(["walk", *argv]) == 2
    assert words in capsys.readouterr().err


def test_its_kinds_are_deleted_in_order():
    assert kinds.ANALYZING == (kinds.ANALYSIS, kinds.PATH)
