"""The lab's process: brings API and data plane up, stays until it is told to end, leaves nothing behind.

Started by ``commands`` as ``python -m vpcshark.lab.daemon FOLDER KIND LOCK [--attached] [--topology FILE]``. It holds
the folder's lock (descriptor LOCK). stdout: one JSON event per line until it is ready or has failed; stderr: the log.
It ends on SIGTERM or SIGINT, and, attached, at the end of its stdin: that is when whoever started it is gone.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpcshark.clock import SystemClock
from vpcshark.errors import VpcsharkError
from vpcshark.lab import environment, homes, keys, planes, wiresharks
from vpcshark.lab.api.switches import PROFILES, SWITCHES
from vpcshark.lab.model import LabWorld

if TYPE_CHECKING:
    from vpcshark.lab.api.server import ApiServer
    from vpcshark.lab.vpc.gateways import Gateways
    from vpcshark.lab.vpc.plane import NamespacePlane

_log = logging.getLogger(__name__)


def main() -> int:
    """Run the lab to its end; the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", choices=planes.KINDS)
    parser.add_argument("lock", type=int)
    parser.add_argument("--attached", action="store_true")
    parser.add_argument("--topology", type=Path)
    arguments = parser.parse_args()
    os.set_inheritable(arguments.lock, False)
    homes.sign(arguments.lock)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    if arguments.attached:
        threading.Thread(target=_watch_input, args=(ending,), name="lab-owner", daemon=True).start()
    bring_up = partial(_bring_up, kind=planes.resolve(arguments.kind))
    if arguments.topology is not None:
        bring_up = partial(_bring_up_topology, file=arguments.topology)
    return _live(arguments.folder, bring_up, ending)


def _live(folder: Path, bring_up: Callable[[Path, ExitStack], None], ending: threading.Event) -> int:
    with ExitStack() as undo:
        try:
            bring_up(folder, undo)
        except VpcsharkError as error:
            _log.exception("the lab does not start")
            _tell("failed", problem=error.problem, remedy=error.remedy)
            return 1
        except Exception as error:  # noqa: BLE001 - whoever waits for us must hear of it
            _log.exception("the lab does not start")
            _tell("failed", problem=f"The lab does not start: {error!r}.", remedy="")
            return 1
        _tell("ready")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads on
        ending.wait()
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _bring_up(folder: Path, undo: ExitStack, kind: str) -> None:
    server, client = _start_api(folder, undo)
    _tell("progress", text="making a VPC")
    world = _seed(client("ec2"), client("iam"), kind, undo)
    plane = planes.make(kind, folder)
    keys.make(folder / "ssh")
    keys.write_known_hosts(folder / "ssh", ssh_names(world))
    _tell("progress", text="starting its traffic")
    undo.callback(plane.stop)
    plane.start(world)
    server.tell(plane)
    if kind == "namespaces":
        from vpcshark.lab.api import moto_launch
        from vpcshark.lab.vpc.plane import NamespacePlane

        assert isinstance(plane, NamespacePlane)
        opened = _open_gateways(folder, world, client("ec2"), undo)
        _check_sources(folder, plane, server)
        _keep_flow_logs(folder, world, plane, server, undo)
        networks = f"{world.vpc_cidr} {planes.second_network(world.vpc_cidr)}"
        moto_launch.install(moto_launch.Fleet(plane, networks, opened.join, opened.leave))
    _write_facts(folder, server.endpoint, client("iam"), kind)


def _bring_up_topology(folder: Path, undo: ExitStack, file: Path) -> None:
    from vpcshark.lab.topologies import spec

    wanted = spec.load(file)
    server, client = _start_api(folder, undo)
    from vpcshark.lab.topologies import running

    _tell("progress", text=f"making the topology {wanted.name}")
    live = running.bring_up(folder, wanted, server, client, undo)
    _tell("progress", text="opening its instances")
    running.manage(folder, live, server, undo)
    _write_facts(folder, server.endpoint, client("iam"), f"the topology {wanted.name}")


def _start_api(folder: Path, undo: ExitStack) -> tuple[ApiServer, Callable[[str], Any]]:
    """The API, and a maker of clients for it by a service's name."""
    _tell("progress", text="starting the EC2 API")
    import boto3

    from vpcshark.lab.api.server import ApiServer

    _make_folders(folder)
    SWITCHES.set(**PROFILES[os.environ.get("VPCSHARK_LAB_PROFILE", "at-once")])
    SWITCHES.set(record=os.environ.get("VPCSHARK_LAB_RECORD", ""))
    server = ApiServer()
    undo.callback(server.stop)
    server.start()
    return server, _clients(boto3, server.endpoint)


def _write_facts(folder: Path, endpoint: str, iam: Any, kind: str) -> None:
    from vpcshark.lab.seed import make_keys

    variables = environment.variables(folder, endpoint, *make_keys(iam))
    if (folder / "ca.pem").exists():
        variables["AWS_CA_BUNDLE"] = str(folder / "ca.pem")  # of the Instance Connect Endpoint
    variables |= wiresharks.prepare(folder, _wireshark_folders(), shutil.which, is_root=os.geteuid() == 0)
    homes.write_facts(folder, {"pid": os.getpid(), "data_plane": kind, "environment": variables})


def _check_sources(folder: Path, plane: NamespacePlane, server: ApiServer) -> None:
    from vpcshark.lab.api.moto_firewalls import checked
    from vpcshark.lab.vpc.source_check import SourceCheck

    check = SourceCheck(f"{folder.name}-vpc")

    def look() -> None:
        now = checked()
        plane.at_ports(lambda ports: check.enforce(now, ports))

    server.listen(look)
    look()


def _keep_flow_logs(folder: Path, world: LabWorld, plane: NamespacePlane, server: ApiServer, undo: ExitStack) -> None:
    from vpcshark.lab.api.moto_firewalls import firewalls
    from vpcshark.lab.api.moto_flow_logs import MotoAccount
    from vpcshark.lab.vpc.flow_logging import FlowLogging

    kept = FlowLogging(plane, f"{folder.name}-vpc", world.resolver, MotoAccount(), firewalls, SystemClock())
    undo.callback(kept.close)
    server.controls["flow-logs"] = kept.control
    server.listen(kept.look)


def _wireshark_folders() -> str:
    """What Wireshark says of its folders; "" where it is not installed."""
    tshark = shutil.which("tshark")
    if tshark is None:
        return ""
    return subprocess.run([tshark, "-G", "folders"], capture_output=True, text=True, check=False).stdout


def _open_gateways(folder: Path, world: LabWorld, ec2: Any, undo: ExitStack) -> Gateways:
    from vpcshark.lab.api import moto_iam, moto_logins
    from vpcshark.lab.vpc import gateways

    eni = world.instances[0].enis[0].id
    described = ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
    place = {name: described[name] for name in ("VpcId", "SubnetId", "AvailabilityZone")}
    asked = {"GroupName": "lab-endpoint", "Description": "Of the Instance Connect Endpoint", "VpcId": place["VpcId"]}
    place["SecurityGroupIds"] = [ec2.create_security_group(**asked)["GroupId"]]
    opened = gateways.Gateways(folder, f"{folder.name}-vpc", world, place, environment.REGION, moto_iam)
    undo.callback(opened.close)
    moto_logins.install(opened)
    return opened


def ssh_names(world: LabWorld) -> list[str]:
    """The names by which a ssh client may know the lab's capture hosts: addresses and instance id."""
    hosts = [instance for instance in world.instances if "sshd" in instance.roles]
    addresses = [address for host in hosts for eni in host.enis for address in (eni.ipv4, eni.ipv6) if address]
    return [*addresses, *(host.id for host in hosts)]


def _seed(ec2: Any, iam: Any, kind: str, undo: ExitStack) -> LabWorld:
    from vpcshark.lab.api.moto_ec2 import mark_managed
    from vpcshark.lab.seed import Seeder

    seeder = Seeder(ec2, mark_managed, iam)
    if kind == "loopback":
        return seeder.loopback()
    if kind == "none":
        return seeder.namespaces(101)
    claim = planes.NetworkClaim()
    undo.callback(claim.release)
    return seeder.namespaces(claim.number)


def _clients(boto3: Any, endpoint: str) -> Any:
    session = boto3.session.Session("lab", "lab", region_name=environment.REGION)
    return lambda service: session.client(service, endpoint_url=endpoint)


def _make_folders(folder: Path) -> None:
    for name in ("aws", "config", "cache", "state"):
        (folder / name).mkdir(mode=0o700)
    for name in ("config", "credentials"):
        keys.write_private(folder / "aws" / name, b"")


def _tell(event: str, **facts: str) -> None:
    try:
        sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _log.warning("nobody listens: %s", event)


def _watch_input(ending: threading.Event) -> None:
    while os.read(0, 1):
        pass
    ending.set()


if __name__ == "__main__":
    sys.exit(main())
