"""Signing in: what a boto3 user expects, and a sentence for each way in which it fails."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from pace import pace

from vpcshark import threads
from vpcshark.aws.client import NEVER_SENT, Aws, connect
from vpcshark.aws.errors import is_refusal, is_unreachable, is_unsent
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.mirroring import resources
from vpcshark.aws.paging import largest_page, pages
from vpcshark.errors import AwsError

SSO = """
[profile work]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Developer
region = eu-central-1
[sso-session corp]
sso_start_url = https://example.invalid/start
sso_region = eu-central-1
"""


def failure(**how: str) -> AwsError:
    """The error of a connect that must not succeed, told within three seconds, on a machine that is not busy."""
    with pace() as now:
        started = time.monotonic()
        with pytest.raises(AwsError) as caught:
            connect(**how)
        seconds = time.monotonic() - started
    assert seconds < now.allows(3)
    return caught.value


def without_keys(environment: pytest.MonkeyPatch) -> None:
    """A user who has not signed in."""
    environment.delenv("AWS_ACCESS_KEY_ID")
    environment.delenv("AWS_SECRET_ACCESS_KEY")


def test_the_modules_do_not_import_boto3() -> None:
    """Half a second of import happens in connect, beside other work, and not before."""
    code = (
        "import sys, vpcshark.aws.client, vpcshark.aws.errors, vpcshark.aws.compute.capture_hosts;"
        "import vpcshark.aws.inventory.interfaces;"
        "import vpcshark.aws.mirroring.resources; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_region_may_come_from_anywhere(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Argument before environment before shared config."""
    (tmp_path / "config").write_text("[default]\nregion = ap-south-1\n[profile two]\nregion = us-west-2\n")
    assert connect().region == "ap-south-1"
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert connect().region == "eu-west-1"
    environment.setenv("AWS_REGION", "eu-north-1")
    assert connect().region == "eu-north-1"
    assert connect(region="us-east-2").region == "us-east-2"


def test_the_profile_is_known_by_name(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For messages; from the argument or the environment."""
    without_keys(environment)
    keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n"
    (tmp_path / "config").write_text(f"[profile two]\nregion = us-west-2\n{keys}")
    assert connect(profile="two").profile == "two"
    environment.setenv("AWS_PROFILE", "two")
    assert (connect().profile, connect().region) == ("two", "us-west-2")


def test_clients_are_made_once_also_by_many_threads(aws: Aws) -> None:
    """One client per service, whoever asks first."""
    with ThreadPoolExecutor(8) as pool:
        assert len({id(client) for client in pool.map(lambda _: aws.ec2, range(16))}) == 1
    assert aws.sts.meta.service_model.service_name == "sts"
    assert aws.ssm.meta.service_model.service_name == "ssm"


def test_the_clients_hurry_and_say_who_they_are(aws: Any) -> None:
    """Time-outs for a person who waits; a name in CloudTrail."""
    config = aws.ec2.meta.config
    assert (config.connect_timeout, config.read_timeout, config.tcp_keepalive) == (3.0, 10.0, True)
    assert config.retries == {"mode": "standard", "total_max_attempts": 4}
    assert "vpcshark/" in config.user_agent_extra


def test_no_credentials_are_told(environment: pytest.MonkeyPatch) -> None:
    """With both ways to get some."""
    without_keys(environment)
    error = failure(region="eu-central-1")
    assert error.problem == "No AWS credentials were found."
    assert "aws configure" in error.remedy
    assert "aws sso login" in error.remedy


def test_an_unknown_profile_is_told(environment: pytest.MonkeyPatch) -> None:
    """By its name."""
    assert failure(profile="nobody", region="eu-central-1").problem == 'There is no AWS profile "nobody".'


def test_a_profile_without_credentials_is_named(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The remedy can be typed as it stands."""
    without_keys(environment)
    (tmp_path / "config").write_text("[profile two]\nregion = eu-central-1\n")
    error = failure(profile="two")
    assert error.problem == 'No AWS credentials were found for the profile "two".'
    assert "aws sso login --profile two" in error.remedy


def test_an_expired_sso_sign_in_is_told(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At connect, with the command that renews it."""
    without_keys(environment)
    environment.setenv("HOME", str(tmp_path))
    (tmp_path / "config").write_text(SSO)
    error = failure(profile="work")
    assert "SSO sign-in" in error.problem
    assert '"work"' in error.problem
    assert error.remedy == "Run: aws sso login --profile work"


def test_no_region_is_told(environment: pytest.MonkeyPatch) -> None:
    """With the ways to give one."""
    error = failure()
    assert error.problem == "No AWS region is set."
    assert error.remedy.endswith(", or for one command with --region or AWS_REGION.")


@pytest.mark.parametrize(
    ("region", "remedy"),
    [
        ("eu-centrl-1", "Did you mean eu-central-1?"),
        ("us-esat-1", "Did you mean us-east-1?"),
        ("moon", "Regions look like eu-central-1."),
    ],
)
def test_an_unknown_region_is_told(environment: pytest.MonkeyPatch, region: str, remedy: str) -> None:
    """Before any call, with the nearest name."""
    error = failure(region=region)
    assert error.problem == f'There is no AWS region "{region}".'
    assert error.remedy == remedy


def test_what_is_no_region_name_is_told(environment: pytest.MonkeyPatch) -> None:
    """Text that can't be part of a host name."""
    assert failure(region="eu central; 1").remedy


def test_an_api_that_is_not_there_is_told(environment: pytest.MonkeyPatch) -> None:
    """The URL is in the sentence."""
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AwsError, match=r"cannot be reached at http://127\.0\.0\.1:9"):
        interfaces.list_enis(connect(region="eu-central-1").ec2)


@pytest.mark.parametrize(
    ("code", "status", "problem", "remedy"),
    [
        (
            "UnauthorizedOperation",
            403,
            "You may not list the network interfaces.",
            "Ask for the IAM permission ec2:DescribeNetworkInterfaces.",
        ),
        ("RequestExpired", 400, "The AWS credentials have expired.", "aws sso login"),
        ("AuthFailure", 401, "AWS does not accept the credentials.", "aws configure"),
    ],
)
def test_a_refusal_is_told(
    aws: Aws, fault: Callable[..., None], code: str, status: int, problem: str, remedy: str
) -> None:
    """EC2's own answers, as they come over the wire."""
    fault(action="DescribeNetworkInterfaces", code=code, status=status)
    with pytest.raises(AwsError) as caught:
        interfaces.list_enis(aws.ec2)
    assert (caught.value.problem, caught.value.code) == (problem, code)
    assert remedy in caught.value.remedy


class Dying:
    """An API that takes one request whole, says nothing and is not there any more."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._future = threads.start(self._serve)

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        self._listener.close()
        head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        while len(body) < length:
            body += connection.recv(65536)
        connection.close()


def making_a_filter(url: str, environment: pytest.MonkeyPatch) -> tuple[Aws, Future[str]]:
    """A create that is under way."""
    environment.setenv("AWS_ENDPOINT_URL", url)
    aws = connect(region="eu-central-1")
    return aws, threads.start(resources.create_filter, aws.ec2, {}, "token")


def test_a_create_that_no_connection_came_about_for_was_not_sent(environment: pytest.MonkeyPatch) -> None:
    """Nobody listens: the failure itself proves that nothing was made."""
    _, making = making_a_filter("http://127.0.0.1:9", environment)
    assert is_unsent(making.exception(20))


def test_a_create_that_left_once_is_doubtful_whatever_became_of_its_repetitions(
    environment: pytest.MonkeyPatch,
) -> None:
    """The first attempt was read whole, the others found nobody: the last exception alone would say "never sent"."""
    _, making = making_a_filter(Dying().url, environment)
    error = making.exception(20)
    assert is_unreachable(error)
    assert not is_unsent(error)


def test_a_create_that_is_called_off_before_it_left_was_not_sent(environment: pytest.MonkeyPatch) -> None:
    """The capture ends while its create waits for a connection."""
    aws, making = making_a_filter("http://127.0.0.1:9", environment)
    aws.stop_creating()
    error = making.exception(20)
    assert error.code == NEVER_SENT
    assert is_refusal(error)


@pytest.mark.parametrize(
    ("service", "operation", "most"),
    [("cloudformation", "describe_stacks", 0), ("logs", "describe_log_groups", 50), ("iam", "list_roles", 1000)],
)
def test_a_page_is_as_large_as_the_service_lets_one_ask(service: str, operation: str, most: int) -> None:
    """Each has another word for it, and CloudFormation none: botocore refuses a size there."""
    asked = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    assert largest_page(asked, operation) == most


@pytest.mark.parametrize(
    ("operation", "key"),
    [
        ("describe_network_insights_analyses", "NetworkInsightsAnalyses"),
        ("describe_traffic_mirror_sessions", "TrafficMirrorSessions"),
        ("describe_network_interfaces", "NetworkInterfaces"),
    ],
)
def test_a_page_is_no_larger_than_the_call_takes(ec2: Any, operation: str, key: str) -> None:
    """EC2 refuses a MaxResults beyond its bound, which is a hundred for some calls."""
    assert isinstance(list(pages(ec2, operation, key)), list)
