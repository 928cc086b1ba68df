"""The shipped policies in force, ARNs and conditions included: all that is needed is allowed, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from iam import actions_of, less

from vpcshark.aws import policies

GRANTED = policies.policy(["list", "mirror", "preflight"])
OWN = policies.policy(["list", "mirror"])


def test_under_the_policies_nothing_is_refused_and_nothing_is_in_excess(work: Any):
    """Listing, preflight's verdict, a capture with a change of filter and a renewal of its lease, clean-up."""
    told = work(GRANTED)
    assert told.refused_for_real() == []
    assert told.shown[-1].startswith("Stopping")
    assert set(actions_of(OWN)) <= told.judge.called <= set(actions_of(GRANTED))


@pytest.mark.parametrize("action", actions_of(OWN))
def test_without_an_action_the_user_is_told_which_one_is_missing(work: Any, action: str):
    told = work(less(action, GRANTED))
    assert told.speaks_of(action)


def test_without_preflights_permissions_a_capture_goes_on(work: Any):
    """What clean-up cannot see, it has not made: the rules of security groups and launched hosts."""
    told = work(OWN)
    assert told.judge.called == set(actions_of(OWN))
    assert told.shown[-1].startswith("Stopping")
