"""A second look at a silent mirror, under the policies: what has changed, what is lost, what may not be asked."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from iam import less
from scenes import Scene, one_vpc

from vpcshark.aws.client import Aws
from vpcshark.aws.iam import policies
from vpcshark.aws.inventory import interfaces
from vpcshark.capture.contract.frame_stream import Arrived
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.mirror import path_check
from vpcshark.capture.mirror.host_choice import host_of
from vpcshark.capture.mirror.silence_check import SecondLook
from vpcshark.capture.mirror.source_choice import Source
from vpcshark.capture.mirror.surroundings import Surroundings
from vpcshark.clock import SystemClock
from vpcshark.survey import picturing

GRANTED = policies.policy(["list", "mirror", "preflight", "counters"])


@pytest.fixture
def scene(new_scene: Callable[[], Scene]) -> Scene:
    """One that the test may break."""
    return one_vpc(new_scene())


@pytest.fixture
def second(as_user: Any, scene: Scene) -> Callable[..., tuple[SecondLook, Any]]:
    """``second(document)``: a look at a capture of the scene that has begun with all in order; and the judge."""

    def begin(
        document: Any = GRANTED, made: dict[str, str] | None = None, *, preflight_ran: bool = True
    ) -> tuple[SecondLook, Any]:
        aws: Aws
        aws, judge = as_user(document)
        enis = {eni.id: eni for eni in interfaces.list_enis(aws.ec2)}
        source = enis[scene.source]
        target = next(eni for eni in enis.values() if eni.instance == scene.host)
        (told,) = path_check.verdicts(aws, picturing.survey(aws), [source], path_check.Way(target))
        context = SimpleNamespace(options=CaptureOptions(), maker=SimpleNamespace(made=made or {}), clock=SystemClock())
        around = Surroundings([Source(0, source, 77, False)], [], host_of(target), {})
        return SecondLook(context, aws, around, {source.id: told} if preflight_ran else {}, SystemClock().now()), judge

    return begin


def test_where_nothing_has_changed_nothing_is_found(second: Any):
    """And nothing that the policies refuse was asked."""
    look, judge = second()
    facts = look.facts(Arrived(), "tcp")
    assert (facts.new, facts.lost, facts.unseen, facts.counted) == ([], [], [], [])
    assert (facts.vnis, facts.capture_filter) == ([77], "tcp")
    assert judge.refused == []


def test_a_rule_that_is_gone_since_is_new(second: Any, scene: Scene):
    look, _ = second()
    was = scene.ec2.describe_security_groups(GroupIds=[scene.target_group])["SecurityGroups"][0]["IpPermissions"]
    scene.ec2.revoke_security_group_ingress(GroupId=scene.target_group, IpPermissions=was)
    (finding,) = look.facts(Arrived(), "").new
    assert (finding.check, finding.level, finding.resource) == ("group", "fail", scene.target_group)
    assert "authorize-security-group-ingress" in finding.command


def test_what_was_closed_before_is_no_news(second: Any, scene: Scene):
    """With --no-preflight it is found now; with preflight it stood already."""
    was = scene.ec2.describe_security_groups(GroupIds=[scene.target_group])["SecurityGroups"][0]["IpPermissions"]
    scene.ec2.revoke_security_group_ingress(GroupId=scene.target_group, IpPermissions=was)
    look, _ = second()
    facts = look.facts(Arrived(), "")
    assert facts.new == []
    assert [finding.check for finding in facts.standing] == ["group"]
    look, _ = second(preflight_ran=False)
    facts = look.facts(Arrived(), "")
    assert ([finding.check for finding in facts.new], facts.is_compared) == (["group"], False)


def test_a_session_that_is_gone_is_lost(second: Any):
    look, _ = second(made={"tms-0123456789abcdef0": "session", "tmf-0123456789abcdef0": "filter"})
    assert look.facts(Arrived(), "").lost == ["tms-0123456789abcdef0"]


def test_a_host_that_is_gone_is_new(second: Any, scene: Scene):
    look, _ = second()
    scene.ec2.stop_instances(InstanceIds=[scene.host])
    found = look.facts(Arrived(), "").new
    assert [(finding.check, finding.resource) for finding in found] == [("target", scene.host)]
    scene.ec2.start_instances(InstanceIds=[scene.host])


@pytest.mark.parametrize("action", ["cloudwatch:GetMetricData", "ec2:DescribeTrafficMirrorSessions"])
def test_what_may_not_be_asked_is_said_and_the_rest_is_told(second: Any, action: str):
    look, _ = second(less(action, GRANTED))
    facts = look.facts(Arrived(), "")
    assert any(action in sentence for sentence in facts.unseen)
    assert facts.lost == []
    assert look.still() == []
