"""Fakes for the seams that every room shares, handed to tests as fixtures; and which tests may run side by side."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest
from turns import Turns
from xdist.scheduler import LoadScopeScheduling

E2E = "tests/e2e/"
APART = ("silence", "launch", "tcpdump_mode", "ways", "fleet", "template")  # of them: they wait most of the time
LONG = (E2E, "tests/chaos/", "tests/permissions/")  # begin first, so that none of them is what all wait for in the end


class Rooms(LoadScopeScheduling):
    """Which tests follow one another in one process where there are several (``make test``): those of a module, which
    share what it set up; and most end-to-end tests, so that real tools are not in each other's way."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        is_apart = file.removeprefix(f"{E2E}test_").removesuffix(".py") in APART
        return E2E if file.startswith(E2E) and not is_apart else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest's hook."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


TURNS = pytest.StashKey[Turns]()


def pytest_configure(config: pytest.Config) -> None:
    """pytest's hook."""
    config.stash[TURNS] = Turns(config.rootpath / "artifacts" / "turns")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """With what a test sets up and takes down."""
    turns = item.config.stash[TURNS]
    turns.take(alone=item.get_closest_marker("alone") is not None)
    try:
        return (yield)
    finally:
        turns.leave()


@pytest.fixture
def turns(request: pytest.FixtureRequest) -> Turns:
    """This test's turn."""
    return request.config.stash[TURNS]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Rooms:
    """pytest-xdist's hook."""
    return Rooms(config, log)


class FakeClock:
    """A clock whose time passes only by sleeping; it remembers the sleeps."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> FakeClock:
    """A clock that nobody has to wait for."""
    return FakeClock()
