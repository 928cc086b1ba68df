"""The lab's Traffic Mirroring answers as EC2 does; asked by boto3 over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


def code_of(call: Callable[[], object]) -> str:
    """The error code that EC2 answers; the test fails if there is none."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def tagged(resource: str, **tags: str) -> list[dict[str, Any]]:
    """TagSpecifications for one resource type."""
    return [{"ResourceType": resource, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def test_ids_have_the_prefixes_of_ec2(mirroring: Any) -> None:
    """tmf-, tmfr-, tmt- and tms- with 17 hexadecimal digits."""
    filter_id = mirroring.filter()
    ids = [filter_id, mirroring.rule(filter_id), mirroring.target(), mirroring.session()["TrafficMirrorSessionId"]]
    assert [resource.split("-")[0] for resource in ids] == ["tmf", "tmfr", "tmt", "tms"]
    assert all(len(resource.split("-")[1]) == 17 for resource in ids)


def test_a_filter_is_described_with_its_rules(mirroring: Any, ec2: Any) -> None:
    """Ingress and egress rules come in two lists, each by number."""
    filter_id = mirroring.filter(Description="mine")
    second = mirroring.rule(filter_id, RuleNumber=2)
    first = mirroring.rule(filter_id, RuleNumber=1)
    out = mirroring.rule(
        filter_id, TrafficDirection="egress", Protocol=6, DestinationPortRange={"FromPort": 80, "ToPort": 81}
    )
    (found,) = ec2.describe_traffic_mirror_filters(TrafficMirrorFilterIds=[filter_id])["TrafficMirrorFilters"]
    assert found["Description"] == "mine"
    assert [rule["TrafficMirrorFilterRuleId"] for rule in found["IngressFilterRules"]] == [first, second]
    (egress,) = found["EgressFilterRules"]
    assert egress["TrafficMirrorFilterRuleId"] == out
    assert egress["DestinationPortRange"] == {"FromPort": 80, "ToPort": 81}
    assert egress["Protocol"] == 6


def test_network_services_come_and_go(mirroring: Any, ec2: Any) -> None:
    """amazon-dns is added and removed; no other service exists."""
    filter_id = mirroring.filter()
    modify = ec2.modify_traffic_mirror_filter_network_services
    added = modify(TrafficMirrorFilterId=filter_id, AddNetworkServices=["amazon-dns"])["TrafficMirrorFilter"]
    assert added["NetworkServices"] == ["amazon-dns"]
    removed = modify(TrafficMirrorFilterId=filter_id, RemoveNetworkServices=["amazon-dns"])["TrafficMirrorFilter"]
    assert removed["NetworkServices"] == []
    code = code_of(lambda: modify(TrafficMirrorFilterId=filter_id, AddNetworkServices=["amazon-ntp"]))
    assert code == "InvalidParameterValue"


def test_a_rule_can_be_changed_and_deleted(mirroring: Any, ec2: Any) -> None:
    """Fields are replaced or removed; the rule is then gone from its filter."""
    filter_id = mirroring.filter()
    rule = mirroring.rule(filter_id, Protocol=6, Description="web")
    changed = ec2.modify_traffic_mirror_filter_rule(
        TrafficMirrorFilterRuleId=rule, RuleAction="reject", RemoveFields=["protocol", "description"]
    )["TrafficMirrorFilterRule"]
    assert changed["RuleAction"] == "reject"
    assert "Protocol" not in changed
    assert "Description" not in changed
    ec2.delete_traffic_mirror_filter_rule(TrafficMirrorFilterRuleId=rule)
    assert ec2.describe_traffic_mirror_filter_rules(TrafficMirrorFilterId=filter_id)["TrafficMirrorFilterRules"] == []


@pytest.mark.parametrize(
    ("operation", "parameter", "code"),
    [
        ("delete_traffic_mirror_filter", "TrafficMirrorFilterId", "InvalidTrafficMirrorFilterId.NotFound"),
        ("delete_traffic_mirror_filter_rule", "TrafficMirrorFilterRuleId", "InvalidTrafficMirrorFilterRuleId.NotFound"),
        ("delete_traffic_mirror_target", "TrafficMirrorTargetId", "InvalidTrafficMirrorTargetId.NotFound"),
        ("delete_traffic_mirror_session", "TrafficMirrorSessionId", "InvalidTrafficMirrorSessionId.NotFound"),
        ("modify_traffic_mirror_session", "TrafficMirrorSessionId", "InvalidTrafficMirrorSessionId.NotFound"),
        ("describe_traffic_mirror_filters", "TrafficMirrorFilterIds", "InvalidTrafficMirrorFilterId.NotFound"),
        ("describe_traffic_mirror_targets", "TrafficMirrorTargetIds", "InvalidTrafficMirrorTargetId.NotFound"),
        ("describe_traffic_mirror_sessions", "TrafficMirrorSessionIds", "InvalidTrafficMirrorSessionId.NotFound"),
    ],
)
def test_unknown_ids_are_errors(ec2: Any, operation: str, parameter: str, code: str) -> None:
    """Also for describe, which moto answers with an empty list."""
    prefix = {"Filter": "tmf", "FilterRule": "tmfr", "Target": "tmt", "Session": "tms"}[
        parameter.removeprefix("TrafficMirror").removesuffix("s").removesuffix("Id")
    ]
    identity = f"{prefix}-0123456789abcdef0"
    unknown = [identity] if parameter.endswith("s") else identity
    assert code_of(lambda: getattr(ec2, operation)(**{parameter: unknown})) == code


@pytest.mark.parametrize(
    ("field", "prefix", "code"),
    [
        ("NetworkInterfaceId", "eni", "InvalidNetworkInterfaceID.NotFound"),
        ("TrafficMirrorTargetId", "tmt", "InvalidTrafficMirrorTargetId.NotFound"),
        ("TrafficMirrorFilterId", "tmf", "InvalidTrafficMirrorFilterId.NotFound"),
    ],
)
def test_a_session_needs_things_that_exist(mirroring: Any, field: str, prefix: str, code: str) -> None:
    """Source, target and filter are looked up."""
    assert code_of(lambda: mirroring.session(**{field: f"{prefix}-0123456789abcdef0"})) == code


@pytest.mark.parametrize(
    "fields",
    [
        {"SessionNumber": 0},
        {"SessionNumber": 32767},
        {"VirtualNetworkId": -1},
        {"VirtualNetworkId": 1 << 24},
        {"PacketLength": 0},
    ],
)
def test_numbers_out_of_range_are_refused(mirroring: Any, fields: dict[str, int]) -> None:
    """Session number 1-32766, VNI 24 bits, packet length from 1."""
    assert code_of(lambda: mirroring.session(**fields)) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"SourceCidrBlock": "10.0.0.0/33"}, "InvalidParameterValue"),
        ({"SourceCidrBlock": "::/0"}, "InvalidParameterValue"),
        ({"RuleNumber": 0}, "InvalidParameterValue"),
        ({"Protocol": 256}, "InvalidParameterValue"),
        ({"RuleAction": "drop"}, "InvalidParameterValue"),
        ({"DestinationPortRange": {"FromPort": 1, "ToPort": 2}}, "InvalidParameterCombination"),
        ({"Protocol": 6, "DestinationPortRange": {"FromPort": 2, "ToPort": 1}}, "InvalidParameterValue"),
    ],
)
def test_bad_rules_are_refused(mirroring: Any, ec2: Any, fields: dict[str, Any], code: str) -> None:
    """And nothing is left of them."""
    filter_id = mirroring.filter()
    assert code_of(lambda: mirroring.rule(filter_id, **fields)) == code
    assert ec2.describe_traffic_mirror_filter_rules(TrafficMirrorFilterId=filter_id)["TrafficMirrorFilterRules"] == []


def test_a_rule_number_is_taken_once_per_direction(mirroring: Any) -> None:
    """The same number may be used for the other direction."""
    filter_id = mirroring.filter()
    mirroring.rule(filter_id)
    assert code_of(lambda: mirroring.rule(filter_id)) == "TrafficMirrorFilterRuleAlreadyExists"
    mirroring.rule(filter_id, TrafficDirection="egress")


def test_ten_rules_per_filter(mirroring: Any) -> None:
    """The eleventh is over the quota."""
    filter_id = mirroring.filter()
    for number in range(1, 11):
        mirroring.rule(filter_id, RuleNumber=number)
    assert code_of(lambda: mirroring.rule(filter_id, RuleNumber=11)) == "TrafficMirrorFilterRuleLimitExceeded"


def test_three_sessions_per_source(mirroring: Any) -> None:
    """The fourth is over the quota, whatever its number."""
    source = mirroring.eni()
    for number in (5, 6, 7):
        mirroring.session(NetworkInterfaceId=source, SessionNumber=number)
    code = code_of(lambda: mirroring.session(NetworkInterfaceId=source, SessionNumber=8))
    assert code == "TrafficMirrorSessionsPerInterfaceLimitExceeded"


def test_ten_sources_per_target(mirroring: Any) -> None:
    """An ENI target takes no more on usual instance sizes."""
    target = mirroring.target()
    for _ in range(10):
        mirroring.session(TrafficMirrorTargetId=target)
    code = code_of(lambda: mirroring.session(TrafficMirrorTargetId=target))
    assert code == "TrafficMirrorSourcesPerTargetLimitExceeded"


def test_a_session_number_is_unique_per_source(mirroring: Any, ec2: Any) -> None:
    """At creation and at a change; another source may use it."""
    source = mirroring.eni()
    mirroring.session(NetworkInterfaceId=source, SessionNumber=1)
    second = mirroring.session(NetworkInterfaceId=source, SessionNumber=2)
    mirroring.session(SessionNumber=1)
    assert code_of(lambda: mirroring.session(NetworkInterfaceId=source)) == "InvalidParameterValue"
    with pytest.raises(ClientError, match="already being used"):
        ec2.modify_traffic_mirror_session(TrafficMirrorSessionId=second["TrafficMirrorSessionId"], SessionNumber=1)


def test_a_source_is_no_target(mirroring: Any) -> None:
    """Neither its own nor another session's."""
    eni = mirroring.eni()
    target = mirroring.target(eni)
    code = code_of(lambda: mirroring.session(NetworkInterfaceId=eni, TrafficMirrorTargetId=target))
    assert code == "InterfaceInUseByTrafficMirrorTarget"
    assert code_of(lambda: mirroring.session(NetworkInterfaceId=eni)) == "InterfaceInUseByTrafficMirrorTarget"


def test_a_vni_is_chosen_if_none_is_given(mirroring: Any) -> None:
    """24 bits, another one each time; a given one is kept, 0 too."""
    chosen = [mirroring.session()["VirtualNetworkId"] for _ in range(5)]
    assert len(set(chosen)) == 5
    assert all(0 < vni < 1 << 24 for vni in chosen)
    assert mirroring.session(VirtualNetworkId=777)["VirtualNetworkId"] == 777


def test_what_a_session_uses_cannot_be_deleted(mirroring: Any, ec2: Any) -> None:
    """Filter and target can, once the session is gone; the rules go with the filter."""
    session = mirroring.session()
    filter_id, target_id = session["TrafficMirrorFilterId"], session["TrafficMirrorTargetId"]
    rule = mirroring.rule(filter_id)
    assert (
        code_of(lambda: ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=filter_id)) == "TrafficMirrorFilterInUse"
    )
    code = code_of(lambda: ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=target_id))
    assert code == "TrafficMirrorTargetInUseException"
    ec2.delete_traffic_mirror_session(TrafficMirrorSessionId=session["TrafficMirrorSessionId"])
    ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=filter_id)
    ec2.delete_traffic_mirror_target(TrafficMirrorTargetId=target_id)
    code = code_of(lambda: ec2.describe_traffic_mirror_filter_rules(TrafficMirrorFilterRuleIds=[rule]))
    assert code == "InvalidTrafficMirrorFilterRuleId.NotFound"


def test_fields_of_a_session_can_be_changed_and_removed(mirroring: Any, ec2: Any) -> None:
    """A removed VNI is chosen anew."""
    session = mirroring.session(PacketLength=100, VirtualNetworkId=5, Description="x")
    changed = ec2.modify_traffic_mirror_session(
        TrafficMirrorSessionId=session["TrafficMirrorSessionId"],
        SessionNumber=9,
        RemoveFields=["packet-length", "virtual-network-id", "description"],
    )["TrafficMirrorSession"]
    assert changed["SessionNumber"] == 9
    assert "PacketLength" not in changed
    assert "Description" not in changed
    assert changed["VirtualNetworkId"] != 5


def test_a_load_balancer_target_cuts_at_8500(api: Any, mirroring: Any, ec2: Any) -> None:
    """Its default and its maximum."""
    made = api.client("elbv2").create_load_balancer(Name="cuts", Type="network", Subnets=[mirroring.subnet])
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    target = ec2.create_traffic_mirror_target(NetworkLoadBalancerArn=arn)["TrafficMirrorTarget"]
    assert target["Type"] == "network-load-balancer"
    target_id = target["TrafficMirrorTargetId"]
    assert mirroring.session(TrafficMirrorTargetId=target_id)["PacketLength"] == 8500
    code = code_of(lambda: mirroring.session(TrafficMirrorTargetId=target_id, PacketLength=8501))
    assert code == "InvalidParameterValue"


def test_a_target_is_exactly_one_thing(mirroring: Any, ec2: Any) -> None:
    """An ENI or a load balancer, not both and not neither."""
    assert code_of(ec2.create_traffic_mirror_target) == "MissingParameter"
    code = code_of(lambda: mirroring.target(NetworkLoadBalancerArn="arn:aws:x"))
    assert code == "InvalidParameterCombination"


def test_tags_are_those_of_now(mirroring: Any, ec2: Any) -> None:
    """Given at creation, added and removed later: describe and DescribeTags show the same."""
    filter_id = mirroring.filter(TagSpecifications=tagged("traffic-mirror-filter", a="1", b="2"))
    ec2.create_tags(Resources=[filter_id], Tags=[{"Key": "c", "Value": "3"}])
    ec2.delete_tags(Resources=[filter_id], Tags=[{"Key": "a"}])
    (found,) = ec2.describe_traffic_mirror_filters(TrafficMirrorFilterIds=[filter_id])["TrafficMirrorFilters"]
    assert found["Tags"] == [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}]
    listed = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [filter_id]}])["Tags"]
    assert {tag["Key"]: (tag["Value"], tag["ResourceType"]) for tag in listed} == {
        "b": ("2", "traffic-mirror-filter"),
        "c": ("3", "traffic-mirror-filter"),
    }


def test_tags_for_several_of_which_one_is_gone_are_refused_for_all(mirroring: Any, ec2: Any) -> None:
    """As EC2 does it: who renews a lease must not lose it for all the others."""
    gone, stands = mirroring.filter(), mirroring.filter()
    ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=gone)
    code = code_of(lambda: ec2.create_tags(Resources=[stands, gone], Tags=[{"Key": "a", "Value": "1"}]))
    assert code == "InvalidTrafficMirrorFilterId.NotFound"
    (found,) = ec2.describe_traffic_mirror_filters(TrafficMirrorFilterIds=[stands])["TrafficMirrorFilters"]
    assert found["Tags"] == []


def test_tags_of_another_resource_type_are_refused(mirroring: Any, ec2: Any) -> None:
    """And nothing is made."""
    before = len(ec2.describe_traffic_mirror_filters()["TrafficMirrorFilters"])
    wrong = tagged("traffic-mirror-target", a="1")
    assert code_of(lambda: mirroring.filter(TagSpecifications=wrong)) == "InvalidParameterValue"
    assert len(ec2.describe_traffic_mirror_filters()["TrafficMirrorFilters"]) == before


def test_the_same_token_makes_one_resource(mirroring: Any) -> None:
    """A repeated request gets the first one's answer."""
    first = mirroring.filter(ClientToken="once", Description="x")
    assert mirroring.filter(ClientToken="once", Description="x") == first
    assert code_of(lambda: mirroring.filter(ClientToken="once", Description="y")) == "IdempotentParameterMismatch"


def test_dry_run_never_acts(mirroring: Any, ec2: Any) -> None:
    """Neither creates nor deletes."""
    filter_id = mirroring.filter()
    before = ec2.describe_traffic_mirror_filters()["TrafficMirrorFilters"]
    delete = ec2.delete_traffic_mirror_filter
    assert code_of(lambda: delete(TrafficMirrorFilterId=filter_id, DryRun=True)) == "DryRunOperation"
    assert code_of(lambda: mirroring.filter(DryRun=True)) == "DryRunOperation"
    assert ec2.describe_traffic_mirror_filters()["TrafficMirrorFilters"] == before


def test_describe_comes_in_pages(mirroring: Any, ec2: Any) -> None:
    """boto3's paginator finds each filter once."""
    made = [mirroring.filter(Description="paged") for _ in range(12)]
    wanted = [{"Name": "description", "Values": ["paged"]}]
    paginator = ec2.get_paginator("describe_traffic_mirror_filters")
    pages = list(paginator.paginate(Filters=wanted, MaxResults=5))
    assert [len(page["TrafficMirrorFilters"]) for page in pages] == [5, 5, 2]
    found = [item["TrafficMirrorFilterId"] for page in pages for item in page["TrafficMirrorFilters"]]
    assert found == made


@pytest.mark.parametrize("bad", [{"MaxResults": 1001}, {"NextToken": "nonsense"}, {"NextToken": "ZnJvbTp4"}])
def test_bad_pages_are_refused(ec2: Any, bad: dict[str, Any]) -> None:
    """A page has 5 to 1000 items, and a token is one that was given."""
    assert code_of(lambda: ec2.describe_traffic_mirror_sessions(**bad)) == "InvalidParameterValue"


def test_documented_filters_work(mirroring: Any, ec2: Any) -> None:
    """Also those with numbers."""
    session = mirroring.session(SessionNumber=31)
    mirroring.session(SessionNumber=32)
    wanted = [
        {"Name": "session-number", "Values": ["31"]},
        {"Name": "network-interface-id", "Values": [session["NetworkInterfaceId"]]},
    ]
    assert ec2.describe_traffic_mirror_sessions(Filters=wanted)["TrafficMirrorSessions"] == [session]


@pytest.mark.parametrize("name", ["tag:Name", "tag-key", "nonsense"])
def test_other_filters_are_errors(ec2: Any, name: str) -> None:
    """AWS documents no tag filters here: whoever relies on them must learn it from the lab."""
    wanted = [{"Name": name, "Values": ["x"]}]
    assert code_of(lambda: ec2.describe_traffic_mirror_sessions(Filters=wanted)) == "InvalidParameterValue"
