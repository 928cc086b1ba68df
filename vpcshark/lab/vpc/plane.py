"""The data plane as root: builds the VPC from network namespaces, runs its traffic, drives its mirror.

Must not know moto or the EC2 API; it is told the world once and all sessions after each change.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import InputError, VpcsharkError
from vpcshark.lab.model import LabInstance, LabSession, LabWorld
from vpcshark.lab.vpc import building, guard, machine, mirror, netns, record, topology, traffic
from vpcshark.lab.vpc.mirror_process import MirrorProcess
from vpcshark.lab.vpc.processes import PATIENCE, Processes, end_all
from vpcshark.lab.vpc.worker import Worker, python


class NamespacePlane:
    """A VPC of network namespaces called ``name``, its records and logs below ``state_dir``/vpc.

    An instance called ``web-1`` is the namespace ``<name>-web-1``; the VPC's network is ``<name>-vpc``.
    ``stop`` works in another process than ``start``. All methods raise VpcsharkError.
    """

    def __init__(self, state_dir: Path, name: str, clock: Clock | None = None) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise InputError(f"A lab cannot be called {name!r}.", "Use letters, digits, dots and dashes.")
        self._name = name
        self._folder = state_dir / "vpc"
        self._processes = Processes(self._folder, state_dir / "ssh", clock or SystemClock())
        self._mirror: MirrorProcess | None = None
        self._made: record.Record | None = None
        self._enforcer: guard.Enforcer | None = None
        self._ports: dict[str, str] = {}  # ENI id -> the fabric's port
        self._plan: topology.Topology | None = None
        self._next_port = 0
        self._changing = threading.Lock()  # one instance comes or goes at a time
        self._enforcing = threading.Lock()  # no port goes while rules are put at it
        self._later: dict[str, _Launched] = {}  # instance id ->

    def start(self, world: LabWorld) -> None:
        """Build the world and start its traffic; returns when packets flow."""
        plan = topology.plan(world, self._name)
        self._check(plan)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._made = record.Record(self._folder / "record.json", plan.all_namespaces(), plan.host_devices())
        made.save()
        try:
            building.build(plan)
            self._enforcer = guard.Enforcer(plan.fabric)
            self._ports = {link.eni.id: link.port for link in plan.links}
            self._run(plan, made)
            self._plan, self._next_port = plan, len(plan.links)
        except OSError as error:
            self.stop()
            raise VpcsharkError(f"The lab's network could not be built: {error}.") from error
        except BaseException:
            self.stop()
            raise

    def apply(self, sessions: Sequence[LabSession]) -> None:
        """Mirror exactly these sessions from now on, as the account's routes and rules allow; returns when they are in
        force."""
        with self._enforcing:
            pairs = _pairs(sessions, self._ports)
            if self._enforcer is not None:
                # Before Linux 6.16 there can be no rule for a port that has gone.
                others = [pair for pair in self._enforcer.others(pairs) if pair.port in self._ports.values()]
                self._enforcer.enforce([*pairs, *others])
            self._ask({"sessions": [asdict(replace(session, guard=None)) for session in sessions]})
            if self._enforcer is not None:  # not before the mirror has sent the last frames of those that are gone
                self._enforcer.enforce(pairs)

    def at_ports(self, call: Callable[[Mapping[str, str]], None]) -> None:
        """Call it with the fabric's port of each ENI; none of them goes meanwhile."""
        with self._enforcing:
            call(dict(self._ports))

    def launch(self, instance: LabInstance, on_end: Callable[[], None]) -> None:
        """See ``model.Machines``."""
        with self._changing:
            if self._plan is None or self._made is None:
                raise VpcsharkError("The lab's network is not running.", "Start the lab first.")
            self._plan = building.widen(self._plan, instance)
            plan = topology.joining(self._plan, instance, self._name, self._next_port)
            self._next_port += len(plan.links)
            name = plan.namespaces[instance.id]
            self._made.namespaces.append(name)
            self._made.save()
            building.add(plan)
            self._forget([address for link in plan.links for address in (link.eni.ipv4, link.eni.ipv6) if address])
            self._ports |= {link.eni.id: link.port for link in plan.links}
            self._ask({"join": mirror_view(plan)})
            clock = self._processes.boot_clock(instance)
            server = self._processes.start_sshd(self._made, name, instance)
            self._later[instance.id] = _Launched(plan, server, clock)
            self._start_agent(plan, self._made, instance)
        threading.Thread(target=self._await_end, args=(instance.id, server, on_end), daemon=True).start()

    def remove(self, instance: str) -> None:
        """See ``model.Machines``."""
        with self._changing:
            gone = self._later.pop(instance, None)
            if gone is None or self._made is None:
                return
            name = gone.plan.namespaces[instance]
            self._ask({"leave": [link.eni.id for link in gone.plan.links]})
            if gone.clock is not None:
                gone.clock.stop()
            end_all([name])
            # First the cables: the kernel takes a namespace away later, and until then it would answer for its address.
            with self._enforcing:
                for link in gone.plan.links:
                    self._ports.pop(link.eni.id, None)
                netns.ip_batch([f"link del {link.port}" for link in gone.plan.links], gone.plan.fabric)
            netns.ip_batch([f"netns del {name}"])
            self._made.namespaces.remove(name)
            self._made.save()

    def _forget(self, addresses: Sequence[str]) -> None:
        """A VPC answers every ARP request by itself: nobody goes on sending to whose address it was, or waiting for an
        answer to what was asked while it was nobody's (the kernel asks once a second and drops packets between)."""
        assert self._made is not None
        for name in ("", *self._made.namespaces):
            netns.ip_batch([f"neigh flush to {address}" for address in addresses], name)

    def _await_end(self, instance: str, server: Worker, on_end: Callable[[], None]) -> None:
        server.wait()
        if instance in self._later:  # else it is being taken away
            on_end()

    def stats(self) -> dict[str, int]:
        """The mirror's counts of frames: "seen" at the sources, "mirrored", "dropped" unread, "unsent"."""
        return self._ask({"stats": True})

    def stop(self) -> None:
        """Take everything down that ``start`` made, whoever started it, and nothing else. Logs stay."""
        made = self._made or record.load(self._folder / "record.json")
        with self._changing:
            later, self._later, self._plan = self._later, {}, None
        for one in later.values():
            if one.clock is not None:
                one.clock.stop()
        if made:
            record.end(made.processes, PATIENCE)
            end_all(made.namespaces)
            self._remove(made)
            made.path.unlink(missing_ok=True)
        self._processes.close()
        self._mirror, self._made, self._enforcer = None, None, None

    def _check(self, plan: topology.Topology) -> None:
        if os.geteuid() != 0:
            raise VpcsharkError("A VPC of network namespaces needs root.", "Run the lab as root, or without a network.")
        devices = {name for _, name in socket.if_nameindex()}
        taken = [name for name in plan.all_namespaces() if (netns.FOLDER / name).exists()]
        taken += [name for name in plan.host_devices() if name in devices]
        if taken:
            problem = f"Another lab called {self._name} is there already ({', '.join(taken)})."
            raise VpcsharkError(problem, "Stop it, or give this one another name.")

    def _run(self, plan: topology.Topology, made: record.Record) -> None:
        """Start all processes, then wait for each: they take their time side by side."""
        parts = [(plan.fabric, traffic.resolver_part(plan.world))]
        parts += [
            (plan.namespaces[instance.id], part)
            for instance in plan.world.instances
            if (part := traffic.part_of(instance, plan.world))
        ]
        spawn = self._processes.spawn
        players = [spawn(made, place, python(traffic.__name__), "traffic") for place, _ in parts]
        self._mirror = MirrorProcess(spawn(made, plan.fabric, python(mirror.__name__), "mirror"))
        for instance in plan.world.instances:
            self._start_agent(plan, made, instance)
        hosts = filter(is_ssh_host, plan.world.instances)
        servers = [self._processes.start_sshd(made, plan.namespaces[each.id], each) for each in hosts]
        for player, (_, part) in zip(players, parts, strict=True):
            player.say(json.dumps(asdict(part)))
        self._ask({"enis": mirror_view(plan), "resolver": plan.world.resolver})
        _hear_all(players, "ready")
        self._processes.wait_for(servers)
        for player in players:
            player.say("go")
        _hear_all(players, "flowing")

    def _start_agent(self, plan: topology.Topology, made: record.Record, instance: LabInstance) -> None:
        self._processes.start_agent(made, plan.namespaces[instance.id], instance, plan.world.resolver)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._mirror is None:
            raise VpcsharkError("The lab's network is not running.", "Start the lab first.")
        return self._mirror.ask(request)

    @staticmethod
    def _remove(made: record.Record) -> None:
        devices = {name for _, name in socket.if_nameindex()}
        commands = [f"link del {name}" for name in made.devices if name in devices]
        commands += [f"netns del {name}" for name in made.namespaces if (netns.FOLDER / name).exists()]
        netns.ip_batch(commands)


@dataclass(frozen=True)
class _Launched:
    """An instance that came later: its part of the topology, the process that it lives by, its boot clock."""

    plan: topology.Topology
    server: Worker
    clock: machine.BootClock | None


def is_ssh_host(instance: LabInstance) -> bool:
    """Whether the instance runs a sshd of the lab's."""
    return "sshd" in instance.roles and "host" not in instance.roles


def mirror_view(plan: topology.Topology) -> dict[str, dict[str, Any]]:
    """What the mirror has to know of each ENI, by ENI id (``mirror.Eni``)."""
    return {
        link.eni.id: asdict(
            mirror.Eni(link.port, link.eni.mac, link.eni.ipv4, link.router, link.eni.subnet_cidr, topology.MTU)
        )
        for link in plan.links
    }


def _pairs(sessions: Sequence[LabSession], ports: Mapping[str, str]) -> list[guard.Pair]:
    """What is to be enforced at which port."""
    return [
        guard.Pair(ports[session.target], session.guard)
        for session in sessions
        if session.guard is not None and session.target in ports
    ]


def _hear_all(workers: Sequence[Worker], word: str) -> None:
    for worker in workers:
        if worker.hear() != word:
            raise worker.broken()
