"""What the lab's API and its data plane tell each other: plain facts, no behaviour.

The API (moto and our Traffic Mirroring) owns the state; the data plane is told the whole of it after each change.
Must not know moto, namespaces or Wireshark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vpcshark.lab.guards import Guard

VXLAN_PORT = 4789  # RFC 7348, section 8; nothing else of the lab says it


@dataclass(frozen=True)
class LabEni:
    """One network interface as the EC2 API reports it. ``device_index`` 0 is the instance's eth0."""

    id: str
    mac: str
    ipv4: str
    ipv6: str
    device_index: int
    subnet_cidr: str
    subnet_ipv6_cidr: str


@dataclass(frozen=True)
class LabInstance:
    """One instance. ``roles`` says what runs in it: "http", "dns", "talk:<name>" (makes traffic to the instance of
    that Name), "sshd", "ssm" (Session Manager's agent), "console" (its console output still has its host keys),
    "without:<program>" (its users find no such program), "host" (it is this machine's root namespace, not a namespace
    of its own), "launched" (it came later, as a machine of its own: without a key pair, with a boot clock, a /run and a
    shutdown of its own, and cloud-init runs its ``user_data``)."""

    id: str
    name: str
    enis: tuple[LabEni, ...]
    roles: tuple[str, ...] = ()
    user_data: str = ""
    key: str = ""


@dataclass(frozen=True)
class LabRule:
    """A mirror filter rule. Ports are inclusive (low, high); ``protocol`` is the IP protocol number; None: any."""

    number: int
    direction: str  # "ingress" | "egress", seen from the source
    action: str  # "accept" | "reject"
    source_cidr: str
    destination_cidr: str
    protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None


@dataclass(frozen=True)
class LabSession:
    """A mirror session in force. ``packet_length`` counts bytes of the inner frame; None: whole frames.

    ``target`` is an ENI's id, or "" where a load balancer shares the frames out among the ENIs ``behind`` it, by flow.
    Through a Gateway Load Balancer's ``endpoint`` (its id) they come in Geneve.

    ``resolver`` is the DNS address of the source's VPC: traffic with it is mirrored only with ``amazon_dns``. ``guard``
    is what stands between source and target (None: nothing is enforced).
    """

    id: str
    number: int
    vni: int
    source: str  # ENI id
    target: str  # ENI id
    packet_length: int | None = None
    amazon_dns: bool = False
    rules: tuple[LabRule, ...] = ()
    resolver: str = ""
    guard: Guard | None = None
    behind: tuple[str, ...] = ()
    endpoint: str = ""


@dataclass(frozen=True)
class LabWorld:
    """Everything that stands in the VPC. ``resolver`` is the VPC's DNS address (base + 2)."""

    vpc_cidr: str
    vpc_ipv6_cidr: str
    resolver: str
    instances: tuple[LabInstance, ...] = field(default=())


class DataPlane(Protocol):
    """What carries packets: network namespaces as root, synthetic datagrams to loopback without."""

    def start(self, world: LabWorld) -> None:
        """Build the world and start its traffic; returns when packets flow."""

    def apply(self, sessions: Sequence[LabSession]) -> None:
        """Mirror exactly these sessions from now on; returns when they are in force."""

    def stop(self) -> None:
        """Take everything down that ``start`` made, and nothing else."""


class Machines(Protocol):
    """A data plane that instances may come to and go from. All methods raise VpcsharkError."""

    def launch(self, instance: LabInstance, on_end: Callable[[], None]) -> None:
        """Boot it; returns when its network is there. ``on_end`` is told, in another thread, that it shut down."""

    def remove(self, instance: str) -> None:
        """Take it away; returns when nothing of it is left. One that is not there is done."""
