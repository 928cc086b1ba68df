"""The shipped policies in force, ARNs and conditions included: all that is needed is allowed, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from vpcshark.aws import policies

GRANTED = ["list", "mirror", "preflight"]


def actions_of(*features: str) -> list[str]:
    """All actions of these features' policies."""
    said = [statement["Action"] for statement in policies.policy(features)["Statement"]]
    return sorted({action for one in said for action in ([one] if isinstance(one, str) else one)})


def without(action: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The policy, less one action."""
    statements = []
    for statement in document["Statement"]:
        said = statement["Action"]
        left = [one for one in ([said] if isinstance(said, str) else said) if one != action]
        if left:
            statements.append({**statement, "Action": left})
    return {**document, "Statement": statements}


def test_under_the_policies_nothing_is_refused_and_nothing_is_in_excess(work: Any):
    """Listing, preflight's verdict, a capture with a change of filter and a renewal of its lease, clean-up."""
    told = work(policies.policy(GRANTED))
    assert told.refused_for_real() == []
    assert told.shown[-1].startswith("Stopping")
    assert set(actions_of("list", "mirror")) <= told.judge.called <= set(actions_of(*GRANTED))


@pytest.mark.parametrize("action", actions_of("list", "mirror"))
def test_without_an_action_the_user_is_told_which_one_is_missing(work: Any, action: str):
    told = work(without(action, policies.policy(GRANTED)))
    assert told.speaks_of(action)


def test_without_preflights_permissions_a_capture_goes_on(work: Any):
    """What clean-up cannot see, it has not made: the rules of security groups and launched hosts."""
    told = work(policies.policy(["list", "mirror"]))
    assert told.judge.called == set(actions_of("list", "mirror"))
    assert told.shown[-1].startswith("Stopping")
