"""``vpcshark lab``: the embedded AWS, for trying and testing without an account. Wires the lab room to the terminal."""

from __future__ import annotations

import argparse
import importlib.util
import io
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vpcshark.cli import console, extras, install
from vpcshark.errors import VpcsharkError
from vpcshark.extcap import refresh
from vpcshark.extcap.__main__ import PROGRAM
from vpcshark.text import line


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    actions = {"start": run_start, "stop": run_stop, "status": run_status, "run": run_run}
    actions |= {"exec": run_exec, "topologies": run_topologies}
    return actions[options.action](options)


def run_start(options: argparse.Namespace) -> int:
    """Start a lab in the background."""
    check_packages()
    return int(_commands().start(sys.stdout, _install_quietly, say=_say, topology=options.topology))


def run_stop(options: argparse.Namespace) -> int:
    """Stop a lab."""
    return int(_commands().stop(sys.stdout, Path(options.folder) if options.folder else None))


def run_status(options: argparse.Namespace) -> int:
    """List the labs."""
    return int(_commands().status(sys.stdout))


def run_run(options: argparse.Namespace) -> int:
    """Run a command in a lab of its own."""
    return run_in_one(options.argv[1:] if options.argv[:1] == ["--"] else options.argv, options.topology)


def run_in_one(argv: Sequence[str], topology: str = "") -> int:
    """The status of the command in a lab of its own; ``topology`` "": the usual one. VpcsharkError where none can
    run."""
    check_packages()
    commands = _commands()
    try:
        return int(commands.run(argv, _install_quietly, say=_say, prepare=_prepare, topology=topology))
    except commands.CommandError as error:
        sys.stderr.write(f"vpcshark: {line(str(error))}\n")
        return int(error.status)


def run_exec(options: argparse.Namespace) -> int:
    """Run a command inside an instance."""
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    return int(_commands().execute(options.name, argv))


def run_topologies(options: argparse.Namespace) -> int:
    """List the topologies that are shipped."""
    check_packages()
    from vpcshark.lab.topologies import spec

    for name in spec.shipped():
        console.out().print(f"{name}  {spec.SHIPPED / name}.yaml", soft_wrap=True)
    return 0


def _prepare(environ: Mapping[str, str]) -> None:
    """Have the list made before the command asks for it, as Wireshark's own question would."""
    command = [sys.executable, *PROGRAM, f"{refresh.WORD}=wait"]
    null = subprocess.DEVNULL
    subprocess.run(command, env=environ, stdin=null, stdout=null, stderr=null, check=False)  # ends by itself


def _say(text: str) -> None:
    console.err().print(text, style="dim")


def _commands() -> Any:
    from vpcshark.lab import commands

    return commands


def check_packages(find: Callable[[str], object] = importlib.util.find_spec) -> None:
    """VpcsharkError if the lab's process, which imports them, would find one of its packages missing."""
    missing = [name for name in ("moto", "flask", "flask_cors", "yaml") if find(name) is None]
    if missing:
        raise VpcsharkError(f"The lab needs packages that are not installed ({missing[0]}).", extras.advice("lab"))


def _install_quietly(directory: Path) -> None:
    """The launcher for the lab's own Wireshark folder."""
    install.install(directory, io.StringIO())
