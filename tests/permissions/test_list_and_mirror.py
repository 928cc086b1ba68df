"""The shipped policies in force, ARNs and conditions included: all that is needed is allowed, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from iam import actions_of, less

from vpcshark.aws.iam import dry_run, policies

GRANTED = policies.policy(["list", "mirror", "preflight"])
OWN = policies.policy(["list", "mirror"])
BY_TAG = {
    "ec2:CreateTrafficMirrorFilterRule",
    "ec2:ModifyTrafficMirrorFilterNetworkServices",
    "ec2:ModifyTrafficMirrorSession",
    "ec2:DeleteTrafficMirrorFilter",
    "ec2:DeleteTrafficMirrorSession",
    "ec2:DeleteTrafficMirrorTarget",
}


def test_under_the_policies_nothing_is_refused_and_nothing_is_in_excess(work: Any):
    """Listing, preflight's verdict, a capture with a change of filter and a renewal of its lease, clean-up."""
    told = work(GRANTED)
    assert told.judge.refused == []
    assert told.judge.rehearsed == BY_TAG
    assert not any("not allowed" in sentence for sentence in told.shown)
    assert told.shown[-1].startswith("Stopping")
    assert set(actions_of(OWN)) <= told.judge.called <= set(actions_of(GRANTED))


@pytest.mark.thin(12)
@pytest.mark.parametrize("action", actions_of(OWN))
def test_without_an_action_the_user_is_told_which_one_is_missing(work: Any, action: str):
    told = work(less(action, GRANTED))
    assert told.speaks_of(action)


def test_without_preflights_permissions_a_capture_goes_on(work: Any):
    """What clean-up cannot see, it has not made: the rules of security groups and launched hosts."""
    told = work(OWN)
    assert told.judge.called == set(actions_of(OWN))
    assert told.shown[-1].startswith("Stopping")


def test_doctor_calls_nothing_missing_that_is_not(as_user: Any):
    """What goes by the tag of a resource cannot be asked about before there is one."""
    aws, _ = as_user(OWN)
    judged = dict(dry_run.permitted(aws, {"vpcshark:capture": "doctor"}))
    assert set(judged.values()) == {True, None}
    assert {action for action, is_allowed in judged.items() if is_allowed is None} == BY_TAG


def test_doctor_names_a_create_that_is_missing(as_user: Any):
    aws, _ = as_user(less("ec2:CreateTrafficMirrorTarget", OWN))
    judged = dict(dry_run.permitted(aws, {"vpcshark:capture": "doctor"}))
    assert [action for action, is_allowed in judged.items() if is_allowed is False] == ["ec2:CreateTrafficMirrorTarget"]
