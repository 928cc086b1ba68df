"""What a plane has made, on disk, so that another process can take it down; and processes known beyond doubt.

Must not know what the things are for. The file is written before the things are made.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process and when it started (clock ticks since boot, proc(5)): a process id alone may be used again."""

    pid: int
    started: int


@dataclass
class Record:
    """Namespaces and processes of one lab, and its devices in this machine's own namespace."""

    path: Path
    namespaces: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)

    def save(self) -> None:
        """Write the file, 0600, whole or not at all."""
        facts = asdict(self)
        del facts["path"]
        draft = self.path.with_suffix(".new")
        with open(draft, "w", opener=_private) as file:
            json.dump(facts, file)
        draft.replace(self.path)

    def add(self, pid: int) -> None:
        """Remember a process, unless it has ended."""
        process = identify(pid)
        if process:
            self.processes.append(process)
            self.save()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def load(path: Path) -> Record | None:
    """The record at ``path``; None if there is none."""
    try:
        facts = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    processes = [Process(**process) for process in facts["processes"]]
    return Record(path, facts["namespaces"], facts["devices"], processes)


def identify(pid: int) -> Process | None:
    """The process that has this id now; None if there is none, or only its remains (a zombie)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # after "pid (name)": state is field 3, starttime field 22
    return None if fields[0] == "Z" else Process(pid, int(fields[19]))


def end(processes: Iterable[Process], patience: float) -> None:
    """End processes and their groups: SIGTERM, after ``patience`` seconds SIGKILL; returns when they are gone."""
    alive = [process for process in processes if identify(process.pid) == process]
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.ExitStack() as stack:
            poll = select.poll()
            waiting = [handle for process in alive if (handle := _signal(process, number)) is not None]
            for handle in waiting:
                stack.callback(os.close, handle)
                poll.register(handle, select.POLLIN)
            _await_all(poll, len(waiting), patience)
        alive = [process for process in alive if identify(process.pid) == process]


def _signal(process: Process, number: signal.Signals) -> int | None:
    """Signal the process, and its group if it leads one; the pidfd to wait by (pidfd_open(2)), None if it is gone."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return None
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    return handle


def _await_all(poll: select.poll, count: int, patience: float) -> None:
    while count:
        ended = poll.poll(patience * 1000)
        if not ended:
            return
        for handle, _ in ended:
            poll.unregister(handle)
            count -= 1
