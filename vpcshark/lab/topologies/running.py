"""A topology come alive: made in the API, built as namespaces, and following the API from then on.

Must not know how the lab's process begins or ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vpcshark.clock import SystemClock
from vpcshark.lab import environment, keys, plugin
from vpcshark.lab.api import insights, moto_cloud, moto_launch, moto_logins, moto_nodes
from vpcshark.lab.api.moto_ec2 import TURN
from vpcshark.lab.api.moto_flow_logs import MotoAccount
from vpcshark.lab.api.server import ApiServer
from vpcshark.lab.cloud import Cloud
from vpcshark.lab.topologies import health, make, spec
from vpcshark.lab.topologies.analyzing import Analyst
from vpcshark.lab.topologies.flow_logging import FlowLogging
from vpcshark.lab.topologies.make import Made
from vpcshark.lab.topologies.management import Management, ssh_names
from vpcshark.lab.topologies.nat_ports import NatPorts
from vpcshark.lab.vpc.routed.plane import Outfit, RoutedPlane

HOSTS = "hosts"
_ANYWHERE = "0.0.0.0/0"


class Running:
    """One topology with its plane. ``made`` has the ids of what the file names."""

    def __init__(self, plane: RoutedPlane, made: Made, hosts: Path) -> None:
        self.plane, self.made = plane, made
        self._hosts = hosts
        self._turn = threading.Lock()

    def follow(self) -> None:
        """Have the plane do what the API says now; an older state never comes last."""
        with self._turn:
            cloud = now()
            self.plane.follow(cloud)
            self._check()
            write_hosts(self._hosts, cloud)

    def _check(self) -> None:
        """Have load balancers check their targets; what has changed, the plane follows."""
        if self.plane.cloud.balancers:
            moto_nodes.set_health(health.checked(self.plane))
            self.plane.follow(now())


def now() -> Cloud:
    """The account as it is."""
    with TURN:
        return moto_cloud.read()


def bring_up(
    folder: Path, wanted: spec.Spec, server: ApiServer, client: Callable[[str], Any], undo: ExitStack
) -> Running:
    """Make it, build it, and have it follow; ``client`` makes clients by a service's name, ``undo`` takes the plane
    down. VpcsharkError."""
    undo.callback(moto_nodes.install, False)
    moto_nodes.install(True)
    made = make.make(wanted, client)
    plane = RoutedPlane(folder, folder.name)
    undo.callback(plane.stop)
    running = Running(plane, made, folder / HOSTS)
    cloud = now()
    plane.start(cloud, Outfit(made.serves, made.internet, made.routers))
    running.follow()
    undo.callback(server.listen(running.follow))
    kept = FlowLogging(plane, MotoAccount(), SystemClock())
    undo.callback(kept.close)
    undo.callback(server.listen(kept.look))
    server.controls["flow-logs"] = kept.control
    if wanted.nats:
        undo.callback(NatPorts(plane, MotoAccount()).close)
    undo.callback(insights.install, None)
    insights.install(Analyst(plane).analyse)
    return running


def manage(folder: Path, running: Running, server: ApiServer, undo: ExitStack) -> None:
    """Let its instances be logged in to, captured at, and launched. VpcsharkError."""
    keys.make(folder / "ssh")
    managed = Management(folder, running.plane, running.follow, SystemClock())
    undo.callback(managed.close)
    managed.start()
    keys.write_known_hosts(folder / "ssh", ssh_names(running.plane.cloud))
    moto_logins.install(managed.logins)
    programs = environment.programs(folder)
    programs.mkdir(mode=0o700, exist_ok=True)
    plugin.install(programs)
    undo.callback(moto_launch.install, None)
    moto_launch.install(moto_launch.Fleet(managed, _ANYWHERE))
    undo.callback(server.tell, None)
    server.tell(managed)


def write_hosts(path: Path, cloud: Cloud) -> None:
    """Names and addresses of the instances, as /etc/hosts has them inside."""
    text = "".join(["127.0.0.1 localhost\n", "::1 localhost\n", *_lines(cloud)])
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
        path.chmod(0o644)  # programs of any user look names up


def _lines(cloud: Cloud) -> Iterator[str]:
    for eni in cloud.enis.values():
        name = cloud.names.get(eni.owner, "")
        if name and eni.owner.startswith("i-"):
            yield from (f"{address} {name}\n" for address in eni.addresses)
