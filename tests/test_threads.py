"""Every thread is one that docs/ARCHITECTURE.md names, and none is left when a capture has ended."""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import nodes
from streams import WITH_FRAMES, Kept, Scene
from thread_page import left_since, page, unknown

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle.capture import Capture
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.lifecycle.resources import Maker
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tags
from vpcshark.clock import SystemClock

ROOT = Path(__file__).parents[1]
STARTS = {"start", "after", "alarm", "alone", "beside", "Thread"}
PARAMIKOS = {"SSH with …", "Thread-…"}  # which it starts itself
LOCKS = re.compile(r"threading\.(?:Lock|RLock|Condition)\(\)")


def named(path: Path) -> Iterator[str]:
    """The names that a module gives to threads, as far as they stand in it."""
    for node in nodes(path):
        if isinstance(node, ast.Call) and _called(node) in STARTS:
            for each in node.keywords:
                if each.arg == "name" and isinstance(each.value, ast.Constant):
                    yield str(each.value.value)
                if each.arg == "name" and isinstance(each.value, ast.JoinedStr):
                    yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in each.value.values)


MODULES = [
    path
    for path in sorted((ROOT / "vpcshark").rglob("*.py"))
    if path.relative_to(ROOT / "vpcshark").parts[0] not in ("lab", "receiver")
]


def test_every_name_in_the_code_is_on_the_page_and_the_other_way_round():
    found, known = {name for path in MODULES for name in named(path)} | PARAMIKOS, page()
    assert found - {"work"} == known - {"work"}


def test_a_thread_without_a_name_is_started_in_one_place():
    """``threads`` gives each a name, and has none hold up the end of the process."""
    bare = [path for path in MODULES if "threading.Timer(" in path.read_text("utf-8")]
    assert [path.name for path in bare] == ["threads.py"]
    calls = [(path, node) for path in MODULES for node in nodes(path)]
    made = [(path, node) for path, node in calls if isinstance(node, ast.Call) and _called(node) == "Thread"]
    assert not [path.name for path, node in made if "name" not in {each.arg for each in node.keywords}]


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


@pytest.mark.parametrize("room", ["capture", "cli", "extcap", "options"])
def test_beside_each_lock_stands_what_it_keeps(room: str):
    silent = []
    for path in sorted((ROOT / "vpcshark" / room).rglob("*.py")):
        lines = path.read_text("utf-8").splitlines()
        for before, line in zip(["", *lines], lines, strict=False):
            if LOCKS.search(line) and "#" not in line and not before.lstrip().startswith("#"):
                silent.append(f"{path.name}: {line.strip()}")
    assert not silent


class Toolbar(Status):
    """Shows figures, and enters another filter as soon as it may."""

    has_controls = True

    def say(self, text: str) -> None: ...
    def log(self, line: str) -> None: ...
    def on_filter(self, change, now: str) -> None:
        change("tcp")


class Account:
    """Deletes whatever it is told to."""

    def tagged(self) -> list:
        return []

    def hides(self, kind: str) -> bool:
        return False

    def delete(self, kind: str, resource: str) -> None: ...


class Streaming(Feed):
    """A mode whose stream the scene has, and which has made a session."""

    def __init__(self, scene: Scene, maker: Maker) -> None:
        self._scene, self._maker = scene, maker

    def up(self, jobs: Jobs):
        jobs.result(jobs.start(self._maker.make, "session", lambda labels, token: "tms-1"))
        return self._scene.stream

    def account(self) -> Account:
        return Account()


class Ending(Kept):
    """A sink that has seen enough at the first frame, and notes which threads there are."""

    def __init__(self, stop) -> None:
        super().__init__()
        self._stop = stop
        self.threads: set[str] = set()

    def write(self, data: bytes) -> None:
        super().write(data)
        if data:
            self.threads |= {thread.name for thread in threading.enumerate()}
            self._stop.request("the test has a frame")


@pytest.mark.parametrize("kind", WITH_FRAMES)
def test_when_a_capture_has_ended_none_of_its_threads_is_left(kind: str, tmp_path: Path):
    """Whatever brings the frames; a toolbar shows them, and has the filter changed."""
    before = set(threading.enumerate())
    clock, scene = SystemClock(), Scene(kind)
    book = ledgers.Ledger(tmp_path / "c-1.ledger", {"owner": "me@here"})
    timeline, sink = Timeline(clock), Ending(scene.stop)
    maker = Maker(book, tags.Lease("c-1", "me@here", clock.now() + 900), timeline)
    seams = (sink, Toolbar(), scene.stop, clock, timeline, maker)
    scene.give()
    Capture(Context(Selection(("eni-1",)), CaptureOptions(), *seams), book, Streaming(scene, maker)).run()
    assert "frames" in sink.threads
    assert not left_since(before)
    assert not unknown(sink.threads - {thread.name for thread in before})
