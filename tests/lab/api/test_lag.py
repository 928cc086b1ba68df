"""EC2's eventual consistency in the lab: how late what is seen, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from sessions import session

from vpcshark.lab.api.lag import Lag
from vpcshark.lab.api.switches import PROFILES, SWITCHES


@pytest.fixture
def aws_like() -> Iterator[None]:
    """The profile, while the test runs."""
    SWITCHES.set(**PROFILES["aws-like"])
    yield
    SWITCHES.reset()


def late(lag: Lag, question: str, *arguments: str) -> Any:
    """What somebody is told who sees the account late."""
    with lag.seen_by("Boto3 vpcshark/1.0"):
        return getattr(lag, question)(*arguments)


@pytest.mark.usefixtures("aws_like")
def test_what_is_made_is_seen_within_the_bounds(clock: Any) -> None:
    """Not at once, and for sure after the longest time; its tags no earlier than itself."""
    lag = Lag(clock.monotonic, seed=1)
    lag.born("tmf-1")
    assert not late(lag, "is_known", "tmf-1")
    assert not late(lag, "is_shown", "tmf-1")
    seen_without_tags = False
    while not late(lag, "has_tags", "tmf-1"):
        seen_without_tags = seen_without_tags or late(lag, "is_shown", "tmf-1")
        clock.sleep(0.05)
    assert late(lag, "is_shown", "tmf-1")
    assert seen_without_tags
    assert sum(clock.slept) <= SWITCHES.late_show + SWITCHES.late_tags + 0.05


@pytest.mark.usefixtures("aws_like")
def test_what_is_deleted_is_shown_for_a_while(clock: Any) -> None:
    """By its record; then no more."""
    lag = Lag(clock.monotonic, seed=1)
    lag.gone("tmf-1", {"TrafficMirrorFilterId": "tmf-1"})
    assert late(lag, "ghosts", "tmf") == [{"TrafficMirrorFilterId": "tmf-1"}]
    assert late(lag, "ghosts", "tmfr") == []
    clock.sleep(SWITCHES.late_gone)
    assert late(lag, "ghosts", "tmf") == []


@pytest.mark.usefixtures("aws_like")
def test_a_judge_sees_the_account_as_it_is(clock: Any) -> None:
    """Only who is named sees it late."""
    lag = Lag(clock.monotonic)
    lag.born("tmf-1")
    lag.gone("tmf-2", {})
    with lag.seen_by("aws-cli/2"):
        assert lag.is_known("tmf-1")
        assert lag.is_shown("tmf-1")
        assert lag.ghosts("tmf") == []


@pytest.mark.usefixtures("aws_like")
@pytest.mark.parametrize("kind", ["filter", "group"])
def test_the_api_knows_late_what_it_made(api: Any, mirroring: Any, kind: str) -> None:
    """A call that comes at once may be told that there is no such thing, then no more."""
    late_client = session("lab", "lab", "us-east-1").client(
        "ec2", endpoint_url=api.endpoint, config=Config(user_agent_extra="vpcshark/test")
    )
    refusals = set()
    for number in range(20):
        try:
            if kind == "filter":
                late_client.delete_traffic_mirror_filter(TrafficMirrorFilterId=mirroring.filter())
            else:
                made = mirroring.ec2.create_security_group(GroupName=f"late-{number}", Description="x")
                late_client.delete_security_group(GroupId=made["GroupId"])
        except ClientError as error:
            refusals.add(error.response["Error"]["Code"])
    expected = {"filter": "InvalidTrafficMirrorFilterId.NotFound", "group": "InvalidGroup.NotFound"}[kind]
    assert refusals == {expected}
