"""start, stop, status and run: what the user does with labs. The lab itself is a process of its own, ``daemon``.

Must not know moto, namespaces or the user's terminal: output goes to ``out``, progress to ``say``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

import vpcshark
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import InputError, VpcsharkError
from vpcshark.lab import environment, homes, planes

Install = Callable[[Path], None]
Say = Callable[[str], None]
_PATIENCE = 15.0  # seconds for a lab to take itself down
_POLL = 0.02


def _quiet(_: str) -> None:
    """Say nothing."""


def _as_it_is(_: Mapping[str, str]) -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class RunningLab:
    """A lab that is ready. ``variables`` is what it sets in the environment."""

    folder: Path
    variables: Mapping[str, str] = field(repr=False)  # it has a key in it
    daemon: subprocess.Popen[str]


def start(out: TextIO, install: Install, kind: str = "auto", say: Say = _quiet, topology: str = "") -> int:
    """Start a lab that stays until ``stop``, of a shipped ``topology`` or a file's if one is named; write its
    environment as lines for a shell's ``eval``."""
    lab = _launch(install, (kind, topology), say, is_attached=False)
    out.writelines(f"{line}\n" for line in environment.exports(os.environ, lab.variables))
    return 0


def run(
    command: Sequence[str],
    install: Install,
    kind: str = "auto",
    say: Say = _quiet,
    prepare: Callable[[Mapping[str, str]], None] = _as_it_is,
    topology: str = "",
) -> int:
    """Run ``command`` in a lab of its own, then stop the lab; the command's status, 128 + n if signal n ended it.
    ``prepare`` is called with the command's environment before it begins.

    SIGTERM and SIGHUP go on to the command. SIGINT does not: as with a shell, a terminal has sent it to the command
    already. The lab stays until the command has ended.
    """
    lab = _launch(install, (kind, topology), say, is_attached=True)
    try:
        prepare(environment.inside(os.environ, lab.variables))
        return _run_in(lab, command)
    finally:
        _finish(lab)


def stop(out: TextIO, folder: Path | None = None, clock: Clock | None = None) -> int:
    """Stop the lab of that folder, or the one that runs, and sweep up crashed ones; returns when all of it is gone."""
    labs = homes.root(dict(os.environ))
    chosen = _chosen(labs, folder)
    if chosen is not None:
        _end(chosen, clock or SystemClock())
        out.write(f"Stopped {chosen.name}.\n")
    for name in sweep(labs):
        out.write(f"Removed what {name} had left.\n")
    return 0


def status(out: TextIO) -> int:
    """One line per lab. 0 if one runs, else 3 (as service managers answer)."""
    folders = homes.everywhere(homes.root(dict(os.environ)))
    for folder in folders:
        out.write(f"{folder.name}  {_condition(folder)}  {folder}\n")
    if not folders:
        out.write("No lab runs.\n")
    return 0 if any(not homes.is_free(folder) for folder in folders) else 3


def execute(name: str, command: Sequence[str], folder: Path | None = None) -> int:
    """Become ``command`` inside the instance called ``name``, where /etc/hosts has the lab's instances. Returns only by
    an error: CommandError where the command can't be run, VpcsharkError where there is no such instance."""
    lab = _chosen(homes.root(dict(os.environ)), folder)
    if lab is None:
        raise InputError("No lab runs.", "Start one: vpcshark lab start.")
    place = inside_of(lab, name)
    hosts = lab / "hosts"
    script = 'if [ -e "$0" ]; then mount --bind "$0" /etc/hosts; fi; exec "$@"'
    argv = ["ip", "netns", "exec", place, "sh", "-c", script, str(hosts), *command]
    sys.stdout.flush()
    os.execvp(argv[0], argv)


def inside_of(lab: Path, name: str) -> str:
    """The namespace of the instance called ``name`` in a lab. InputError if there is none."""
    start = f"{lab.name}-"
    there = sorted(each.name.removeprefix(start) for each in Path("/run/netns").glob(f"{start}*"))
    if name not in there or "/" in name:
        listed = ", ".join(there) or "nothing: it has no namespaces"
        raise InputError(f"{lab.name} has no instance {name}.", f"It has {listed}.")
    return f"{start}{name}"


def sweep(labs: Path) -> list[str]:
    """Remove what crashed labs left; their names."""
    left = [folder for folder in homes.everywhere(labs) if homes.is_free(folder)]
    return [folder.name for folder in left if _clean(folder)]


def _launch(install: Install, kind: tuple[str, str], say: Say, *, is_attached: bool) -> RunningLab:
    """``kind``: of the data plane, and the topology."""
    words = _daemon_words(*kind)
    labs = homes.root(dict(os.environ))
    sweep(labs)
    folder, lock = homes.make(labs)
    try:
        daemon = _spawn(folder, words, lock, is_attached=is_attached)
    finally:
        os.close(lock)
    lab = RunningLab(folder, {}, daemon)
    try:
        _await_ready(daemon, folder, say)
        install(environment.launcher_folder(folder))
        return replace(lab, variables=homes.read_facts(folder)["environment"])
    except BaseException:
        _finish(lab)
        raise


def _daemon_words(kind: str, topology: str) -> tuple[str, list[str]]:
    """The kind of data plane, and the daemon's further arguments. InputError for a topology that there is not."""
    if not topology:
        return planes.resolve(kind), []
    from vpcshark.lab.topologies import spec

    file = spec.find(topology)
    spec.load(file)
    return "namespaces", ["--topology", str(file)]


def _spawn(folder: Path, words: tuple[str, list[str]], lock: int, *, is_attached: bool) -> subprocess.Popen[str]:
    kind, more = words
    command = [sys.executable, "-m", "vpcshark.lab.daemon", str(folder), kind, str(lock), *more]
    package = str(Path(vpcshark.__file__).parents[1])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    with open(folder / "daemon.log", "wb", opener=_private) as log:
        return subprocess.Popen(
            [*command, *(["--attached"] if is_attached else [])],
            stdin=subprocess.PIPE if is_attached else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env={**environment.inside(os.environ, {}), "PYTHONPATH": path},
            pass_fds=(lock,),
            start_new_session=True,
            text=True,
        )


def _await_ready(daemon: subprocess.Popen[str], folder: Path, say: Say) -> None:
    assert daemon.stdout is not None
    for line in daemon.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "ready":
            return
        if event["event"] == "failed":
            raise VpcsharkError(event["problem"], event["remedy"])
        say(f"{folder.name}: {event['text']}")
    log = (folder / "daemon.log").read_text(encoding="utf-8", errors="replace").strip()
    raise VpcsharkError(f"The lab ended before it was ready: {log.rpartition(chr(10))[2] or 'it says no reason'}.")


def _run_in(lab: RunningLab, command: Sequence[str]) -> int:
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []  # signals that came before the command's start had come back

    def pass_on(number: int, _: object) -> None:
        for process in started:
            process.send_signal(number)
        if not started:
            early.append(number)

    handlers: dict[int, Any] = {signal.SIGTERM: pass_on, signal.SIGHUP: pass_on, signal.SIGINT: lambda *_: None}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        process = subprocess.Popen(command, env=environment.inside(os.environ, lab.variables))
        started.append(process)
        for number in early:
            process.send_signal(number)
        status = process.wait()
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        raise CommandError(f"The command {command[0]} cannot be run: {error.strerror}.", code) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


class CommandError(InputError):
    """The command itself could not be run. ``status``: 127 not found, 126 not executable, as shells have it."""

    def __init__(self, problem: str, status: int) -> None:
        super().__init__(problem, "Give a command that can be found, after --.")
        self.status = status


def _chosen(labs: Path, folder: Path | None) -> Path | None:
    if folder is not None:
        if not (folder / "lock").exists():
            raise InputError(f"{folder} is no lab's folder.", "vpcshark lab status lists the labs.")
        return folder.resolve()
    own = os.environ.get("VPCSHARK_LAB")
    if own and Path(own).exists():
        return Path(own)
    running = [lab for lab in homes.everywhere(labs) if not homes.is_free(lab)]
    if len(running) > 1:
        listed = ", ".join(str(lab) for lab in running)
        raise InputError(f"Several labs run: {listed}.", "Say which one: vpcshark lab stop FOLDER.")
    return running[0] if running else None


def _condition(folder: Path) -> str:
    if homes.is_free(folder):
        return "crashed (vpcshark lab stop removes it)"
    facts = homes.read_facts(folder)
    return f"running on {facts['data_plane']} at {facts['environment']['AWS_ENDPOINT_URL']}" if facts else "starting"


def _end(folder: Path, clock: Clock) -> None:
    """Ask the lab to end, wait until it has, and remove what is left of it."""
    deadline = clock.monotonic() + _PATIENCE
    is_asked = False
    while not homes.is_free(folder):
        process = homes.holder(folder)
        if process is not None and (not is_asked or clock.monotonic() > deadline):
            _signal(process, signal.SIGKILL if is_asked else signal.SIGTERM)
            is_asked = True
        clock.sleep(_POLL)
    while not _clean(folder):  # somebody else is at it
        clock.sleep(_POLL)


def _clean(folder: Path) -> bool:
    """Remove what is left of a lab whose process is gone: by its recorded names, and nothing else. False if somebody
    else is at it."""
    with homes.taken(folder) as is_ours:
        if is_ours:
            if (folder / "vpc").exists():
                planes.make("namespaces", folder).stop()
            shutil.rmtree(folder, ignore_errors=True)
    return is_ours


def _signal(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def _finish(lab: RunningLab) -> None:
    """End a lab that this process started."""
    _end(lab.folder, SystemClock())
    for stream in (lab.daemon.stdin, lab.daemon.stdout):
        if stream is not None:
            stream.close()
    lab.daemon.wait()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
