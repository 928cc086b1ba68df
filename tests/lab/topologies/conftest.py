"""Topologies in this process: an account that was emptied, a plane that follows it, packets that are really sent."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mending import run as run_command

from vpcshark.cli.main import run
from vpcshark.lab.topologies import running, spec
from vpcshark.lab.topologies.running import Running
from vpcshark.lab.vpc import netns
from vpcshark.lab.vpc.routed import tracing

PATIENCE = 1.3  # seconds until a packet counts as lost; the kernel sends a SYN again after one


@dataclass
class Net:
    """A topology that runs."""

    api: Any
    running: Running
    folder: Path

    @property
    def ec2(self) -> Any:
        """A client."""
        return self.api.client()

    def id(self, name: str) -> str:
        """Of what the file names: "group/server"."""
        return self.running.made.ids[name]

    def walk(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
        """What ``vpcshark walk … --json`` says."""
        capsys.readouterr()
        status = run(["walk", *arguments, "--json"])
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert status == {"reachable": 0, "blocked": 1, "unknown": 3}[answer["verdict"]]
        return answer

    def mend(self, command: str) -> None:
        """Run a command line of AWS's through the API."""
        run_command(command, self.api.client)

    def address(self, name: str, is_v6: bool = False) -> str:
        """Of an instance."""
        eni = self.running.plane.cloud.enis[self.id(f"eni/{name}")]
        return next(each for each in eni.addresses if (":" in each) == is_v6)

    def passes(self, source: str, address: str, protocol: str, port: int = 0, patience: float = PATIENCE) -> bool:
        """Does a TCP connect, a UDP echo or a ping come through?"""
        place = self.running.plane.instance(self.id(f"instance/{source}"))
        if protocol == "tcp":
            return netns.inside(place, lambda: _connects(address, port, patience))
        if protocol == "udp":
            return netns.inside(place, lambda: _echoes(address, port, patience))
        command = ["ip", "netns", "exec", place, "ping", "-c", "1", "-W", str(patience), address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def dropped_by(self, send: Callable[[], object], readings: int = 1) -> set[tuple[str, ...]]:
        """The rules that dropped something while ``send`` ran; the counters are read until one of them has, at most so
        many times."""
        places = self.running.plane.namespaces
        before = tracing.counts(places)
        send()
        found: set[tuple[str, ...]] = set()
        while readings and not found:
            found = set(tracing.drops(tracing.risen(before, tracing.counts(places))))
            readings -= 1
        return found


def _connects(address: str, port: int, patience: float) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), patience):
        return True
    return False


def _echoes(address: str, port: int, patience: float) -> bool:
    word = secrets.token_bytes(8)
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(patience / 2)
        for _ in range(2):
            with contextlib.suppress(OSError):
                sock.sendto(word, (address, port))
                if sock.recvfrom(100)[0] == word:
                    return True
    return False


Build = Callable[[spec.Spec], contextlib.AbstractContextManager[Net]]


@pytest.fixture
def build(running_api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Builds a topology in an account that has nothing else, and takes it down."""
    for name, value in _environment(running_api.endpoint, tmp_path).items():
        monkeypatch.setenv(name, value)

    @contextlib.contextmanager
    def built(wanted: spec.Spec) -> Iterator[Net]:
        urllib.request.urlopen(f"{running_api.endpoint}/moto-api/reset", b"").close()
        folder = tmp_path / f"t{secrets.token_hex(3)}"
        folder.mkdir()
        with ExitStack() as undo:
            yield Net(
                running_api, running.bring_up(folder, wanted, running_api.server, running_api.client, undo), folder
            )
        assert not list(netns.FOLDER.glob(f"{folder.name}-*"))

    return built


def _environment(endpoint: str, folder: Path) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_REGION": "us-east-1"}
    files = {"AWS_CONFIG_FILE": str(folder / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none")}
    folders = {f"XDG_{each}_HOME": str(folder / each.lower()) for each in ("CONFIG", "CACHE", "STATE")}
    return {"AWS_ENDPOINT_URL": endpoint, "AWS_EC2_METADATA_DISABLED": "true", **keys, **files, **folders}
