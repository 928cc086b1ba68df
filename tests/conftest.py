"""Fakes for the seams that every room shares, handed to tests as fixtures; and which tests follow one another where
there are several processes (``make test``)."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
import shared_botocore
import shell
from hypothesis import HealthCheck, is_hypothesis_test, settings
from xdist.scheduler import LoadScopeScheduling

E2E = "tests/e2e/"
# They read the product's source, parsed once for all of them: tests/support/sources.py.
SOURCE = {f"tests/test_{each}.py" for each in ("architecture", "sizes", "threads", "truth", "docs")}
SOURCE.add("tests/cli/test_sinks.py")
PIECES = {
    "tests/e2e/test_bad_input.py": 4,
    "tests/e2e/test_ways.py": 4,
    "tests/e2e/test_tcpdump_mode.py": 2,
    "tests/e2e/test_live.py": 3,
    "tests/e2e/test_stories.py": 2,
    "tests/chaos/test_signins.py": 2,
    "tests/attack/test_endpoints.py": 2,
    "tests/attack/test_files.py": 3,
    "tests/diagnose/test_plants.py": 3,
    "tests/lab/topologies/test_packets.py": 2,
}
shell.forget(os.environ)
# How long hypothesis takes to make its examples says how busy the machine is, and nothing of the product.
settings.register_profile("whole", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("share", settings.get_profile("whole"), max_examples=20)
# Of those that name no number; the others ask tests/support/properties.py.
settings.load_profile("whole" if os.environ.get("VPCSHARK_EXAMPLES") == "all" else "share")
# They begin first, so that none of them is what all wait for in the end.
LONG = ("tests/attack/", "tests/chaos/", E2E, "tests/permissions/")
LONGEST = "tests/e2e/test_wireshark_gui.py"  # in one piece: it shares a window


shared_botocore.install()
gc.disable()  # while the tests are collected: a quarter of that time would go into looking for garbage that is none


FOLDERS = pytest.StashKey[dict[str, ExitStack]]()


@pytest.fixture(scope="session")
def until_folder_ends(request: pytest.FixtureRequest) -> Generator[Callable[[str, AbstractContextManager[Any]], Any]]:
    """Enters a context for the tests of a folder ("tests/e2e/"), and leaves it behind the last of them in this process:
    a lab has traffic, which would take processor time from whatever comes after them."""
    stacks: dict[str, ExitStack] = {}
    request.session.stash[FOLDERS] = stacks
    with ExitStack() as end:

        def enter(folder: str, context: AbstractContextManager[Any]) -> Any:
            stack = stacks.setdefault(folder, end.enter_context(ExitStack()))
            return stack.enter_context(context)

        yield enter


def pytest_runtest_setup(item: pytest.Item) -> None:
    """pytest's hook."""
    if item.get_closest_marker("root"):
        need_root()


def need_root() -> None:
    """Namespaces, mounts and the one UDP port of a machine: CI must have them, elsewhere such a test is skipped."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("it needs root")


@pytest.fixture(scope="session")
def as_root() -> None:
    """For fixtures that need it."""
    need_root()


@pytest.hookimpl(trylast=True)  # behind the fixtures' own ends
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """pytest's hook. Folders follow one another: none comes twice."""
    for folder, stack in item.session.stash.get(FOLDERS, {}).items():
        if nextitem is None or not nextitem.nodeid.startswith(folder):
            stack.close()


class Rooms(LoadScopeScheduling):
    """The tests of a module follow one another in one process, since they share what it set up; those of a big module
    in several, each with a piece of it; those that look at the source in one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in SOURCE:
            return "source"
        pieces = PIECES.get(file, 1)
        return f"{file} {sum(nodeid.encode()) % pieces}" if pieces > 1 else file

    def _assign_work_unit(self, node: Any) -> None:
        """One process of three begins with what needs no lab: that computes while the labs' tests wait, and there are
        fewer labs."""
        if self.nodes.index(node) % 3 == 2:
            other = next((scope for scope in self.workqueue if not scope.startswith(LONG)), "")
            if other:
                self.workqueue.move_to_end(other, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(tryfirst=True)  # before the marks decide what is run
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest's hook."""
    rows: Counter[str] = Counter()
    for item in items:
        thin = item.get_closest_marker("thin")
        function = item.nodeid.partition("[")[0]
        if thin and rows[function] % thin.args[0]:
            item.add_marker(pytest.mark.long)
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker(pytest.mark.property)
        rows[function] += 1
    items.sort(key=lambda item: order(item.nodeid))


def order(test: str) -> tuple[int, bool]:
    """By folder, since a folder's lab ends behind the last test that a process has of it."""
    folder = next((number for number, each in enumerate(LONG) if test.startswith(each)), len(LONG))
    return folder, not test.startswith(LONGEST)


def pytest_collection_finish() -> None:
    """pytest's hook."""
    gc.freeze()
    gc.enable()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Rooms:
    """pytest-xdist's hook."""
    return Rooms(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """pytest's hook. What a test printed, logged or was given may hold lone surrogates, which xdist cannot send:
    without this, one log line of a test that passed ends the whole run."""
    return sendable((yield))


def sendable(data: Any) -> Any:
    """The same with an escape for each character that UTF-8 does not have."""
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(data, dict):
        return {sendable(key): sendable(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(map(sendable, data))
    return data


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
