"""Answers from which something is missing, or that are none: a sentence that says AWS's answer could not be read."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vpcshark.aws import client
from vpcshark.aws.answers import DEEPEST, told, why_not
from vpcshark.aws.errors import mapped
from vpcshark.errors import AwsError

SPACE = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'

INSTANCE = (
    f"<DescribeInstancesResponse {SPACE}><reservationSet><item><instancesSet><item>{{}}</item></instancesSet></item>"
    "</reservationSet></DescribeInstancesResponse>"
)


class Says(http.server.BaseHTTPRequestHandler):
    """Answers every request with the server's body."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(self.server.body)))  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(self.server.body)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def saying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An account whose every answer is the given body."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / name))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    def account(body: str, status: int = 200) -> Any:
        server.body, server.status = body.encode(), status  # type: ignore[attr-defined]
        return client.connect(region="us-east-1").ec2

    yield account
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("inner", "what"),
    [
        ("", "no SecurityGroupRules"),
        ("<securityGroupRuleSet></securityGroupRuleSet>", "a list in it is empty"),
        ("<securityGroupRuleSet><item></item></securityGroupRuleSet>", "no SecurityGroupRuleId"),
    ],
)
def test_what_is_missing_is_named(saying: Any, inner: str, what: str) -> None:
    """At any depth."""
    answer = f"<AuthorizeSecurityGroupIngressResponse {SPACE}>{inner}</AuthorizeSecurityGroupIngressResponse>"
    with pytest.raises(AwsError, match=rf"AWS's answer could not be read: .*{what}\."), mapped("open a door"):
        saying(answer).authorize_security_group_ingress(GroupId="sg-1")["SecurityGroupRules"][0]["SecurityGroupRuleId"]


@pytest.mark.thin(3)
@pytest.mark.parametrize(
    "body",
    [
        INSTANCE.format("<launchTime>yesterday</launchTime>"),
        INSTANCE.format("<amiLaunchIndex>x</amiLaunchIndex>"),
        "{}",
        "<a><b></a>",
        "x" * 999,
    ],
)
def test_what_cannot_be_parsed_is_aws_fault_and_not_of_the_settings(saying: Any, body: str) -> None:
    """Values of a wrong type as well, which botocore lets through as Python's own errors."""
    with pytest.raises(AwsError, match="gave an answer that cannot be understood, to look"), mapped("look"):
        saying(body).describe_instances()


def test_an_error_without_a_code_is_told(saying: Any) -> None:
    """As whole a sentence as one with it."""
    with pytest.raises(AwsError) as raised, mapped("look"):
        saying("<Response><Errors></Errors></Response>", 400).describe_instances()
    assert "{" not in raised.value.problem
    assert "look" in raised.value.problem


@pytest.mark.parametrize("deep", [DEEPEST - 1, DEEPEST, 100_000])
def test_xml_of_endless_depth_is_not_made_a_tree(saying: Any, deep: int) -> None:
    """Each element would take a hundred times its bytes."""
    body = "<r>" + "<i>" * deep + "</i>" * deep + "</r>"
    assert bool(why_not(body.encode())) == (deep >= DEEPEST)
    if deep >= DEEPEST:
        with pytest.raises(AwsError, match="nested deeper than AWS's are"), mapped("look"):
            saying(body).describe_instances()


def test_an_answer_is_what_it_was() -> None:
    """But for what it says of what is missing."""
    plain = {"A": [{"B": 1}, []], "C": "x"}
    answer = told(plain)
    assert answer == plain
    assert answer["A"][-1:] == [[]]
    assert answer.get("D", 5) == 5
    assert "D" not in answer
