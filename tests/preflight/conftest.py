"""The lab's API in this process, a scene in it, and what preflight says of a scene."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.config import Config
from regions import PREFLIGHT
from scenes import Scene
from sessions import session

from vpcshark.aws.client import Aws
from vpcshark.capture.contract.host import parse
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.mirror import path_check
from vpcshark.lab.api.server import ApiServer
from vpcshark.preflight import Finding


class Account:
    """A session of boto3 whose every client speaks to the lab."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint = endpoint
        self._session = session("lab", "lab", region)

    def client(self, service: str, **more: Any) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint, **more)


@pytest.fixture(scope="session")
def server() -> Iterator[ApiServer]:
    """One API for all: moto takes seconds to wake up."""
    running = ApiServer()
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def endpoint(server: ApiServer) -> str:
    """Its URL."""
    return server.endpoint


@pytest.fixture(scope="session")
def regions(endpoint: str) -> Iterator[Aws]:
    """Connections to one region after another, over and over: moto's describes slow down with all that a region has."""
    return itertools.cycle([connection(endpoint, region) for region in PREFLIGHT])


def connection(endpoint: str, region: str) -> Aws:
    """A new one."""
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=16)
    return Aws(Account(endpoint, region), config, "", region)


@pytest.fixture
def aws(regions: Iterator[Aws]) -> Aws:
    """What production code is handed."""
    return next(regions)


@pytest.fixture
def another(endpoint: str, aws: Aws) -> Aws:
    """One to the same region, for a capture, which shuts its own at its end."""
    return connection(endpoint, aws.region)


@pytest.fixture
def scene(endpoint: str, aws: Aws) -> Scene:
    """An empty one."""
    return Scene(aws.ec2, aws.client("elbv2"))


@pytest.fixture
def look(aws: Aws) -> Callable[[Scene], list[Finding]]:
    """Preflight of a scene."""

    def findings(scene: Scene) -> list[Finding]:
        options = CaptureOptions(host=parse(scene.host), packet_length=scene.packet_length)
        return path_check.findings(aws, scene.source, options, lambda address, mac: False)

    return findings
