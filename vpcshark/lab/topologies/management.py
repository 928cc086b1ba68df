"""How a topology's instances are logged in to and captured at, beside its network: no packet of it is changed by that.

sshd listens on each instance's loopback address alone, and Session Manager's agents dial it from there; mirrored frames
are read and put out at the ports of the VPCs' routers, as the account's routes, ACLs and groups allow. Must not know
moto, nor how spaces are built.
"""

from __future__ import annotations

import logging
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from vpcshark.clock import Clock
from vpcshark.errors import VpcsharkError
from vpcshark.lab.cloud import Cloud, Eni
from vpcshark.lab.model import LabEni, LabInstance, LabSession
from vpcshark.lab.vpc import guard, mirror, netns, ssm_agent
from vpcshark.lab.vpc.logins import Logins
from vpcshark.lab.vpc.machine import BootClock
from vpcshark.lab.vpc.mirror_process import MirrorProcess
from vpcshark.lab.vpc.processes import Processes, end_all
from vpcshark.lab.vpc.routed import names
from vpcshark.lab.vpc.routed.plane import RoutedPlane
from vpcshark.lab.vpc.ssm_service import SsmService
from vpcshark.lab.vpc.topology import MTU, router_mac
from vpcshark.lab.vpc.worker import Worker, python

_log = logging.getLogger(__name__)
_ROLES = ("sshd", "ssm", "console")
_SSH = "tcp 22"


@dataclass
class _Life:
    """What runs for one instance; ``over`` ends its agent."""

    server: Worker
    clock: BootClock | None = None
    over: threading.Event = field(default_factory=threading.Event)


class Management:
    """Of one plane, from ``start`` to ``close``. ``follow`` has the plane do what the API says now."""

    def __init__(self, folder: Path, plane: RoutedPlane, follow: Callable[[], None], clock: Clock) -> None:
        self._plane, self._follow, self._clock = plane, follow, clock
        self._processes = Processes(folder / "vpc", folder / "ssh", clock)
        door = socket.create_server(("127.0.0.1", 0))
        self._service = f"127.0.0.1:{door.getsockname()[1]}"
        ssm = SsmService([door])
        self._ssm = ssm
        self.logins = Logins(folder, [], ssm)
        self._lives: dict[str, _Life] = {}
        self._aside, self._record = plane.aside("mirror")
        self._enforcers: dict[str, guard.Enforcer] = {}
        self._mirror: MirrorProcess | None = None

    def start(self) -> None:
        """Everybody can be logged in to when it returns. Without sshd nobody can be, and all else is as it was."""
        cloud = self._plane.cloud
        self._mirror = MirrorProcess(
            self._processes.spawn(self._record, self._aside, python(mirror.__name__), "mirror")
        )
        self._mirror.ask({"enis": self._view(cloud), "resolver": ""})
        if shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin") is None:
            _log.warning("There is no sshd (package openssh-server): nobody can log in to the instances.")
            return
        instances = [each for each in _instances(cloud) if self._is_open(each.id)]
        for each in instances:
            self._begin(each, is_inner=True)
        self._processes.wait_for([self._lives[each.id].server for each in instances])
        for each in instances:
            self._ssm.await_agent(each.id, 10)

    def _is_open(self, instance: str) -> bool:
        """Nothing of its own is at SSH's port."""
        return bool(self._plane.instance(instance)) and _SSH not in self._plane.outfit.serves.get(instance, ())

    def _begin(self, instance: LabInstance, *, is_inner: bool) -> None:
        namespace = self._plane.instance(instance.id)
        clock = None if is_inner else self._processes.boot_clock(instance)
        server = self._processes.start_sshd(self._record, namespace, instance, is_inner=is_inner)
        life = self._lives[instance.id] = _Life(server, clock)
        self.logins.join(instance)

        def dial(port: int) -> socket.socket:
            return netns.inside(namespace, lambda: socket.create_connection(("127.0.0.1", port), 5))

        told = (instance.id, self._service, self._clock, life.over, dial)
        threading.Thread(target=ssm_agent.serve, args=told, name="lab-agent", daemon=True).start()

    def apply(self, sessions: Sequence[LabSession]) -> None:
        """See ``model.DataPlane``."""
        if self._mirror is None:
            raise VpcsharkError("The lab's network is not running.", "Start the lab first.")
        cloud = self._plane.cloud
        pairs = dict(_pairs(cloud, self._plane, sessions))
        for space in pairs:
            self._enforcers.setdefault(space, guard.Enforcer(space, self._aside))
        for space, enforcer in self._enforcers.items():
            wanted = pairs.get(space, [])
            enforcer.enforce([*wanted, *enforcer.others(wanted)])
        self._mirror.ask({"join": self._view(cloud)})
        self._mirror.ask({"sessions": [asdict(replace(session, guard=None)) for session in sessions]})
        for space, enforcer in self._enforcers.items():  # not before the last frames of those that are gone are sent
            enforcer.enforce(pairs.get(space, []))

    def launch(self, instance: LabInstance, on_end: Callable[[], None]) -> None:
        """See ``model.Machines``."""
        self._follow()
        if not self._plane.instance(instance.id):
            raise VpcsharkError(f"The lab has no network for {instance.id}.")
        self._begin(instance, is_inner=False)
        life = self._lives[instance.id]
        threading.Thread(target=self._await_end, args=(instance.id, life, on_end), daemon=True).start()

    def remove(self, instance: str) -> None:
        """See ``model.Machines``."""
        life = self._lives.pop(instance, None)
        self.logins.leave(instance)
        if life is None:
            return
        _end(life)
        end_all([self._plane.instance(instance)])

    def _await_end(self, instance: str, life: _Life, on_end: Callable[[], None]) -> None:
        life.server.wait()
        if instance in self._lives:  # else it is being taken away
            on_end()

    def close(self) -> None:
        """End all of it."""
        lives, self._lives = self._lives, {}
        for life in lives.values():
            _end(life)
        self.logins.close()
        end_all([*filter(None, map(self._plane.instance, lives)), self._aside])
        self._processes.close()

    def _view(self, cloud: Cloud) -> dict[str, dict[str, object]]:
        return {each.id: asdict(_mirrored(cloud, self._plane, each)) for each in _on_instances(cloud)}


def _end(life: _Life) -> None:
    life.over.set()
    if life.clock is not None:
        life.clock.stop()


def _on_instances(cloud: Cloud) -> Iterator[Eni]:
    """What mirrored frames come from and go to."""
    return (each for each in cloud.enis.values() if each.owner.startswith("i-") and each.vpc in cloud.vpcs)


def _address(eni: Eni, *, is_v6: bool) -> str:
    return next((each for each in eni.addresses if (":" in each) == is_v6), "")


def _mirrored(cloud: Cloud, plane: RoutedPlane, eni: Eni) -> mirror.Eni:
    subnet = cloud.subnets[eni.subnet].cidrs[0]
    space = plane.namespaces[names.space("vpc", eni.vpc)]
    port, address = names.device("p", eni.id), _address(eni, is_v6=False)
    return mirror.Eni(port, eni.mac, address, router_mac(subnet), subnet, MTU, space)


def _pairs(cloud: Cloud, plane: RoutedPlane, sessions: Sequence[LabSession]) -> dict[str, list[guard.Pair]]:
    """Namespace of a VPC -> what is to be enforced at its ports."""
    found: dict[str, list[guard.Pair]] = {}
    for session in sessions:
        target = cloud.enis.get(session.target)
        if session.guard is not None and target is not None and target.vpc in cloud.vpcs:
            space = plane.namespaces[names.space("vpc", target.vpc)]
            found.setdefault(space, []).append(guard.Pair(names.device("p", target.id), session.guard))
    return found


def _instances(cloud: Cloud) -> list[LabInstance]:
    """Those that run."""
    enis: dict[str, list[LabEni]] = {}
    for eni in _on_instances(cloud):
        cidr, *v6 = cloud.subnets[eni.subnet].cidrs
        addresses = (_address(eni, is_v6=False), _address(eni, is_v6=True))
        found = LabEni(eni.id, eni.mac, *addresses, eni.index, cidr, v6[0] if v6 else "")
        enis.setdefault(eni.owner, []).append(found)
    return [LabInstance(each, cloud.names.get(each, each), tuple(mine), _ROLES) for each, mine in enis.items()]


def ssh_names(cloud: Cloud) -> list[str]:
    """By which names a client may know the instances."""
    found = _instances(cloud)
    return [*(each.id for each in found), *(eni.ipv4 for each in found for eni in each.enis)]
