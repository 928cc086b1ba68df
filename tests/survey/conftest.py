"""The lab's API in this process, and scenes in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import regions
from botocore.config import Config
from scenes import Scene
from sessions import session

from vpcshark.aws.client import Aws
from vpcshark.lab.api.server import ApiServer


class Account:
    """A session of boto3 whose every client speaks to the lab."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._session = session("lab", "lab", regions.SURVEY)

    def client(self, service: str, **more: Any) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint, **more)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Its URL; one API for all tests."""
    running = ApiServer()
    running.start()
    yield running.endpoint
    running.stop()


@pytest.fixture
def aws(endpoint: str) -> Aws:
    """What production code is handed."""
    return Aws(
        Account(endpoint), Config(retries={"total_max_attempts": 1}, max_pool_connections=32), "", regions.SURVEY
    )


@pytest.fixture
def scene(aws: Aws) -> Scene:
    """An empty network."""
    return Scene(aws.ec2, aws.client("elbv2"))
