"""A small VPC of real namespaces for each module, and tools that look into it from outside: tcpdump, tshark, ip."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.utils import RawPcapReader

from vpcshark.lab.model import LabEni, LabInstance, LabRule, LabSession, LabWorld
from vpcshark.lab.vpc.plane import NamespacePlane

PATIENCE = 20.0
HOLD_PORT = "import socket, sys; s = socket.socket(2, 2); s.bind(('', 4789)); print('up', flush=True); sys.stdin.read()"


class Recording:
    """A running tcpdump at ``eth0`` of an instance (or another device), and what it wrote."""

    def __init__(self, vpc: Vpc, instance: str, device: str) -> None:
        self._vpc, self._instance = vpc, instance
        self._path = vpc.folder / f"{instance}-{secrets.token_hex(4)}.pcap"
        options = ["-Z", "root", "-i", device, "-nn", "-U", "-B", "32768", "--immediate-mode", "-w", str(self._path)]
        command = [*vpc.inside(instance), "tcpdump", *options]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr
        while "listening on" not in (line := self._process.stderr.readline()):
            assert line, "tcpdump did not start"

    def stop(self, sender: str = "", receiver: str = "") -> Path:
        """The file, once tcpdump has written all that came before now: it must see a marker that ``sender`` sends
        to the address ``receiver``; if not given, the instance itself to its router."""
        sender = sender or self._instance
        marker = secrets.token_bytes(16)
        deadline = time.monotonic() + PATIENCE
        self._vpc.run(sender, "ping", "-c", "1", "-p", marker.hex(), receiver or self._vpc.router(sender))
        while marker not in self._path.read_bytes():
            assert time.monotonic() < deadline, "tcpdump has not seen the marker"
            time.sleep(0.01)
        return self._end()

    def _end(self) -> Path:
        self._process.terminate()
        _, errors = self._process.communicate(timeout=PATIENCE)
        assert "\n0 packets dropped by kernel" in errors, errors
        return self._path

    def frames(self, sender: str = "", receiver: str = "") -> list[bytes]:
        """Stop, and all frames."""
        with RawPcapReader(str(self.stop(sender, receiver))) as reader:
            return [bytes(data) for data, _ in reader]

    def copies(self) -> list[Ether]:
        """Stop, and the VXLAN datagrams among the frames, as scapy reads them."""
        packets = (Ether(frame) for frame in self.frames() if frame[12:14] == b"\x08\x00" and frame[23] == 17)
        return [packet for packet in packets if UDP in packet and packet[UDP].dport == 4789]


class Vpc:
    """A running plane under test."""

    def __init__(self, folder: Path, world: LabWorld) -> None:
        self.name = f"t{secrets.token_hex(3)}"
        self.folder = folder
        self.world = world
        self.plane = NamespacePlane(folder, self.name)

    def eni(self, name: str, index: int = 0) -> LabEni:
        """An ENI of the instance called ``name``."""
        return next(i for i in self.world.instances if i.name == name).enis[index]

    def router(self, instance: str) -> str:
        """The router's address in the instance's subnet."""
        return self.eni(instance).subnet_cidr.replace(".0/24", ".1")

    def inside(self, instance: str) -> list[str]:
        """What comes before a command to run it inside the instance ("": this machine)."""
        return ["ip", "netns", "exec", f"{self.name}-{instance}"] if instance else []

    def run(self, instance: str, *command: str, check: bool = True) -> str:
        """The output of a command inside the instance."""
        full = [*self.inside(instance), *command]
        done = subprocess.run(full, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout

    def python(self, instance: str, text: str) -> str:
        """The output of a Python program inside the instance."""
        return self.run(instance, sys.executable, "-c", text)

    def processes(self) -> list[int]:
        """What runs in the VPC, as ip(8) says."""
        names = [f"{self.name}-{name}" for name in ("vpc", *(instance.name for instance in self.world.instances))]
        return [int(pid) for name in names for pid in self.run("", "ip", "netns", "pids", name).split()]

    def processes_of(self, module: str) -> list[int]:
        """Those of them that run one of our modules."""
        return [pid for pid in self.processes() if module in Path(f"/proc/{pid}/cmdline").read_text()]

    def world_as_json(self) -> str:
        """The world for a process of its own."""
        return json.dumps(asdict(self.world))

    def await_frames(self, instance: str, count: int, filter_text: str = "") -> None:
        """Return when ``count`` more frames have passed the instance's eth0."""
        options = ["-i", "eth0", "-nn", "-c", str(count), "--immediate-mode", "-w", "/dev/null"]
        self.run(instance, "tcpdump", "-Z", "root", *options, filter_text)

    def record(self, instance: str, device: str = "eth0") -> Recording:
        """Start tcpdump inside the instance; returns when it captures."""
        return Recording(self, instance, device)

    def session(self, source: str = "web-1", target: str = "cap-1", **changes: Any) -> LabSession:
        """A session that mirrors everything."""
        facts: dict[str, Any] = {"id": "tms-1", "number": 1, "vni": 77, "rules": everything(), "amazon_dns": True}
        facts |= {"source": self.eni(source).id, "target": self.eni(target).id}
        return LabSession(**{**facts, **changes})


def everything(*before: LabRule) -> tuple[LabRule, ...]:
    """Rules that accept everything, after those given."""
    ways = [(direction, cidr) for direction in ("ingress", "egress") for cidr in ("0.0.0.0/0", "::/0")]
    return (*before, *(LabRule(1000 + number, way, "accept", cidr, cidr) for number, (way, cidr) in enumerate(ways)))


def inner_frame(copy: Ether) -> bytes:
    """What a VXLAN datagram carries, as scapy takes it apart."""
    return bytes(copy[VXLAN].payload)


def lab_eni(number: int, subnet: int, index: int = 0, octet: int = 98) -> LabEni:
    """An ENI in 10.<octet>.<subnet>.0/24; ``octet`` tells VPCs apart that stand side by side."""
    return LabEni(
        id=f"eni-{number:017x}",
        mac=f"0a:00:00:{octet:02x}:00:{number:02x}",
        ipv4=f"10.{octet}.{subnet}.{10 + number}",
        ipv6=f"2600:1f{octet}:0:{subnet}::{10 + number:x}",
        device_index=index,
        subnet_cidr=f"10.{octet}.{subnet}.0/24",
        subnet_ipv6_cidr=f"2600:1f{octet}:0:{subnet}::/64",
    )


def lab_world(octet: int = 98, *more: LabInstance) -> LabWorld:
    """web-1 (two ENIs) and db-1 talk with each other, cap-1 is a capture host in web-1's subnet."""
    instances = (
        LabInstance("i-1", "web-1", (lab_eni(1, 1, 0, octet), lab_eni(9, 2, 1, octet)), ("http", "dns", "talk:db-1")),
        LabInstance("i-2", "db-1", (lab_eni(2, 2, 0, octet),), ("http", "dns", "talk:web-1")),
        LabInstance("i-3", "cap-1", (lab_eni(3, 1, 0, octet),), ("sshd",)),
        *more,
    )
    return LabWorld(f"10.{octet}.0.0/16", f"2600:1f{octet}::/48", f"10.{octet}.0.2", instances)


def require_root() -> None:
    """Namespaces need root. In CI such a test must run; elsewhere it may be skipped."""
    if os.geteuid() != 0 or not all(shutil.which(tool) for tool in ("ip", "tcpdump", "tshark", "ssh", "ping")):
        reason = "network namespaces need root, iproute2, tcpdump, tshark, ssh and ping"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def make_keys(folder: Path) -> None:
    """The keys that a lab's folder holds."""
    (folder / "ssh").mkdir(parents=True)
    for key in ("id_ed25519", "host_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "ssh" / key], check=True)


@pytest.fixture(scope="module")
def make_vpc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Vpc]]:
    """Makes planes (not started yet) that are taken down after the module."""
    require_root()
    made: list[Vpc] = []

    def make(world: LabWorld, has_keys: bool = True) -> Vpc:
        folder = tmp_path_factory.mktemp("lab")
        if has_keys:
            make_keys(folder)
        made.append(Vpc(folder, world))
        return made[-1]

    yield make
    for vpc in made:
        vpc.plane.stop()


@pytest.fixture(scope="module")
def shared_vpc(make_vpc: Callable[..., Vpc]) -> Vpc:
    """One running VPC for all tests of a module."""
    vpc = make_vpc(lab_world())
    vpc.plane.start(vpc.world)
    return vpc


@pytest.fixture
def vpc(shared_vpc: Vpc) -> Iterator[Vpc]:
    """The running VPC, without sessions before and after the test."""
    yield shared_vpc
    shared_vpc.plane.apply([])


@pytest.fixture
def receiver(vpc: Vpc) -> Iterator[None]:
    """Something that holds UDP 4789 on cap-1, as a capture host does."""
    command = [*vpc.inside("cap-1"), sys.executable, "-c", HOLD_PORT]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    yield
    process.communicate(b"", timeout=PATIENCE)


@pytest.fixture(scope="session")
def world_of() -> Callable[..., LabWorld]:
    """``lab_world`` for tests."""
    return lab_world


@pytest.fixture(scope="session")
def eni_of() -> Callable[..., LabEni]:
    """``lab_eni`` for tests."""
    return lab_eni


@pytest.fixture(scope="session")
def accept_everything() -> Callable[..., tuple[LabRule, ...]]:
    """``everything`` for tests."""
    return everything


@pytest.fixture(scope="session")
def inner() -> Callable[[Ether], bytes]:
    """``inner_frame`` for tests."""
    return inner_frame


@pytest.fixture(scope="session")
def without() -> Callable[[list[bytes], list[bytes]], list[bytes]]:
    """``without(a, b)``: the frames of ``a`` that are not in ``b``, counting how often each is there."""
    return lambda some, others: list((Counter(some) - Counter(others)).elements())
