"""What preflight knows of a source and its target: plain facts, as EC2's describes tell them. What lies between them is
``vpcshark.network``'s.

Ids and texts are "" where AWS says nothing. A part that could not be asked for is named in ``Picture.unknown``, and its
list is empty. Must not know how the facts were asked for, nor what they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vpcshark.network import facts
from vpcshark.network.facts import Network
from vpcshark.traffic_mirroring import VXLAN_PORT


@dataclass(frozen=True)
class Interface:
    """An ENI. ``address`` is its primary private IPv4 address, which outer frames come from and go to; ``has_ipv6``:
    its own packets may be IPv6; ``kind`` EC2's interface type; ``requester`` which AWS service manages it;
    ``instance_state`` of the instance it is attached to. ``is_listed``: AWS's list of types that can be mirrored has
    its instance's; ``most_sources`` that a target on it can have."""

    id: str
    name: str = ""
    kind: str = "interface"
    is_managed: bool = False
    requester: str = ""
    attachment: str = ""
    instance: str = ""
    instance_type: str = ""
    instance_state: str = ""
    vpc: str = ""
    subnet: str = ""
    az: str = ""
    address: str = ""
    has_ipv6: bool = False
    groups: tuple[str, ...] = ()
    is_listed: bool = True
    most_sources: int = 10


@dataclass(frozen=True)
class Session:
    """A mirror session; ``holder`` says whose it is, as far as its tags tell."""

    id: str
    source: str
    target: str
    number: int
    holder: str = ""


@dataclass(frozen=True)
class MirrorTarget:
    """A mirror target: an ENI, a Network Load Balancer (ARN) or a Gateway Load Balancer endpoint."""

    id: str
    eni: str = ""
    balancer: str = ""
    endpoint: str = ""


@dataclass(frozen=True)
class Registered:
    """What is registered with a load balancer's target group: an instance or an address. ``port`` is where it is sent
    to."""

    id: str
    az: str
    health: str
    reason: str = ""
    port: int = VXLAN_PORT


@dataclass(frozen=True)
class Listener:
    """A load balancer's listener and what is registered behind it."""

    id: str
    protocol: str
    port: int
    target_group: str = ""
    registered: tuple[Registered, ...] = ()


@dataclass(frozen=True)
class Balancer:
    """A load balancer. A target is one of the kind "network"; one of the kind "gateway" is behind an endpoint."""

    arn: str
    name: str
    vpc: str
    kind: str = "network"
    state: str = "active"
    is_cross_zone: bool = False
    zones: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    listeners: tuple[Listener, ...] = ()


@dataclass(frozen=True)
class Endpoint:
    """A Gateway Load Balancer endpoint that is a target. ``service`` is the name of the endpoint service that it leads
    to."""

    id: str
    kind: str
    vpc: str
    state: str
    subnets: tuple[str, ...] = ()
    service: str = ""


@dataclass(frozen=True)
class Plan:
    """What the capture will do and what it is told: ``packet_length`` bytes of each frame (None: whole frames), the
    price of a session's hour and of a GB between availability zones (both directions together), in USD, with the date
    ``priced``; ``host_type`` of a host that is launched for it, whose hour costs ``host_hour`` (0: not
    known); ``listed`` is the date of AWS's list of instance types; ``mirror_target`` the one that stands already and is
    used, "" where one is made."""

    packet_length: int | None = None
    session_hour: float = 0.0
    zone_gb: float = 0.0
    priced: str = ""
    host_type: str = ""
    host_hour: float = 0.0
    listed: str = ""
    mirror_target: str = ""


@dataclass(frozen=True)
class Picture:
    """Everything. ``target`` is the capture host's ENI, None where the target is a load balancer or cannot be seen;
    ``hosts`` are the ENIs that are registered behind a load balancer, as far as they can be seen; ``peers`` the
    security groups of what is in front of the target: whoever admits those admits the source's frames.

    ``network`` is what lies between them; ``unknown`` maps a part ("acls", "sessions", …) to the sentence why it could
    not be asked for; ``bandwidth`` maps an instance type to EC2's words for its network speed; ``permitted`` an IAM
    action to what DryRun said (None: it can't tell), empty where that was not asked.
    """

    source: Interface
    target: Interface | None = None
    balancer: Balancer | None = None
    endpoint: Endpoint | None = None
    hosts: tuple[Interface, ...] = ()
    peers: tuple[str, ...] = ()
    network: Network = field(default_factory=Network)
    sessions: tuple[Session, ...] = ()
    mirror_targets: tuple[MirrorTarget, ...] = ()
    bandwidth: Mapping[str, str] = field(default_factory=dict)
    permitted: Mapping[str, bool | None] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    region: str = ""
    profile: str = ""

    @property
    def ways(self) -> tuple[Picture, ...]:
        """A picture with a target for each way that the frames take: itself; or, where they go to a load balancer, one
        for each subnet of its VPC with a registered host, which stands for the load balancer's own subnet there: no
        describe shows its addresses."""
        if self.target is not None:
            return (self,)
        if self.balancer is None:
            return ()
        near = {host.subnet: host for host in reversed(self.hosts) if host.vpc == self.balancer.vpc}
        return tuple(self.towards(host) for host in reversed(near.values()))

    def towards(self, host: Interface) -> Picture:
        """The same with ``host`` as the target, whatever is in front of it."""
        peers = self.balancer.groups if self.balancer is not None else ()
        return replace(self, target=host, balancer=None, endpoint=None, hosts=(), peers=peers)

    def subnet(self, subnet_id: str) -> facts.Subnet | None:
        """The subnet with this id, None if it was not shown."""
        return self.network.subnets.get(subnet_id)
