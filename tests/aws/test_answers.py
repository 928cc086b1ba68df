"""Answers that AWS should not give, or does not: none, one without an end, one that tells how late it is."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from vpcshark.aws.client import SILENCES, Aws
from vpcshark.aws.errors import mapped
from vpcshark.aws.paging import MOST_PAGES, pages
from vpcshark.errors import AwsError

REFUSAL = b"<Response><Errors><Error><Code>AuthFailure</Code><Message>No.</Message></Error></Errors></Response>"


class Mute(http.server.BaseHTTPRequestHandler):
    """Takes each request; what it does then is the server's ``answer``."""

    def do_POST(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.server.answer(self)  # type: ignore[attr-defined]

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def serving() -> Iterator[Callable[[Callable[[Any], None]], tuple[Aws, list[str]]]]:
    """Starts an endpoint that does ``answer`` with each request; gives an account there, and the requests."""
    servers = []

    def serve(answer: Callable[[Any], None]) -> tuple[Aws, list[str]]:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mute)
        server.daemon_threads = True
        server.asked, server.answer = [], answer  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        session = boto3.Session("AKIA", "secret", region_name="eu-west-1")
        url = f"http://127.0.0.1:{server.server_address[1]}"
        retries = {"mode": "standard", "total_max_attempts": 4}
        made = session.client
        session.client = lambda service, config: made(service, config=config, endpoint_url=url)  # type: ignore[method-assign,assignment]
        return Aws(session, Config(read_timeout=0.2, retries=retries), "", "eu-west-1"), server.asked  # type: ignore[attr-defined]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_aws_that_takes_a_call_and_does_not_answer_is_asked_twice(serving: Any) -> None:
    """Not four times: a person waits for ten seconds each."""
    over = threading.Event()
    aws, asked = serving(lambda request: over.wait(180))
    with pytest.raises(AwsError, match="did not answer in time"), mapped("look"):
        aws.ec2.describe_instances()
    over.set()
    assert len(asked) == SILENCES == 2


@pytest.mark.thin(4)
@pytest.mark.parametrize("ahead", [-86400, -600, 0, 600, 86400])
@pytest.mark.parametrize("status", [200, 403])
def test_how_far_the_clock_here_is_ahead_is_known_from_any_answer(serving: Any, ahead: int, status: int) -> None:
    """By the header Date, which a refusal has as well."""

    def answer(request: Any) -> None:
        body = b"<DescribeInstancesResponse/>" if status == 200 else REFUSAL
        request.send_response_only(status)
        request.send_header("Date", formatdate(time.time() - ahead, usegmt=True))
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    aws, _ = serving(answer)
    assert aws.ahead == 0
    with contextlib.suppress(AwsError), mapped("look"):
        aws.ec2.describe_instances()
    assert aws.ahead == pytest.approx(ahead, abs=60)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Foo 2026 99:99:99 GMT"])
def test_a_date_that_is_none_says_nothing(date: str) -> None:
    """Any server may stand at the other end."""
    aws = Aws(None, None, "", "eu-west-1")
    aws._note({}, None, "response-received.ec2.DescribeInstances", {"headers": {"date": date} if date else {}})
    assert aws.ahead == 0


@pytest.mark.parametrize(("each", "most"), [(0.0, MOST_PAGES), (1.0, 60), (10.0, 6)])
@pytest.mark.parametrize("items", [[], [{"InstanceId": "i-1"}]])
def test_an_answer_without_an_end_ends(each: float, most: int, items: list[Any], clock: Any) -> None:
    """Each page names another one, quickly or slowly."""

    def paginate(**parameters: Any) -> Iterator[Any]:
        while True:
            clock.time += each
            yield {"Reservations": items}

    endless = SimpleNamespace(get_paginator=lambda operation: SimpleNamespace(paginate=paginate))
    seen: list[Any] = []
    with pytest.raises(AwsError, match="describe_instances has no end"), mapped("look"):
        seen.extend(pages(endless, "describe_instances", "Reservations", clock=clock))
    assert len(seen) == most * len(items)
