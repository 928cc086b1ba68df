"""Preflight under the shipped policies: it asks for what they allow, and says what it could not ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from faults import FAULTS
from iam import actions_of, less
from scenes import Scene
from sound import SOUND

from vpcshark.aws.iam import policies
from vpcshark.capture.contract.host import parse
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.mirror import path_check
from vpcshark.errors import VpcsharkError

GRANTED = policies.policy(["list", "mirror", "preflight"])
PREFLIGHT = actions_of(policies.policy(["preflight"]))
NETWORKS = (
    "two peered VPCs",
    "a route by a prefix list to a transit gateway whose routes are propagated",
    "a security group that admits a prefix list with the source",
    "a load balancer with a healthy host",
    "an endpoint of a Gateway Load Balancer",
    "the security group admits the neighbour's address",
    "the source's attachment has no subnet in the source's zone",
)
UNNAMED = {  # actions that are missed, but that no finding names: what is different without them
    "ec2:DescribeInstanceTypes": "no note on bandwidth",
    "ec2:DescribeSecurityGroupRules": "the rule that falls short is not named by its id",
}


@pytest.fixture(scope="module")
def networks(new_scene: Callable[[], Scene]) -> dict[str, Scene]:
    """Between them they make preflight ask for all it knows of."""
    built = {}
    for sentence in NETWORKS:
        built[sentence] = new_scene()
        {**SOUND, **FAULTS}[sentence](built[sentence])
    return built


@pytest.fixture(scope="module")
def look(as_user: Any) -> Callable[..., tuple[list[str], set[str]]]:
    """(what preflight of a network says under a policy, the actions that it called)."""

    def findings(scene: Scene, document: Mapping[str, Any]) -> tuple[list[str], set[str]]:
        aws, judge = as_user(document)
        try:
            found = path_check.findings(
                aws, scene.source, CaptureOptions(host=parse(scene.host)), lambda address, mac: False
            )
        except VpcsharkError as error:
            return [str(error)], judge.called
        return [f"{one.level}: {one.sentence} {one.rule}" for one in found], judge.called

    return findings


@pytest.fixture(scope="module")
def all_allowed(networks: dict[str, Scene], look: Any) -> dict[str, tuple[list[str], set[str]]]:
    """The same of each network under the whole policies."""
    return {sentence: look(scene, GRANTED) for sentence, scene in networks.items()}


@pytest.mark.long
def test_every_action_of_preflight_is_called(all_allowed: Mapping[str, tuple[list[str], set[str]]]):
    called = {action for _, actions in all_allowed.values() for action in actions}
    assert set(PREFLIGHT) <= called <= set(actions_of(GRANTED))


@pytest.mark.thin(24)
@pytest.mark.parametrize("action", PREFLIGHT)
def test_without_an_action_preflight_says_what_it_does_not_know(
    action: str, networks: dict[str, Scene], look: Any, all_allowed: Any
):
    lost, is_named = False, False
    for sentence in [name for name in NETWORKS if action in all_allowed[name][1]]:
        before = all_allowed[sentence][0]
        said, _ = look(networks[sentence], less(action, GRANTED))
        lost |= bool(set(before) - set(said))
        is_named |= any(action in line for line in set(said) - set(before))
        if lost and (is_named or action in UNNAMED):
            break
    assert lost
    assert is_named == (action not in UNNAMED)


@pytest.mark.thin(4)
@pytest.mark.parametrize("action", actions_of(policies.policy(["list", "mirror"])))
def test_every_action_of_a_capture_is_named_where_it_is_missing(action: str, networks: dict[str, Scene], look: Any):
    """By a finding, or among what DryRun cannot judge where the policies go by tags."""
    said, _ = look(networks["two peered VPCs"], less(action, GRANTED))
    assert any(action in line for line in said)
