"""What the shipped policies allow and refuse of single calls: the tag decides."""

from __future__ import annotations

from typing import Any

import pytest
from iam import ACCOUNT, REGION, Request, allows, arn, denies, pushing, requests

from vpcshark.aws.compute import launch
from vpcshark.aws.iam import policies
from vpcshark.aws.iam.features import FEATURES
from vpcshark.aws.iam.policies import Limits

OURS = {"vpcshark:capture": "c-1", "vpcshark:expires": "2026-01-01T00:00:00Z"}
STANDING = {
    **{f"{prefix}-1": OURS for prefix in ("tms", "tmf", "tmt", "sg", "sgr", "i", "vol", "eni")},
    **{f"{prefix}-2": {"Name": "somebody's"} for prefix in ("tms", "tmf", "tmt", "sg", "sgr", "i", "vol", "eni")},
    **{f"{prefix}-3": {"vpcshark:capture": ""} for prefix in ("tms", "tmf", "tmt", "sg", "sgr", "i")},
}


def tagging(kind: str, tags: dict[str, str]) -> dict[str, Any]:
    """The parameter that tags what is made."""
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": pairs}]} if tags else {}


def is_allowed(feature: str, action: str, **parameters: Any) -> bool:
    """All that the call asks for."""
    document = policies.policy([feature], ACCOUNT, REGION)
    return all(allows(document, one) for one in requests(action, parameters, STANDING))


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("feature", "action", "name", "prefix"),
    [
        ("mirror", "DeleteTrafficMirrorSession", "TrafficMirrorSessionId", "tms"),
        ("mirror", "DeleteTrafficMirrorFilter", "TrafficMirrorFilterId", "tmf"),
        ("mirror", "DeleteTrafficMirrorTarget", "TrafficMirrorTargetId", "tmt"),
        ("mirror", "ModifyTrafficMirrorFilterNetworkServices", "TrafficMirrorFilterId", "tmf"),
        ("mirror", "CreateTrafficMirrorFilterRule", "TrafficMirrorFilterId", "tmf"),
        ("launch", "AuthorizeSecurityGroupIngress", "GroupId", "sg"),
        ("launch", "DeleteSecurityGroup", "GroupId", "sg"),
        ("launch", "TerminateInstances", "InstanceIds", "i"),
    ],
)
def test_only_what_bears_our_tag_can_be_changed_or_deleted(
    feature: str, action: str, name: str, prefix: str, number: int
):
    """2 bears somebody's tag, 3 ours without a value."""
    identity = f"{prefix}-{number}"
    value = [identity] if name.endswith("s") else identity
    assert is_allowed(feature, action, **{name: value}) == (number == 1)


@pytest.mark.parametrize("number", [1, 2])
def test_a_session_of_ours_can_be_given_any_filter(number: int):
    """The user may name somebody's filter; somebody's session stays as it is."""
    session = {"TrafficMirrorSessionId": f"tms-{number}", "TrafficMirrorFilterId": "tmf-2"}
    assert is_allowed("mirror", "ModifyTrafficMirrorSession", **session) == (number == 1)


@pytest.mark.parametrize("tags", [OURS, {"Name": "mine"}, {"vpcshark:capture": ""}, {}])
@pytest.mark.parametrize(
    ("feature", "action", "kind", "more"),
    [
        ("mirror", "CreateTrafficMirrorFilter", "traffic-mirror-filter", {}),
        ("mirror", "CreateTrafficMirrorTarget", "traffic-mirror-target", {"NetworkInterfaceId": "eni-2"}),
        (
            "mirror",
            "CreateTrafficMirrorSession",
            "traffic-mirror-session",
            {"NetworkInterfaceId": "eni-2", "TrafficMirrorFilterId": "tmf-2", "TrafficMirrorTargetId": "tmt-2"},
        ),
        ("launch", "CreateSecurityGroup", "security-group", {"VpcId": "vpc-2"}),
        ("open-security-group", "AuthorizeSecurityGroupIngress", "security-group-rule", {"GroupId": "sg-2"}),
    ],
)
def test_what_is_made_must_bear_our_tag(
    feature: str, action: str, kind: str, more: dict[str, str], tags: dict[str, str]
):
    # IAM asks nothing about a rule that gets no tag: that one can be made
    is_right = tags is OURS or (kind == "security-group-rule" and not tags)
    assert is_allowed(feature, action, **tagging(kind, tags), **more) == is_right


@pytest.mark.parametrize("group", ["sg-1", "sg-2"])
@pytest.mark.parametrize("tags", [OURS, {}])
def test_a_host_is_launched_with_our_tag_and_our_group_alone(tags: dict[str, str], group: str):
    wanted = launch.parameters(launch.Launch("subnet-2", group, "", "ami-2"), tags, "token")
    if not tags:
        del wanted["TagSpecifications"]
    assert is_allowed("launch", "RunInstances", **wanted) == (bool(tags) and group == "sg-1")


def test_a_host_is_launched_from_amazons_images_alone():
    wanted = launch.parameters(launch.Launch("subnet-2", "sg-1", "", "ami-2"), OURS, "token")
    document = policies.policy(["launch"])
    refused = [one for one in requests("RunInstances", wanted, STANDING) if not allows(document, one)]
    assert refused == []
    assert not allows(document, Request("ec2:RunInstances", arn("image", "ami-2"), {"ec2:Owner": "111122223333"}))


@pytest.mark.parametrize(
    ("feature", "resource", "tags", "is_right"),
    [
        ("mirror", "tms-1", {"vpcshark:expires": "later"}, True),
        ("mirror", "tms-2", {"vpcshark:expires": "later"}, False),
        ("mirror", "tms-2", OURS, False),  # else everything could be made ours, and then deleted
        ("mirror", "tms-1", {"vpcshark:expires": "later", "Name": "x"}, False),
        ("mirror", "tms-1", {"vpcshark:capture": "c-2"}, False),
        ("mirror", "i-1", {"vpcshark:expires": "later"}, False),
        ("launch", "i-1", {"vpcshark:expires": "later"}, True),
        ("launch", "i-1", {"vpcshark:capture": "k-1"}, True),  # a host that is kept gets an id of its own
        ("launch", "i-1", {"vpcshark:capture-host": ""}, False),
        ("launch", "i-1", {"Name": "x"}, False),
        ("launch", "i-2", OURS, False),
        ("launch", "sg-2", OURS, False),
        ("open-security-group", "sgr-1", {"vpcshark:expires": "later"}, True),
        ("open-security-group", "sgr-2", {"vpcshark:expires": "later"}, False),
    ],
)
def test_tags_are_set_when_something_is_made_and_renewed_on_what_is_ours(
    feature: str, resource: str, tags: dict[str, str], is_right: bool
):
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    assert is_allowed(feature, "CreateTags", Resources=[resource], Tags=pairs) == is_right


def test_one_resource_of_somebodys_is_enough_to_refuse_a_renewal():
    pairs = [{"Key": "vpcshark:expires", "Value": "later"}]
    assert is_allowed("mirror", "CreateTags", Resources=["tms-1", "tmf-1", "tmt-1"], Tags=pairs)
    assert not is_allowed("mirror", "CreateTags", Resources=["tms-1", "tmf-2", "tmt-1"], Tags=pairs)


@pytest.mark.parametrize(
    ("instance", "user", "is_right"), [("i-2", "ec2-user", False), ("i-1", "ec2-user", True), ("i-1", "root", False)]
)
def test_a_key_for_launched_hosts_opens_no_other_instance_and_no_other_user(instance: str, user: str, is_right: bool):
    asked = pushing({"InstanceId": instance, "InstanceOSUser": user}, STANDING)
    push = Request("ec2-instance-connect:SendSSHPublicKey", arn("instance", instance), asked)
    assert allows(policies.policy(["connect-eic-launched"]), push) == is_right


@pytest.mark.parametrize(
    ("user", "env", "is_right"),
    [("ubuntu", "dev", True), ("root", "dev", False), ("ubuntu", "prod", False), ("ubuntu", "", False)],
)
def test_pushed_keys_are_narrowed_by_user_and_tag(user: str, env: str, is_right: bool):
    document = policies.policy(["connect-eic"], limits=Limits(users=("ubuntu",), tags=("env=dev", "env=test")))
    asked = {"ec2:osuser": user, **({"aws:ResourceTag/env": env} if env else {})}
    push = Request("ec2-instance-connect:SendSSHPublicKey", arn("instance", "i-2"), asked)
    assert allows(document, push) == is_right


@pytest.mark.parametrize(
    ("kind", "subnet", "is_right"),
    [("t4g.nano", "0a1b2c3d", True), ("m7i.48xlarge", "0a1b2c3d", False), ("t4g.nano", "0a1b2c3e", False)],
)
def test_a_launch_is_narrowed_by_type_and_subnet(kind: str, subnet: str, is_right: bool):
    document = policies.policy(["launch"], limits=Limits(types=("t4g.*",), subnets=("subnet-0a1b2c3d",)))
    of_type = {"aws:RequestTag/vpcshark:capture": "c-1", "ec2:InstanceType": kind}
    asked = [
        Request("ec2:RunInstances", arn("instance"), of_type),
        Request("ec2:RunInstances", arn("subnet", f"subnet-{subnet}")),
    ]
    assert all(allows(document, one) for one in asked) == is_right


@pytest.mark.parametrize(
    "document", ["SSM-SessionManagerRunShell", "AWS-StartInteractiveCommand", "AWS-StartSSHSession"]
)
def test_session_manager_gives_ssh_and_no_shell(document: str):
    """A session that names no document is one by the first of these, for which AWS asks only where the check is on."""
    policy = policies.policy(["connect-ssm"], ACCOUNT, REGION)
    checked = {"ssm:SessionDocumentAccessCheck": "true"}
    named = Request("ssm:StartSession", f"arn:aws:ssm:{REGION}::document/{document}", checked)
    assert allows(policy, named) == (document == "AWS-StartSSHSession")
    unchecked = {"ssm:SessionDocumentAccessCheck": "false"}
    assert allows(policy, Request("ssm:StartSession", arn("instance", "i-2"), checked))
    assert not allows(policy, Request("ssm:StartSession", arn("instance", "i-2"), unchecked))


ADMIN, USER = "arn:aws:iam::123456789012:role/Admin-eu", "arn:aws:iam::123456789012:user/eve"
LEASED = {"vpcshark:expires": "later"}
GUARDED = [  # who, on what, with which tags, at a create, is denied
    (USER, "i-2", {"vpcshark:capture-host": ""}, "", True),
    (USER, "i-1", {"vpcshark:capture-host": ""}, "", True),
    (USER, "i-2", {"vpcshark:capture-host": ""}, "RunInstances", True),
    (ADMIN, "i-2", {"vpcshark:capture-host": ""}, "", False),
    (USER, "i-2", OURS, "", True),
    (USER, "tms-2", OURS, "", True),
    (USER, "tms-2", {"Name": "x", **LEASED}, "", True),
    (ADMIN, "tms-2", OURS, "", False),
    (USER, "tms-2", {"Name": "x"}, "", False),
    (USER, "tms-1", LEASED, "", False),
    (USER, "tms-2", OURS, "CreateTrafficMirrorSession", False),
    (USER, "i-2", {**OURS, "vpcshark:ssh-user": "ec2-user"}, "RunInstances", False),
]


@pytest.mark.parametrize(("who", "resource", "labels", "create", "is_denied"), GUARDED)
def test_the_guard_keeps_our_tags_for_captures_and_administrators(
    who: str, resource: str, labels: dict[str, str], create: str, is_denied: bool
):
    """What a capture does passes: its tags at creation, its renewals."""
    guard = policies.tag_guard(["arn:aws:iam::*:role/Admin*"])
    pairs = [{"Key": key, "Value": value} for key, value in labels.items()]
    standing = {} if create else STANDING
    (asked,) = requests("CreateTags", {"Resources": [resource], "Tags": pairs}, standing)
    more = {"aws:PrincipalArn": who, **({"ec2:CreateAction": create} if create else {})}
    request = Request(asked.action, asked.resource, {**asked.context, **more})
    assert denies(guard, request) == is_denied
    taken = Request("ec2:DeleteTags", asked.resource, {"aws:TagKeys": list(labels), "aws:PrincipalArn": who})
    assert denies(guard, taken) == (who == USER and labels != {"Name": "x"})


@pytest.mark.parametrize("place", [("210987654321", REGION), (ACCOUNT, "us-east-1")])
def test_another_account_and_another_region_are_refused(place: tuple[str, str]):
    document = policies.policy(["mirror"], *place)
    asked = requests("DeleteTrafficMirrorSession", {"TrafficMirrorSessionId": "tms-1"}, STANDING)
    assert not any(allows(document, one) for one in asked)


@pytest.mark.parametrize("feature", FEATURES)
def test_no_policy_allows_everything_of_a_service(feature: str):
    document = policies.policy([feature])
    for action in ("ec2:DeleteVpc", "ec2:StopInstances", "ec2:DeleteTags", "iam:CreateUser", "ssm:SendCommand"):
        assert not allows(document, Request(action, "*"))
