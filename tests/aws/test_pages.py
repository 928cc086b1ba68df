"""Long lists come in pages; one that is longer than an answer may be comes in smaller ones, and nothing comes twice."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from vpcshark.aws.client import connect
from vpcshark.aws.paging import SMALLEST_PAGE, pages
from vpcshark.aws.response_limits import MOST
from vpcshark.errors import TooLong

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


class Interfaces(ThreadingHTTPServer):
    """EC2 with interfaces whose descriptions have so many bytes, by their number. ``asked``: each page's first, and
    how many were asked for."""

    def __init__(self, count: int, size: Callable[[int], int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.count, self.size = count, size
        self.asked: list[tuple[int, int]] = []

    def handle_error(self, *words: Any) -> None:
        """Who takes no more of an answer hangs up."""

    def page(self, first: int, most: int) -> bytes:
        self.asked.append((first, most))
        end = min(first + most, self.count)
        items = "".join(
            f"<item><networkInterfaceId>eni-{number}</networkInterfaceId>"
            f"<description>{'x' * self.size(number)}</description></item>"
            for number in range(first, end)
        )
        token = base64.b64encode(f'{{"at": {end}}}'.encode()).decode() if end < self.count else ""
        named = f"<nextToken>{token}</nextToken>" if token else ""
        found = f"<networkInterfaceSet>{items}</networkInterfaceSet>{named}"
        answer = "DescribeNetworkInterfacesResponse"
        return f'<{answer} xmlns="{NAMESPACE}">{found}</{answer}>'.encode()


class Handler(BaseHTTPRequestHandler):
    server: Interfaces

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        token = base64.b64decode(asked["NextToken"][0]).decode() if "NextToken" in asked else '{"at": 0}'
        body = self.server.page(int(token[7:-1]), int(asked["MaxResults"][0]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None: ...


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Interfaces, Any]]]:
    """``account(count, size)``: that EC2, and the product's client for it."""
    running: list[Interfaces] = []

    def begin(count: int, size: Callable[[int], int]) -> tuple[Interfaces, Any]:
        server = Interfaces(count, size)
        running.append(server)
        threading.Thread(target=server.serve_forever, name="EC2").start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", f"http://127.0.0.1:{server.server_port}")
        return server, connect(region="eu-west-1").ec2

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield begin
    for server in running:
        server.shutdown()
        server.server_close()


def found(ec2: Any) -> list[str]:
    return [one["NetworkInterfaceId"] for one in pages(ec2, "describe_network_interfaces", "NetworkInterfaces")]


@pytest.mark.parametrize(
    ("heavy", "asked"),
    [
        (range(0), [(0, 1000), (1000, 1000)]),
        (range(600), [(0, 1000), *((first, 250) for first in range(0, 2000, 250))]),
        (range(1000, 1200), [(0, 1000), (1000, 1000)]),
        (range(1000, 2000), [(0, 1000), (1000, 1000), *((first, 250) for first in range(1000, 2000, 250))]),
    ],
    ids=["ordinary", "at the beginning", "not too long", "later"],
)
def test_a_page_that_is_too_long_comes_in_smaller_ones(
    account: Any, heavy: range, asked: list[tuple[int, int]]
) -> None:
    """As of clusters, whose instances have hundreds of addresses each."""
    server, ec2 = account(2000, lambda number: MOST // 300 if number in heavy else 10)
    assert found(ec2) == [f"eni-{number}" for number in range(2000)]
    assert server.asked == asked


def test_an_answer_that_is_too_long_in_the_smallest_pages_too_is_given_up(account: Any) -> None:
    """It is none of AWS's."""
    server, ec2 = account(20, lambda number: MOST // 10)
    with pytest.raises(TooLong, match=f"longer than {MOST >> 20} MiB"):
        found(ec2)
    assert [most for _, most in server.asked] == [1000, 250, 62, 15]
    assert SMALLEST_PAGE <= 15
