"""The processes of a plane's instances: sshd and Session Manager's agent beside whatever else is started there.

Each is in the record before it does anything. Must not know how the network between the instances is made.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vpcshark.clock import Clock
from vpcshark.lab.model import LabInstance
from vpcshark.lab.vpc import machine, netns, record, sshd, ssm_agent, users
from vpcshark.lab.vpc.worker import Worker, python

PATIENCE = 2.0  # seconds between SIGTERM and SIGKILL
_SSHD_PATIENCE = 10.0
_POLL = 0.01
_ROUNDS = 5
_LACKING = "without:"


class Processes:
    """Of one plane; logs and files below ``folder``, the lab's SSH keys in ``keys``."""

    def __init__(self, folder: Path, keys: Path, clock: Clock) -> None:
        self._folder, self._keys, self._clock = folder, keys, clock
        self._workers: list[Worker] = []

    def etc(self, instance: LabInstance) -> Path:
        """The folder of an instance's own files."""
        return self._folder / "etc" / instance.id

    def spawn(self, made: record.Record, namespace: str, command: Sequence[str], kind: str) -> Worker:
        """Start it; ``kind`` names its log."""
        worker = Worker(namespace, command, self._folder / f"{namespace}.{kind}.log")
        self._workers.append(worker)
        made.add(worker.pid)
        return worker

    def start_agent(self, made: record.Record, namespace: str, instance: LabInstance, service: str) -> None:
        """Session Manager's, if the instance has one; ``service`` is its address."""
        if "ssm" in instance.roles:
            self.spawn(made, namespace, [*python(ssm_agent.__name__), instance.id, service], "ssm")

    def start_sshd(
        self, made: record.Record, namespace: str, instance: LabInstance, *, is_inner: bool = False
    ) -> Worker:
        """As the instance's users meet it; ``is_inner``: it listens on the loopback address alone."""
        missing = tuple(role.removeprefix(_LACKING) for role in instance.roles if role.startswith(_LACKING))
        folder = self.etc(instance)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        more = machine.lines(folder, instance.user_data, instance.key) if "launched" in instance.roles else []
        pushed = self._folder.parent / "instance-connect" / instance.id
        among = users.command(folder, self._keys, missing, pushed, more)
        config = self._folder / "sshd_config"
        return self.spawn(made, namespace, [*among, *sshd.command(self._keys, config, is_inner=is_inner)], "sshd")

    def wait_for(self, servers: Sequence[Worker]) -> None:
        """Until each of these sshds listens. VpcsharkError for one that does not."""
        deadline = self._clock.monotonic() + _SSHD_PATIENCE
        for server in servers:
            while not sshd.is_listening(server.pid):
                if server.has_ended() or self._clock.monotonic() > deadline:
                    raise server.broken()
                self._clock.sleep(_POLL)

    def boot_clock(self, instance: LabInstance) -> machine.BootClock | None:
        """Of an instance that was launched; None where it counts as any."""
        rate = machine.rate()
        if rate == 1:
            return None
        folder = self.etc(instance)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return machine.BootClock(folder / "uptime", rate)

    def close(self) -> None:
        """End the talk with all of them."""
        for worker in self._workers:
            worker.close()
        self._workers = []


def end_all(namespaces: Sequence[str]) -> None:
    """End whatever is in the namespaces: what sshd's sessions left, what was started a moment ago."""
    for _ in range(_ROUNDS):  # what is being ended may still start something
        pids = [pid for pid in netns.processes(namespaces) if pid != os.getpid()]
        found = [process for process in map(record.identify, pids) if process]
        if not found:
            return
        record.end(found, PATIENCE)
