"""Which data plane a lab has, and the network that it may use.

Must not know the API.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from vpcshark.errors import VpcsharkError
from vpcshark.lab.model import DataPlane, LabSession, LabWorld

KINDS = ("auto", "namespaces", "loopback", "none")
_NUMBERS = range(101, 200)


class NoPlane:
    """No packets at all: for tests of the API alone."""

    def start(self, world: LabWorld) -> None:
        """Nothing to build."""

    def apply(self, sessions: Sequence[LabSession]) -> None:
        """Nothing to mirror."""

    def stop(self) -> None:
        """Nothing to take down."""


def resolve(kind: str) -> str:
    """The kind that "auto" means here: namespaces for root on Linux, else loopback."""
    if kind != "auto":
        return kind
    return "namespaces" if sys.platform == "linux" and os.geteuid() == 0 else "loopback"


def make(kind: str, folder: Path) -> DataPlane:
    """The data plane of the lab in ``folder``; a stopped one of a crashed lab can be made anew to clean up."""
    if kind == "namespaces":
        from vpcshark.lab.vpc.plane import NamespacePlane

        return NamespacePlane(folder, folder.name)
    if kind == "loopback":
        from vpcshark.lab.loopback import LoopbackPlane

        return LoopbackPlane()
    return NoPlane()


class NetworkClaim:
    """A 10.N.0.0/16 that no route of this machine and no other lab uses, held until ``release``.

    The claim is an abstract unix socket: it belongs to this network namespace and ends with the process.
    """

    def __init__(self) -> None:
        taken = routed_networks(Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:])
        for number in _NUMBERS:
            network = IPv4Network(f"10.{number}.0.0/16")
            if any(network.overlaps(other) for other in taken):
                continue
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self._socket.bind(f"\0vpcshark-lab-{network}")
            except OSError:
                self._socket.close()
                continue
            self.number = number
            return
        raise VpcsharkError("No network 10.101.0.0/16 to 10.199.0.0/16 is free on this machine.", "Stop a lab.")

    def release(self) -> None:
        """Let others have it."""
        self._socket.close()


def second_network(first: str) -> str:
    """Where a lab with the VPC ``first`` (10.N.0.0/16) has machines too, for VPCs that are made later: no two labs have
    the same, and it is of the block that RFC 6598 keeps for carriers."""
    number = int(first.split(".")[1]) - _NUMBERS[0]
    return f"100.{64 + number // 2}.{number % 2 * 128}.0/17"


def routed_networks(lines: Iterable[str]) -> list[IPv4Network]:
    """The networks of /proc/net/route's lines, without the default routes (proc(5): little-endian hexadecimal)."""
    networks = []
    for line in lines:
        fields = line.split()
        address, mask = (int.from_bytes(bytes.fromhex(field), "little") for field in (fields[1], fields[7]))
        if mask:
            networks.append(IPv4Network((int(IPv4Address(address & mask)), bin(mask).count("1"))))
    return networks
