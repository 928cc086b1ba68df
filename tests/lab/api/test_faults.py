"""Faults on demand, and the log of calls."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError


def test_an_error_code_is_answered_and_nothing_done(api: Any, ec2: Any) -> None:
    """For the actions that match as a whole, with the status that was asked for."""
    api.control.add_fault("CreateTrafficMirror.*", code="UnauthorizedOperation", message="No.", status=403)
    before = ec2.describe_traffic_mirror_filters()["TrafficMirrorFilters"]
    with pytest.raises(ClientError) as caught:
        ec2.create_traffic_mirror_filter()
    assert caught.value.response["Error"] == {"Code": "UnauthorizedOperation", "Message": "No."}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert ec2.describe_traffic_mirror_filters()["TrafficMirrorFilters"] == before


def test_skip_and_times_count_calls(api: Any, ec2: Any) -> None:
    """One is let through, two are hit, then all is well."""
    api.control.add_fault("DescribeVpcs", code="InternalError", status=500, skip=1, times=2)
    outcomes = []
    for _ in range(4):
        try:
            ec2.describe_vpcs()
            outcomes.append("well")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
    assert outcomes == ["well", "InternalError", "InternalError", "well"]


def test_throttling_is_what_botocore_retries(api: Any) -> None:
    """A client with three attempts survives one RequestLimitExceeded."""
    api.control.throttle("DescribeVpcs", times=1)
    answer = api.client(attempts=3).describe_vpcs()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_lost_reply_was_performed(api: Any, ec2: Any) -> None:
    """The filter is there although nobody heard of it."""
    api.control.lose_reply("CreateTrafficMirrorFilter")
    with pytest.raises(ConnectionClosedError):
        ec2.create_traffic_mirror_filter(Description="lost")
    wanted = [{"Name": "description", "Values": ["lost"]}]
    assert len(ec2.describe_traffic_mirror_filters(Filters=wanted)["TrafficMirrorFilters"]) == 1


def test_a_retry_after_a_lost_reply_makes_no_second(api: Any, ec2: Any) -> None:
    """botocore repeats the call with the same token."""
    api.control.lose_reply("CreateTrafficMirrorFilter")
    made = api.client(attempts=3).create_traffic_mirror_filter(Description="lost twice")["TrafficMirrorFilter"]
    wanted = [{"Name": "description", "Values": ["lost twice"]}]
    found = ec2.describe_traffic_mirror_filters(Filters=wanted)["TrafficMirrorFilters"]
    assert [item["TrafficMirrorFilterId"] for item in found] == [made["TrafficMirrorFilterId"]]


def test_a_delay_holds_one_call_and_not_others(api: Any, together: Callable[..., None]) -> None:
    """The log shows when each began and ended, on one clock."""
    api.control.add_fault("DescribeVpcs", delay=0.5)
    together(api.client().describe_vpcs, api.client().describe_subnets)
    calls = {call["action"]: call for call in api.control.calls()}
    assert calls["DescribeVpcs"]["end"] - calls["DescribeVpcs"]["start"] >= 0.5
    assert calls["DescribeSubnets"]["end"] < calls["DescribeVpcs"]["end"]


def test_the_log_tells_every_call(api: Any, ec2: Any) -> None:
    """Service, action and status; a lost reply has none; control itself is no call."""
    api.control.clear_calls()
    api.control.lose_reply("DescribeVpcs")
    with pytest.raises(ConnectionClosedError):
        ec2.describe_vpcs()
    api.client("sts").get_caller_identity()
    told = [(call["service"], call["action"], call["status"]) for call in api.control.calls()]
    assert told == [("ec2", "DescribeVpcs", 0), ("sts", "GetCallerIdentity", 200)]


@pytest.mark.parametrize(
    ("service", "operation", "action", "parameters"),
    [
        ("sts", "get_caller_identity", "GetCallerIdentity", {}),
        ("ssm", "get_parameter", "GetParameter", {"Name": "/x"}),
        ("iam", "list_users", "ListUsers", {}),
    ],
)
def test_errors_speak_the_protocol_of_the_service(
    api: Any, service: str, operation: str, action: str, parameters: dict[str, str]
) -> None:
    """EC2 is not the only one that can fail."""
    api.control.add_fault(action, code="Nope", message="Not now.")
    with pytest.raises(ClientError) as caught:
        getattr(api.client(service), operation)(**parameters)
    assert caught.value.response["Error"]["Code"] == "Nope"
    assert caught.value.response["Error"]["Message"] == "Not now."


def test_iam_can_be_enforced(api: Any) -> None:
    """A key that nobody made is then refused."""
    api.control.enforce_iam(is_on=True)
    with pytest.raises(ClientError, match="AuthFailure"):
        api.client(key=("AKIAUNKNOWN", "x")).describe_vpcs()


def test_faults_can_be_seen_and_cleared(api: Any, ec2: Any) -> None:
    """They count down in sight."""
    api.control.throttle("DescribeVpcs", times=2)
    with pytest.raises(ClientError):
        ec2.describe_vpcs()
    assert [(fault["action"], fault["times"]) for fault in api.control.faults()] == [("DescribeVpcs", 1)]
    api.control.clear_faults()
    assert ec2.describe_vpcs()["Vpcs"]


def test_a_fault_can_choose_its_caller(api: Any) -> None:
    """Several captures share a lab: each has its own accidents, and its own calls in the log."""
    api.control.clear_calls()
    api.control.add_fault("DescribeVpcs", code="InternalError", status=500, caller="AKIAONE", times=1)
    assert api.client(key=("AKIATWO", "x")).describe_vpcs()["Vpcs"]
    with pytest.raises(ClientError, match="InternalError"):
        api.client(key=("AKIAONE", "x")).describe_vpcs()
    assert [call["status"] for call in api.control.calls("AKIAONE")] == [500]
    assert [fault["count"] for fault in api.control.faults("AKIAONE")] == [1]
    api.control.clear_faults("AKIAONE")
    assert api.control.faults() == []


def test_a_fault_can_signal_the_caller(api: Any) -> None:
    """Just before the call is performed, or just after."""
    for is_after in (False, True):
        with subprocess.Popen(["sleep", "60"]) as process:
            api.control.add_fault("DescribeVpcs", process=process.pid, signal=15, signal_after=is_after, times=1)
            api.client().describe_vpcs()
            assert process.wait(180) == -15
    api.control.clear_faults()


def test_a_fault_can_spread_to_every_call(api: Any) -> None:
    """Credentials that expire at one call are expired for all that follow."""
    api.control.add_fault("DescribeVpcs", code="ExpiredToken", status=403, spreads=True)
    assert api.client().describe_subnets()
    for call in (api.client().describe_vpcs, api.client().describe_subnets):
        with pytest.raises(ClientError, match="ExpiredToken"):
            call()
    api.control.clear_faults()


def test_a_bucket_lets_so_many_through_and_refills(api: Any, ec2: Any) -> None:
    """As EC2 throttles: the burst passes, what comes beyond it is refused until some time has gone by."""
    api.control.limit("DescribeVpcs", bucket=2, refill=0.001)
    outcomes = []
    for _ in range(4):
        try:
            ec2.describe_vpcs()
            outcomes.append("well")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
    assert outcomes == ["well", "well", "RequestLimitExceeded", "RequestLimitExceeded"]
    api.control.clear_faults()
    api.control.limit("DescribeVpcs", bucket=1, refill=1e6)
    assert [ec2.describe_vpcs()["ResponseMetadata"]["HTTPStatusCode"] for _ in range(3)] == [200] * 3
