"""Mirror targets that lead to several hosts: a Network Load Balancer, a Gateway Load Balancer's endpoint, either as an
existing target (tmt-…), perhaps of another account.

https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-targets.html. Makes nothing. Must not know captures,
nor which ENIs the hosts have.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.balancing import load_balancers
from vpcshark.aws.balancing.facts import Balancer, Endpoint, Listener, Member
from vpcshark.aws.client import Aws
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.errors import mapped
from vpcshark.aws.mirroring import existing
from vpcshark.aws.mirroring.existing import Target
from vpcshark.errors import AwsError, InputError, Mistake
from vpcshark.traffic_mirroring import VXLAN_PORT

log = logging.getLogger(__name__)

GATEWAY = "GatewayLoadBalancer"  # the type of its endpoints
GENEVE_PORT = 6081  # https://docs.aws.amazon.com/elasticloadbalancing/latest/gateway/gateway-load-balancers.html
MOST_PACKET = 8500
"""Bytes of a frame that a session to a Network Load Balancer may have (CreateTrafficMirrorSession, PacketLength), and
of a packet that an endpoint takes (Traffic Mirroring quotas, "Packets")."""
OVERHEAD = 54  # "set the MTU … to 54 bytes less" (Traffic Mirroring limitations, MTU)
_SERVICE_ID = re.compile(r"vpce-svc-[0-9a-f]+$")
_UDP = ("UDP", "TCP_UDP")
HEALTHY = "healthy"


@dataclass(frozen=True)
class Fleet:
    """A target with what receives behind it. ``resource`` is what the target is made of: an ENI's id, a load
    balancer's ARN, an endpoint's id; ``target`` an existing target's id, "" where one is to be made. ``members`` are
    registered in ``vpc``; ``named`` are the hosts that the user named in their place. ``is_geneve``: frames come in
    Geneve (RFC 8926) around the VXLAN. ``owner`` is the account of an existing target; ``unseen`` why it cannot
    be told who receives, "" where it can."""

    resource: str
    name: str
    target: str = ""
    members: tuple[Member, ...] = ()
    vpc: str = ""
    named: tuple[CaptureHost, ...] = ()
    is_geneve: bool = False
    owner: str = ""
    unseen: str = ""
    balancer: Balancer | None = None
    endpoint: Endpoint | None = None

    @property
    def has_one_host(self) -> bool:
        """Is it an ENI, whose number of sources is limited?"""
        return self.resource.startswith("eni-")

    @property
    def tells_its_faults(self) -> bool:
        """Does preflight see by the load balancer's or endpoint's own facts why nobody receives?"""
        is_wrong = self.endpoint is not None and self.endpoint.kind != GATEWAY
        return self.balancer is not None or is_wrong

    def packet_length(self, wanted: int | None) -> int | None:
        """The session's PacketLength for what the user wants (None: whole frames). A frame that is too long for the
        way to a load balancer would not be cut there, but lost. Mistake for more than AWS takes."""
        if self.has_one_host:
            return wanted
        most = MOST_PACKET - OVERHEAD if self.is_geneve else MOST_PACKET
        if wanted is not None and wanted > most:
            raise Mistake(
                f"Mirrored frames to {self.name} can have {most} bytes at most, and {wanted} are wanted.",
                f"Give at most {most} with --packet-length, or none.",
            )
        return wanted or most

    def is_spare(self, host: CaptureHost) -> bool:
        """Is the host one that gets nothing as long as its health is as it is now? Where none is healthy, all get
        their share (Network Load Balancers, "Target group health")."""
        health = {one.id: one.health for one in self.members}
        if HEALTHY not in health.values():
            return False
        return health.get(host.instance, health.get(host.address, HEALTHY)) != HEALTHY


def behind_target(aws: Aws, identity: str) -> Fleet:
    """An existing target (tmt-…). Mistake where there is none; AwsError."""
    return _behind_target(aws, existing.find_target(aws.ec2, identity))


def behind_balancer(aws: Aws, *, name: str = "", arn: str = "") -> Fleet:
    """A Network Load Balancer, by its name or its ARN. Mistake for none, or one of another kind; AwsError."""
    elb = aws.client("elbv2")
    return _behind_balancer(elb, arn or load_balancers.arn_of(elb, name))


def _behind_target(aws: Aws, target: Target) -> Fleet:
    """Another account's may be ours to use, and what it is made of not ours to see (AWS RAM)."""
    resource = target.eni or target.endpoint or target.balancer
    unseen = Fleet(resource, target.name, is_geneve=bool(target.endpoint))
    if target.eni:
        return replace(unseen, target=target.id, owner=target.owner)
    try:
        found = (
            behind_endpoint(aws, target.endpoint)
            if target.endpoint
            else _behind_balancer(aws.client("elbv2"), target.balancer)
        )
    except (AwsError, InputError) as error:
        log.info("%s", error)
        found = replace(unseen, unseen=str(error))
    return replace(found, target=target.id, owner=target.owner)


def _behind_balancer(elb: Any, arn: str) -> Fleet:
    found = load_balancers.find_balancer(elb, arn)
    if found.kind != "network":
        raise Mistake(
            f"The load balancer {found.name} is of the kind {found.kind}, and mirrored frames go to Network ones.",
            "For a Gateway Load Balancer, give its endpoint (--host vpce-…).",
        )
    heard = [each for each in found.listeners if each.protocol in _UDP and each.port == VXLAN_PORT]
    unseen = "" if heard else f"It has no listener for UDP {VXLAN_PORT}."
    members, vpc = _members(found, heard, VXLAN_PORT), found.vpc
    return Fleet(arn, found.name, members=members, vpc=vpc, balancer=found, unseen=unseen)


def behind_endpoint(aws: Aws, identity: str) -> Fleet:
    """The Gateway Load Balancers of an endpoint's (vpce-…) service, which only its provider's account can see. Mistake
    where there is no such endpoint; AwsError."""
    endpoint = load_balancers.find_endpoint(aws.ec2, identity)
    alone = Fleet(identity, identity, is_geneve=True, endpoint=endpoint)
    if endpoint.kind != GATEWAY:
        return replace(alone, unseen=f"It is an endpoint of the type {endpoint.kind}, which is no target.")
    service = _SERVICE_ID.search(endpoint.service)
    if service is None:
        return replace(alone, unseen=f"It leads to {endpoint.service or 'no known service'}.")
    try:
        with mapped("look up what the endpoint leads to"):
            answer = aws.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[service[0]])
    except AwsError as error:
        log.info("%s", error)
        return replace(alone, unseen=str(error))
    arns = [arn for each in answer["ServiceConfigurations"] for arn in each.get("GatewayLoadBalancerArns", [])]
    elb = aws.client("elbv2")
    calls: list[Callable[[], Balancer]] = [partial(load_balancers.find_balancer, elb, arn) for arn in arns]
    behind = threads.together(calls)
    members = tuple(one for each in behind for one in _members(each, each.listeners, GENEVE_PORT))
    return replace(alone, members=members, vpc=behind[0].vpc if behind else "")


def _members(balancer: Balancer, heard: Sequence[Listener], port: int) -> tuple[Member, ...]:
    members = tuple(dict.fromkeys(_all(heard)))
    elsewhere = next((one for one in members if one.port and one.port != port), None)
    if elsewhere is not None:
        raise Mistake(
            f"The load balancer {balancer.name} sends frames to port {elsewhere.port} of {elsewhere.id}, and the"
            f" receiver takes them at {port}.",
            f"Register the capture hosts with port {port}.",
        )
    return members


def _all(heard: Sequence[Listener]) -> Iterator[Member]:
    for listener in heard:
        yield from listener.registered
