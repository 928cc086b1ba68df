"""The three mirror resources, on an API that has EC2's rules and error codes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from vpcshark.aws import kinds
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import is_gone, is_in_use, is_refusal, is_target_already, is_throttle
from vpcshark.aws.mirroring import existing, resources
from vpcshark.aws.mirroring.resources import MirrorSession
from vpcshark.errors import AwsError

TAGS = {"vpcshark:capture": "c-1", "vpcshark:owner": "alice@laptop", "vpcshark:expires": "2030-01-01T00:00:00Z"}


def token() -> str:
    """A ClientToken that was never used."""
    return str(uuid.uuid4())


@pytest.fixture
def built(ec2: Ec2, enis: dict[str, Any]) -> Callable[..., MirrorSession]:
    """``built(number=…, tags=…)`` makes target (once), filter and a session of web-1's eth0."""
    target = resources.create_target(ec2, enis["this-machine eth0"]["id"], TAGS, token())
    source = enis["web-1 eth0"]["id"]

    def build(number: int = 1, tags: dict[str, str] = TAGS, **more: Any) -> MirrorSession:
        filter_id = resources.create_filter(ec2, tags, token())
        return resources.create_session(
            ec2, source=source, target=target, filter_id=filter_id, number=number, tags=tags, token=token(), **more
        )

    return build


def test_a_session_has_what_was_asked_for(ec2: Ec2, built: Callable[..., MirrorSession]) -> None:
    """VNI, number, length, description and tags reach EC2, and the answer says so."""
    made = built(number=7, vni=777, packet_length=128, description="for alice")
    assert (made.number, made.vni, made.packet_length, made.description) == (7, 777, 128, "for alice")
    assert made.tags == TAGS
    assert resources.sessions_of(ec2, made.source) == [made]


def test_ec2_chooses_a_vni_where_none_is_given(built: Callable[..., MirrorSession]) -> None:
    """The session's VNI is in its answer, within 24 bits."""
    assert 0 <= built().vni < 1 << 24


def test_all_three_bear_the_tags_from_the_start(ec2: Ec2, built: Callable[..., MirrorSession]) -> None:
    """Everything of a capture is found again by tag, sessions first."""
    made = built()
    found = kinds.tagged(ec2, kinds.MIRRORING, "vpcshark:capture")
    assert [(tagged.kind, tagged.id) for tagged in found] == [
        ("session", made.id),
        ("filter", made.filter),
        ("target", made.target),
    ]
    assert all(tagged.tags == TAGS for tagged in found)


def test_resources_without_our_tag_are_not_found(ec2: Ec2, built: Callable[..., MirrorSession]) -> None:
    """Somebody else's session and filter are never listed, so never touched."""
    built(tags={"Name": "of another team"})
    assert [tagged.kind for tagged in kinds.tagged(ec2, kinds.MIRRORING, "vpcshark:capture")] == ["target"]


def test_the_same_token_makes_one_filter(ec2: Ec2) -> None:
    """A create whose answer was lost can be repeated."""
    once = token()
    assert resources.create_filter(ec2, TAGS, once) == resources.create_filter(ec2, TAGS, once)


def test_a_lost_reply_makes_no_second_target(
    ec2: Ec2, enis: dict[str, Any], fault: Callable[..., None], calls: Callable[[], list[str]]
) -> None:
    """The call is repeated with the same token after the connection broke."""
    fault(action="CreateTrafficMirrorTarget", lost_reply=True, times=1)
    made = resources.create_target(ec2, enis["this-machine eth0"]["id"], TAGS, token())
    assert calls().count("CreateTrafficMirrorTarget") == 2
    assert [tagged.id for tagged in kinds.tagged(ec2, kinds.MIRRORING, "vpcshark:capture")] == [made]


def test_the_rules_for_all_traffic_are_four(ec2: Any) -> None:
    """IPv4 and IPv6, in both directions, all accepted, and the resolver's traffic too."""
    filter_id = resources.create_filter(ec2, TAGS, token())
    resources.create_rules(ec2, filter_id, resources.ALL_TRAFFIC)
    resources.allow_dns(ec2, filter_id)
    shown = ec2.describe_traffic_mirror_filters(TrafficMirrorFilterIds=[filter_id])["TrafficMirrorFilters"][0]
    rules = shown["IngressFilterRules"] + shown["EgressFilterRules"]
    assert {
        (r["TrafficDirection"], r["SourceCidrBlock"], r["DestinationCidrBlock"], r["RuleAction"]) for r in rules
    } == {(direction, block, block, "accept") for direction in ("ingress", "egress") for block in ("0.0.0.0/0", "::/0")}
    assert shown["NetworkServices"] == ["amazon-dns"]


def test_a_rule_says_all_that_it_holds(ec2: Any) -> None:
    """Protocol, ports, blocks, action and number reach EC2."""
    filter_id = resources.create_filter(ec2, TAGS, token())
    rule = resources.Rule(5, "egress", "reject", 6, "10.1.0.0/16", "10.2.0.0/16", (1024, 65535), (443, 443))
    resources.create_rules(ec2, filter_id, [rule])
    shown = ec2.describe_traffic_mirror_filters(TrafficMirrorFilterIds=[filter_id])["TrafficMirrorFilters"][0]
    [found] = shown["EgressFilterRules"]
    assert {key: found[key] for key in rule.as_parameters()} == rule.as_parameters()


def test_deleting_twice_is_done(ec2: Ec2, built: Callable[..., MirrorSession]) -> None:
    """What is gone needs no deleting: no error, whoever was first."""
    made = built()
    for _ in range(2):
        kinds.delete(ec2, "session", made.id)
        kinds.delete(ec2, "filter", made.filter)
        kinds.delete(ec2, "target", made.target)
    assert kinds.tagged(ec2, kinds.MIRRORING, "vpcshark:capture") == []


@pytest.mark.parametrize("kind", ["filter", "target"])
def test_what_a_session_holds_is_in_use(ec2: Ec2, built: Callable[..., MirrorSession], kind: str) -> None:
    """Deleting it too early is an error that says: later."""
    made = built()
    with pytest.raises(AwsError) as caught:
        kinds.delete(ec2, kind, getattr(made, kind))
    assert is_in_use(caught.value)
    assert not is_gone(caught.value)


def test_a_resource_that_ec2_does_not_know_yet_is_waited_for(ec2: Ec2, fault: Callable[..., None], clock: Any) -> None:
    """EC2 is eventually consistent: right after a create, NotFound means: not everywhere yet."""
    filter_id = resources.create_filter(ec2, TAGS, token())
    fault(action="ModifyTrafficMirrorFilterNetworkServices", code="InvalidTrafficMirrorFilterId.NotFound", times=3)
    resources.allow_dns(ec2, filter_id, clock=clock)
    assert clock.slept == [resources.SETTLE_PAUSE] * 3


def test_a_resource_that_never_appears_is_an_error(ec2: Ec2, clock: Any) -> None:
    """After a few seconds the error is believed."""
    with pytest.raises(AwsError) as caught:
        resources.allow_dns(ec2, "tmf-00000000000000000", clock=clock)
    assert is_gone(caught.value)
    assert sum(clock.slept) == pytest.approx(resources.SETTLE_TIME, abs=resources.SETTLE_PAUSE)


def test_what_is_a_target_already_is_told_and_the_target_is_found(ec2: Ec2, enis: dict[str, Any]) -> None:
    """An interface is one target at most."""
    eni = enis["this-machine eth0"]["id"]
    assert existing.target_of(ec2, eni) is None
    made = resources.create_target(ec2, eni, TAGS, token(), description="vpcshark c-1: x")
    with pytest.raises(AwsError) as caught:
        resources.create_target(ec2, eni, TAGS, token())
    assert is_target_already(caught.value)
    found = existing.target_of(ec2, eni)
    assert found is not None
    assert (found.id, found.description, dict(found.tags)) == (made, "vpcshark c-1: x", TAGS)


def test_a_throttled_call_is_known_as_such(ec2: Ec2, fault: Callable[..., None]) -> None:
    """Too many requests, also after boto3's own repeats: the caller may try later."""
    fault(action="DeleteTrafficMirrorFilter", code="RequestLimitExceeded", status=503)
    with pytest.raises(AwsError) as caught:
        kinds.delete(ec2, kinds.FILTER, "tmf-00000000000000000")
    assert is_throttle(caught.value)


def test_the_lowest_free_number_is_taken() -> None:
    """Gaps are used first."""
    assert resources.free_number([]) == 1
    assert resources.free_number([MirrorSession("tms-1", 0, 1), MirrorSession("tms-2", 0, 3)]) == 2


def test_a_full_source_names_who_holds_its_sessions(ec2: Ec2, built: Callable[..., MirrorSession]) -> None:
    """Three sessions are all that AWS allows; the message says whose they are."""
    made = [built(1), built(2, {"Name": "ids"}), built(3, {}, description="of the auditors")]
    with pytest.raises(AwsError) as caught:
        resources.free_number(resources.sessions_of(ec2, made[0].source))
    for part in (made[0].source, f"{made[0].id} of alice@laptop (vpcshark)", '"ids"', '"of the auditors"'):
        assert part in caught.value.problem
    assert caught.value.code == "TrafficMirrorSessionsPerInterfaceLimitExceeded"


def test_a_number_that_is_taken_is_refused_and_the_sessions_say_who_has_it(
    built: Callable[..., MirrorSession], ec2: Ec2
) -> None:
    """Two captures that start together may both have found the same number free. AWS has no code for it, and its words
    are not known: only the list tells."""
    made = built(1)
    with pytest.raises(AwsError) as caught:
        resources.create_session(
            ec2,
            source=made.source,
            target=made.target,
            filter_id=made.filter,
            number=1,
            tags=TAGS,
            token=token(),
        )
    assert is_refusal(caught.value)
    assert [session.number for session in resources.sessions_of(ec2, made.source)] == [1]


@pytest.mark.parametrize(
    "code",
    [
        "InvalidTrafficMirrorFilterNotFound",
        "InvalidTrafficMirrorTargetNoFound",
        "InvalidTrafficMirrorSessionNotFound",
        "InvalidTrafficMirrorFilterRuleNotFound",
        "InvalidTrafficMirrorFilterId.NotFound",
        "InvalidTrafficMirrorTargetId.NotFound",
        "InvalidTrafficMirrorSessionId.NotFound",
        "InvalidTrafficMirrorFilterRuleId.NotFound",
    ],
)
def test_both_families_of_codes_mean_gone(code: str) -> None:
    """EC2's documentation and its wire disagree; we take both at their word."""
    assert is_gone(AwsError("", code=code))
    assert not is_gone(AwsError("", code="InvalidNetworkInterfaceID.NotFound"))


def test_a_session_needs_eight_calls(ec2: Ec2, enis: dict[str, Any], calls: Callable[[], list[str]]) -> None:
    """Target, filter, four rules, DNS and session: nothing is asked twice."""
    target = resources.create_target(ec2, enis["this-machine eth0"]["id"], TAGS, token())
    filter_id = resources.create_filter(ec2, TAGS, token())
    resources.create_rules(ec2, filter_id, resources.ALL_TRAFFIC)
    resources.allow_dns(ec2, filter_id)
    source = enis["db-1 eth0"]["id"]
    resources.create_session(ec2, source=source, target=target, filter_id=filter_id, number=1, tags=TAGS, token=token())
    assert len(calls()) == 8
