"""Preflight in a capture: a closed way ends it before anything is made; one missing rule is opened, then closed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults import FAULTS
from quiet import QuietHost
from scenes import Scene, near_and_far, one_vpc

from vpcshark.aws.client import Aws
from vpcshark.capture.contract.host import parse
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.capture import Capture
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.capture.mirror.feed import MirrorFeed, World
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.cleanup.ledger import Ledger
from vpcshark.cleanup.tags import Lease
from vpcshark.clock import SystemClock
from vpcshark.errors import VpcsharkError
from vpcshark.lab.control import LabControl

MADE = ("Create", "Authorize", "Modify")
LAUNCH = ("RunInstances", "CreateSecurityGroup")
ACCOUNT = "arn:aws:ec2:us-east-1:123456789012"


class Remark(Status):
    """A status that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    log = say


class Bytes:
    """A sink in memory."""

    def write(self, data: bytes) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def control(endpoint: str) -> LabControl:
    """The lab's log of calls."""
    return LabControl(endpoint)


@pytest.fixture
def capture(another: Aws, tmp_path: Path) -> Callable[..., Remark]:
    """Run a capture of a scene; ``while_it_runs`` is called once its session stands."""

    def run(scene: Scene, while_it_runs: Callable[[], None] = lambda: None, **options: Any) -> Remark:
        clock, stop, status = SystemClock(), Stop(), Remark()
        lease = Lease("test-capture", "me@here", clock.now() + 900)
        book = Ledger(tmp_path / "test-capture.jsonl", {"owner": "me@here", "started": 0, "expires": 0})

        def ready() -> None:
            while_it_runs()
            stop.request("enough")

        world = World(
            lambda: another,
            lambda host: QuietHost(ready),
            None,
            lambda address, mac: False,
            "python3",
            lambda *_: None,
            lambda _: None,
        )
        wanted = CaptureOptions(mode="mirror", host=parse(options.pop("host", scene.host)), **options)
        context = Context(
            Selection((scene.source,)),
            wanted,
            Bytes(),
            status,
            stop,
            clock,
            Timeline(clock),
            Maker(book, lease, Timeline(clock)),
        )
        Capture(context, book, MirrorFeed(context, world)).run()
        return status

    return run


def made(control: LabControl) -> list[str]:
    """What was created or changed since the log was cleared."""
    return [call["action"] for call in control.calls() if call["action"].startswith(MADE)]


@pytest.mark.thin(2)
@pytest.mark.parametrize(
    "sentence",
    [
        "the target's security group has no rule",
        "two VPCs are not joined at all",
        "the transit gateway's table has no route to the target",
        "the network ACL of the target's subnet lets nothing in",
    ],
)
def test_a_closed_way_stops_it_before_anything_exists(
    sentence: str, scene: Scene, look: Any, capture: Any, control: LabControl
):
    FAULTS[sentence](scene)
    (fault,) = [finding for finding in look(scene) if finding.level == "fail"]
    control.clear_calls()
    with pytest.raises(VpcsharkError) as told:
        capture(scene)
    assert fault.sentence in str(told.value)
    assert fault.command in str(told.value)
    assert len(str(told.value).encode()) < 1024  # Wireshark shows no more
    assert made(control) == []


def test_it_can_be_switched_off(scene: Scene, capture: Any, control: LabControl):
    one_vpc(scene, admitted=False)
    control.clear_calls()
    capture(scene, preflight=False)
    assert "CreateTrafficMirrorSession" in made(control)
    assert not [call for call in control.calls() if call["action"] == "DescribeRouteTables"]


def test_an_open_way_is_asked_about_beside_the_rest(scene: Scene, capture: Any, control: LabControl):
    """No further question of preflight's where nothing hangs on one."""
    one_vpc(scene)
    control.clear_calls()
    capture(scene)
    actions = [call["action"] for call in control.calls()]
    first = next(number for number, action in enumerate(actions) if action.startswith(MADE))
    assert "DescribeSecurityGroups" in actions[:first]
    assert actions[:first].count("DescribeSecurityGroups") == 1
    assert not {"GetManagedPrefixListEntries", "SearchTransitGatewayRoutes", *LAUNCH} & set(actions)


def targets(scene: Scene) -> set[str]:
    """The ENIs that are mirror targets, other tests' too."""
    there = scene.ec2.describe_traffic_mirror_targets()["TrafficMirrorTargets"]
    return {target["NetworkInterfaceId"] for target in there if "NetworkInterfaceId" in target}


def test_the_nearest_host_that_the_frames_reach_is_taken(scene: Scene, capture: Any):
    near, group, _ = near_and_far(scene)
    before, during = targets(scene), set[str]()
    said = capture(scene, lambda: during.update(targets(scene)), host="auto").said
    assert during - before == {scene.target}
    passed_over = [sentence for sentence in said if "is passed over as capture host" in sentence]
    assert len(passed_over) == 1
    assert near in passed_over[0]
    assert group in passed_over[0]


def decoy(scene: Scene) -> str:
    """An instance beside the source that its frames reach, with the tag, which somebody set who may only tag."""
    group = scene.group(scene.source_vpc)
    scene.admit(group, cidr="10.1.0.0/16")
    near, _ = scene.instance(scene.source_subnet, "10.1.1.66", [group])
    scene.ec2.create_tags(Resources=[near], Tags=[{"Key": "vpcshark:capture-host", "Value": ""}])
    return near


def withdraw_offers(scene: Scene) -> None:
    """Capture hosts of earlier tests stand in the same account."""
    tagged = [{"Name": "tag-key", "Values": ["vpcshark:capture-host"]}]
    found = scene.ec2.describe_instances(Filters=tagged)["Reservations"]
    standing = [one["InstanceId"] for reservation in found for one in reservation["Instances"]]
    if standing:
        scene.ec2.delete_tags(Resources=standing, Tags=[{"Key": "vpcshark:capture-host"}])


def test_the_tag_alone_brings_nobody_the_packets(scene: Scene, capture: Any):
    """However near it is: the farther one, which has a profile too, is taken, and introduced with its owner."""
    one_vpc(scene)
    near = decoy(scene)
    scene.tag_as_host(scene.host)
    before, during = targets(scene), set[str]()
    said = capture(scene, lambda: during.update(targets(scene)), host="auto").said
    assert during - before == {scene.target}
    assert any(near in sentence and "anybody may set who may tag" in sentence for sentence in said)
    (introduced,) = {sentence for sentence in said if sentence.startswith("The copies go to ")}
    assert all(word in introduced for word in (scene.host, "of the account 123456789012", "vpcshark-hosts"))


def test_where_only_the_tag_speaks_nothing_is_made(scene: Scene, capture: Any, control: LabControl):
    one_vpc(scene)
    withdraw_offers(scene)
    near = decoy(scene)
    control.clear_calls()
    with pytest.raises(VpcsharkError, match=f"config set hosts.ids {near}"):
        capture(scene, host="auto")
    assert made(control) == []


def test_where_no_host_is_reached_the_nearest_ones_reason_is_told(scene: Scene, capture: Any, control: LabControl):
    _, group, _ = near_and_far(scene, far_is_open=False)
    control.clear_calls()
    with pytest.raises(VpcsharkError, match=f"The capture would stay empty.*{group}"):
        capture(scene, host="auto")
    assert made(control) == []


def test_a_rule_is_opened_at_the_nearest_host_instead_of_going_farther(scene: Scene, capture: Any):
    _, _, eni = near_and_far(scene)
    before, during = targets(scene), set[str]()
    capture(scene, lambda: during.update(targets(scene)), host="auto", open_security_group=True)
    assert during - before == {eni}


def rules(scene: Scene) -> list[dict[str, Any]]:
    """The target's inbound rules, as a fresh look shows them."""
    found = scene.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [scene.target_group]}])
    return [rule for rule in found["SecurityGroupRules"] if not rule["IsEgress"]]


def test_the_one_missing_rule_is_there_for_the_time_of_the_capture(scene: Scene, capture: Any):
    one_vpc(scene, admitted=False)
    other = scene.admit(scene.target_group, "tcp", (22, 22), cidr="10.1.0.0/16")
    seen: list[dict[str, Any]] = []
    capture(scene, lambda: seen.extend(rules(scene)), open_security_group=True)
    (opened,) = [rule for rule in seen if rule["SecurityGroupRuleId"] != other]
    assert (opened["IpProtocol"], opened["FromPort"], opened["ToPort"]) == ("udp", 4789, 4789)
    assert opened["CidrIpv4"] == f"{scene.address}/32"
    assert {tag["Key"]: tag["Value"] for tag in opened["Tags"]}["vpcshark:capture"] == "test-capture"
    assert [rule["SecurityGroupRuleId"] for rule in rules(scene)] == [other]


def test_no_rule_is_added_where_the_source_is_admitted(scene: Scene, capture: Any, control: LabControl):
    one_vpc(scene)
    control.clear_calls()
    capture(scene, open_security_group=True)
    assert "AuthorizeSecurityGroupIngress" not in made(control)


def test_what_else_is_closed_still_stops_it(scene: Scene, capture: Any, control: LabControl):
    FAULTS["the network ACL of the target's subnet lets nothing in"](scene)
    scene.ec2.revoke_security_group_ingress(GroupId=scene.target_group, SecurityGroupRuleIds=[scene.rule])
    control.clear_calls()
    with pytest.raises(VpcsharkError, match="does not let UDP 4789"):
        capture(scene, open_security_group=True)
    assert made(control) == []


def template(scene: Scene) -> str:
    """A launch template of the user's own, whose hosts get the target's group."""
    data = {"ImageId": "ami-12c6146b", "InstanceType": "t3.small", "SecurityGroupIds": [scene.target_group]}
    scene.ec2.create_launch_template(LaunchTemplateName=f"with-{scene.target_group}", LaunchTemplateData=data)
    return f"with-{scene.target_group}"


def test_a_launch_template_whose_groups_admit_no_frames_is_not_used(scene: Scene, capture: Any, control: LabControl):
    one_vpc(scene, admitted=False)
    name = template(scene)
    control.clear_calls()
    with pytest.raises(VpcsharkError, match=f"launch template with-.*authorize.*--group-id {scene.target_group}"):
        capture(scene, host="launch", host_template=name)
    assert [call["action"] for call in control.calls() if call["action"].startswith((*MADE, "Run"))] == []


def test_a_launch_template_whose_groups_admit_the_frames_gets_no_other(scene: Scene, capture: Any, control: LabControl):
    one_vpc(scene)
    name = template(scene)
    control.clear_calls()
    capture(scene, host="launch", host_template=name)
    assert "CreateTrafficMirrorSession" in made(control)
    assert "CreateSecurityGroup" not in made(control)


def test_the_missing_rule_of_a_launch_templates_group_is_opened(scene: Scene, capture: Any):
    one_vpc(scene, admitted=False)
    seen: list[dict[str, Any]] = []
    options = {"host": "launch", "host_template": template(scene), "open_security_group": True}
    capture(scene, lambda: seen.extend(rules(scene)), **options)
    assert [(rule["FromPort"], rule["CidrIpv4"]) for rule in seen] == [(4789, f"{scene.address}/32")]
    assert rules(scene) == []


def refusal(action: str, resource: str) -> dict[str, Any]:
    """What EC2 answers once to who may not do it: first of all to a capture's DryRun."""
    words = (
        f"You are not authorized to perform this operation. User: {ACCOUNT}:user/me is not authorized to perform: "
        f"ec2:{action} on resource: {ACCOUNT}:{resource} because no identity-based policy allows it"
    )
    return {"code": "UnauthorizedOperation", "message": words, "status": 403, "times": 1}


@pytest.mark.parametrize(
    ("action", "made_up"), [("RunInstances", "instance/*"), ("CreateSecurityGroup", "security-group/*")]
)
def test_who_may_not_launch_is_told_before_anything_exists(
    action: str, made_up: str, scene: Scene, capture: Any, control: LabControl
):
    one_vpc(scene)
    control.clear_calls()
    control.add_fault(action, **refusal(action, made_up))
    with pytest.raises(VpcsharkError, match=f"You are not allowed to call ec2:{action}"):
        capture(scene, host="launch")
    control.clear_faults()
    done = [call["action"] for call in control.calls() if call["status"] == 200]
    assert [action for action in done if action.startswith((*MADE, "Run"))] == []


def test_a_refusal_that_hangs_on_what_is_not_there_yet_stops_nobody(scene: Scene, capture: Any, control: LabControl):
    """The policies that we hand out let hosts into groups with our tag alone, and the group is not made yet."""
    one_vpc(scene)
    control.clear_calls()
    control.add_fault("RunInstances", **refusal("RunInstances", "security-group/sg-0123456789abcdef0"))
    capture(scene, host="launch")
    assert "CreateTrafficMirrorSession" in made(control)


def test_a_launch_is_rehearsed_once_before_anything_is_made(scene: Scene, capture: Any, control: LabControl):
    """EC2 answers 412 to what it would have done."""
    one_vpc(scene)
    control.clear_calls()
    capture(scene, host="launch")
    answers = [(call["action"], call["status"]) for call in control.calls()]
    for action in LAUNCH:
        assert [status for one, status in answers if one == action] == [412, 200]
        assert answers.index((action, 412)) < answers.index(("CreateTrafficMirrorFilter", 200))


@pytest.mark.thin(3)
@pytest.mark.parametrize(
    "options", [{"host": "launch", "host_template": "any"}, {"packet_length": 96}, {"host": "auto"}]
)
def test_who_is_refused_is_told_the_command_that_shows_why(
    scene: Scene, capture: Any, endpoint: str, another: Aws, options: dict[str, Any]
):
    """With the options that it hangs on: run as it stands, it gives the same reason."""
    one_vpc(scene, admitted=False)
    scene.tag_as_host(scene.host)
    if "host_template" in options:
        options = {**options, "host_template": template(scene)}
    with pytest.raises(VpcsharkError) as told:
        capture(scene, **options)
    command = told.value.remedy.partition(" shows this")[0].split()
    place = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_ENDPOINT_URL": endpoint}
    environment = {**os.environ, **place, "AWS_REGION": another.region, "AWS_CONFIG_FILE": "/dev/null"}
    shown = subprocess.run(
        [sys.executable, "-m", *command, "--json"], env=environment, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 1, shown.stderr
    assert any(finding["sentence"] in told.value.problem for finding in json.loads(shown.stdout))


def test_a_sweep_finds_the_rule_of_a_dead_capture(scene: Scene, aws: Aws):
    one_vpc(scene, admitted=False)
    mine = {"ResourceType": "security-group-rule", "Tags": [{"Key": "vpcshark:capture", "Value": "dead"}]}
    permission = {"IpProtocol": "udp", "FromPort": 4789, "ToPort": 4789, "IpRanges": [{"CidrIp": "10.1.1.10/32"}]}
    (made,) = scene.ec2.authorize_security_group_ingress(
        GroupId=scene.target_group, IpPermissions=[permission], TagSpecifications=[mine]
    )["SecurityGroupRules"]
    untagged = scene.admit(scene.target_group, cidr="10.1.1.11/32")
    account = MirrorAccount(aws)
    (found,) = [one for one in account.tagged() if one.id == made["SecurityGroupRuleId"]]  # others may have theirs
    assert found.kind == "security-group-rule"
    account.delete(found.kind, found.id)
    account.delete(found.kind, found.id)  # gone is done
    assert [rule["SecurityGroupRuleId"] for rule in rules(scene)] == [untagged]
