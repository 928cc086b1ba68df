"""The product's command line in a process of its own, without starting Python anew: a process that has imported it
already forks for each run. What differs from ``python -m vpcshark`` is only who paid for the imports."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import botocore.session

from vpcshark.aws import models

ROOMS = [f"vpcshark.{room}" for room in ("cli", "capture", "cleanup", "aws", "transport", "wire", "preflight")]


class Forks:
    """Runs the product's commands one at a time. Start it once for many runs; ``close`` ends it."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """``vpcshark ARGUMENTS`` with exactly this environment, to its end. With another HOME it is a Python of its
        own: botocore notes where SSO's tokens are when it is imported."""
        if environment.get("HOME") != os.environ.get("HOME"):
            command = [sys.executable, "-m", "vpcshark", *arguments]
            return subprocess.run(
                command, env={**environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            order = {"arguments": list(arguments), "environment": dict(environment), "out": str(out), "err": str(err)}
            assert self._server.stdin
            assert self._server.stdout
            self._server.stdin.write(json.dumps(order) + "\n")
            self._server.stdin.flush()
            status = int(self._server.stdout.readline())
            texts = (path.read_text("utf-8", "replace") for path in (out, err))
            return subprocess.CompletedProcess(list(arguments), status, *texts)

    def close(self) -> None:
        """No run is under way."""
        self._server.communicate()


def serve(orders: IO[str], answers: IO[str]) -> None:
    """A child for each order; its exit status as the answer. This process has one thread, so that a fork is whole."""
    for room in ROOMS:
        for module in pkgutil.iter_modules(importlib.import_module(room).__path__, f"{room}."):
            importlib.import_module(module.name)
    core = botocore.session.get_session()
    models.read_once(core)
    core.get_service_model("ec2")  # the greatest of what each child would read
    for line in orders:
        child = os.fork()
        if not child:
            _become(json.loads(line))
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        answers.flush()


def _become(order: dict[str, Any]) -> None:
    """The child's whole life."""
    from vpcshark.cli.main import run

    os.setsid()
    os.environ.clear()
    os.environ.update(order["environment"])
    for descriptor, place in ((0, "/dev/null"), (1, order["out"]), (2, order["err"])):
        flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(place, flags, 0o600), descriptor)
    sys.argv = ["vpcshark", *order["arguments"]]
    sys.exit(run())


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
