"""The product's command line under watch: each run in a process and a folder of its own, and afterwards how it ended,
what it printed and logged, how much memory it took, what it wrote outside its folder and which processes it left.

A process that has imported the product forks for each run, as in ``forks``. What is watched is the kernel's account of
the child (wait4), Python's audit events and /proc: nothing of the product. Must not know attacks.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any, NoReturn

LIMIT = 150.0  # seconds until a run counts as hung; no promise, only an end
LINGER = 60.0  # seconds that processes of a run that is over may take to end
MACHINE = 5 << 30  # bytes of address space at most, so that what has no bound does not take the machine along
MARK = "VPCSHARK_CAGE"
# Audit events (Python's table of them) whose first argument, or second too, is a path that is changed.
CHANGES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "os.chmod"}
DEVICES = ("/dev/", "/proc/")


@dataclass(frozen=True)
class Outcome:
    """One run. ``peak``: KiB of resident memory at most; ``strays``: paths outside its folder that it wrote, or that
    it left where nothing belongs; ``left``: command lines of processes that did not end."""

    command: str
    status: int
    out: bytes
    err: bytes
    log: bytes
    peak: int
    hung: bool
    seconds: float
    cpu: float
    strays: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass
class Place:
    """The folders of one run: ``home`` and ``work`` (its current directory, for its results), XDG's, and a temporary
    one in which nothing may stay."""

    folder: Path
    known: set[str] = field(default_factory=set)  # files that were put there beforehand

    def __post_init__(self) -> None:
        for name in ("home", "work", "config", "cache", "state", "tmp"):
            (self.folder / name).mkdir(parents=True, mode=0o700)

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def put(self, name: str, data: bytes) -> Path:
        """A file of the user's that is there before the run."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(data)
        path.chmod(0o600)
        self.known.add(str(path))
        return path

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """What its command gets; nothing of ours but the search path."""
        own = {f"XDG_{name.upper()}_HOME": str(self.folder / name) for name in ("config", "cache", "state")}
        folders = {"HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp")}
        quiet = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8", "TERM": "dumb"}
        return {**quiet, **own, **folders, MARK: str(self.folder), **more}

    def strays(self) -> list[str]:
        """What lies where nothing belongs: in home, in the temporary folder, and in work but for what begins with
        "out"."""
        found = [path for name in ("home", "tmp", "work") for path in (self.folder / name).rglob("*")]
        return [
            str(path)
            for path in found
            if str(path) not in self.known and not (path.parent == self.work and path.name.startswith("out"))
            if not path.is_dir()
        ]

    def logged(self) -> bytes:
        """All log files, wherever they are."""
        files = [path for path in self.folder.rglob("*.log*") if path.is_file() and str(path) not in self.known]
        return b"".join(path.read_bytes() for path in files)


class Cage:
    """Runs commands one at a time; ``close`` ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def place(self) -> Place:
        """Folders for one run."""
        return Place(self._folder / f"{next(self._numbers)}")

    def run(self, place: Place, arguments: Sequence[str], environment: Mapping[str, str], stop: float = 0.0) -> Outcome:
        """``vpcshark ARGUMENTS`` ("extcap" first: Wireshark's face) to its end, interrupted after ``stop`` seconds as
        by Ctrl-C (0: never)."""
        order = {
            "arguments": list(arguments),
            "environment": place.environment(environment),
            "folder": str(place.folder),
            "stop": stop,
        }
        began = time.monotonic()
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        ended = json.loads(self._server.stdout.readline())
        seconds = time.monotonic() - began
        left = remaining(str(place.folder))
        out, err, wrote = ((place.folder / name).read_bytes() for name in ("out", "err", "wrote"))
        strays = [line for line in wrote.decode("utf-8", "replace").split("\0") if line]
        return Outcome(
            " ".join(arguments),
            ended["status"],
            out,
            err,
            place.logged(),
            ended["peak"],
            ended["hung"],
            seconds,
            ended["cpu"],
            tuple(dict.fromkeys([*strays, *place.strays()])),
            tuple(left),
        )

    def close(self) -> None:
        """No run is under way."""
        self._server.communicate()


def remaining(mark: str) -> list[str]:
    """The processes of a run that are still there when it has long been over; they are ended, each by its id."""
    deadline = time.monotonic() + LINGER
    while (found := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return [*found.values()]


def marked(mark: str) -> dict[int, str]:
    """Processes whose environment has the mark: pid -> command line."""
    found = {}
    sign = f"{MARK}={mark}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if sign in (entry / "environ").read_bytes() + b"\0":
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # ended meanwhile, or nobody's business
            continue
    return found


def serve(orders: IO[str], answers: IO[str]) -> None:
    """A child for each order; how it ended as the answer. This process has one thread, so that a fork is whole."""
    from forks import ROOMS

    import_all([*ROOMS, "vpcshark.extcap"])
    for heavy in (
        "boto3",
        "botocore.session",
        "botocore.signers",
        "paramiko",
        "numpy",
        "rich.table",
        "scapy.libs.winpcapy",
    ):
        importlib.import_module(heavy)
    for line in orders:
        order = json.loads(line)
        child = os.fork()
        if not child:
            become(order)
        answers.write(json.dumps(watched(child, float(order["stop"]))) + "\n")
        answers.flush()


def import_all(rooms: Sequence[str]) -> None:
    """Whatever a run may need is imported once. The capture's heavy libraries too."""
    for room in rooms:
        for module in pkgutil.iter_modules(importlib.import_module(room).__path__, f"{room}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)


def watched(child: int, stop: float) -> dict[str, Any]:
    """Wait for the child, Ctrl-C it at its time, kill what hangs."""
    pidfd = os.pidfd_open(child)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    hung = False
    for patience, sign in ((stop, signal.SIGINT), (LIMIT, signal.SIGKILL)):
        if patience and not poll.poll(patience * 1000):
            hung = sign == signal.SIGKILL
            os.kill(child, sign)
    _, status, used = os.wait4(child, 0)
    os.close(pidfd)
    cpu = used.ru_utime + used.ru_stime
    return {"status": os.waitstatus_to_exitcode(status), "peak": used.ru_maxrss, "hung": hung, "cpu": cpu}


def become(order: Mapping[str, Any]) -> NoReturn:
    """The child's whole life."""
    folder = str(order["folder"])
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MACHINE, MACHINE))
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it does not outlive this test
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(f"{folder}/work")
    for descriptor, place in ((0, "/dev/null"), (1, f"{folder}/out"), (2, f"{folder}/err")):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(place, flags, 0o600), descriptor)
    sys.addaudithook(watcher(folder, os.open(f"{folder}/wrote", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)))
    face, *words = order["arguments"]
    if face == "extcap":
        from vpcshark.extcap.__main__ import run as extcap

        sys.argv = ["vpcshark", *words]
        sys.exit(extcap())
    from vpcshark.cli.main import run

    sys.argv = ["vpcshark", face, *words]
    sys.exit(run())


def watcher(folder: str, wrote: int) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that notes paths outside ``folder`` which are opened for writing or changed."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            paths = [path] if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) else []
        else:
            paths = [*arguments[:2]] if event in CHANGES else []
        for path in paths:
            if isinstance(path, (str, bytes)) and (away := outside(os.fsdecode(path), folder)):
                os.write(wrote, f"{away}\0".encode(errors="replace"))

    return note


def outside(path: str, folder: str) -> str:
    """The path, if it leads out of the folder."""
    real = os.path.realpath(path)
    return "" if real.startswith((f"{folder}/", *DEVICES)) else real


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
