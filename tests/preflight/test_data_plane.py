"""What preflight says of a network is what the lab's data plane does: nftables and the kernel's routing judge it."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import FAULTS
from scenes import Scene
from sound import SOUND

from vpcshark.lab.api.server import ApiServer
from vpcshark.lab.model import LabEni, LabInstance, LabWorld
from vpcshark.lab.vpc import netns
from vpcshark.lab.vpc.plane import NamespacePlane
from vpcshark.preflight import Finding
from vpcshark.preflight.finding import failures

PATIENCE = 20.0
ETH_P_ALL = 3


class Wire:
    """The two instances of a scene as namespaces, and a mirror session between them."""

    def __init__(self, scene: Scene, plane: NamespacePlane, name: str) -> None:
        self._scene, self._plane, self._name = scene, plane, name
        ends = {"source": scene.source, "target": scene.target}
        plane.start(LabWorld("10.1.0.0/16", "", "10.1.0.2", tuple(self._instance(*end) for end in ends.items())))

    def _instance(self, name: str, eni: str) -> LabInstance:
        raw = self._scene.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0]
        subnet = self._scene.ec2.describe_subnets(SubnetIds=[raw["SubnetId"]])["Subnets"][0]["CidrBlock"]
        address = raw["PrivateIpAddress"]
        return LabInstance(
            raw["Attachment"]["InstanceId"], name, (LabEni(eni, raw["MacAddress"], address, "", 0, subnet, ""),)
        )

    def mirror(self) -> None:
        """Make the session, as a capture would."""
        scene, ec2 = self._scene, self._scene.ec2
        made = ec2.create_traffic_mirror_filter()["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
        for direction in ("ingress", "egress"):
            ec2.create_traffic_mirror_filter_rule(
                TrafficMirrorFilterId=made,
                TrafficDirection=direction,
                RuleNumber=1,
                RuleAction="accept",
                SourceCidrBlock="0.0.0.0/0",
                DestinationCidrBlock="0.0.0.0/0",
            )
        target = scene.mirror_target(NetworkInterfaceId=scene.target)
        ec2.create_traffic_mirror_session(
            NetworkInterfaceId=scene.source, TrafficMirrorTargetId=target, TrafficMirrorFilterId=made, SessionNumber=9
        )

    def arrives(self) -> bool:
        """Does the copy of a datagram that the source sends come to the target?"""
        marker, router, target = secrets.token_bytes(16), self._router(), self._target()
        with netns.inside(f"{self._name}-target", self._listen) as ear:
            netns.inside(f"{self._name}-source", lambda: _send(marker, router))
            self._await_the_copy()
            last = secrets.token_bytes(16)  # comes behind the copy, so nothing has to be waited for in vain
            netns.inside(f"{self._name}-vpc", lambda: _send(last, target))
            return self._hears(ear, marker, last)

    def _listen(self) -> socket.socket:
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        ear.bind(("eth0", ETH_P_ALL))
        ear.settimeout(PATIENCE)
        return ear

    def _router(self) -> str:
        return self._scene.address_now().rsplit(".", 1)[0] + ".1"

    def _target(self) -> str:
        found = self._scene.ec2.describe_network_interfaces(NetworkInterfaceIds=[self._scene.target])
        return str(found["NetworkInterfaces"][0]["PrivateIpAddress"])

    def _await_the_copy(self) -> None:
        """Until the mirror has sent it, or was told by the kernel that it is not let out."""
        deadline = time.monotonic() + PATIENCE
        while True:
            counts = self._plane.stats()
            if counts["mirrored"] + counts["unsent"]:
                return
            assert time.monotonic() < deadline, counts

    @staticmethod
    def _hears(ear: socket.socket, marker: bytes, last: bytes) -> bool:
        found = False
        while True:
            frame = ear.recv(1 << 16)
            found = found or (marker in frame and b"\x12\xb5" in frame[36:38])  # the outer UDP port 4789
            if last in frame:
                return found


def _send(data: bytes, address: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(data, (address, 9))


@pytest.fixture
def wire(server: ApiServer, tmp_path: Path) -> Iterator[Callable[[Scene], Wire]]:
    """Build a scene's namespaces; taken down at the end."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the data plane needs root")
    name = f"pf{secrets.token_hex(3)}"
    plane = NamespacePlane(tmp_path, name)

    def build(scene: Scene) -> Wire:
        built = Wire(scene, plane, name)
        server.tell(plane)
        return built

    yield build
    server.tell(None)
    plane.stop()


NOT_SHOWN = (
    *(
        "NAT gateway's interface",
        "managed by",
        "attached to nothing",
        "is stopped",
        "no such",
        "the capture host itself",
    ),
    *("mirror target", "sessions already", "mirrors the source already", "ten sources", "load balancer", "endpoint"),
    *("through another instance", "to a third VPC"),
)


def cases() -> list[Any]:
    """The topologies that the data plane can judge, by the functions' own word of what is wrong: behind load
    balancers the lab enforces nothing, what forwards in the middle of a way is none of its instances, and a source or
    target that is none has no packets."""
    return [pytest.param(plant, id=sentence) for sentence, plant in {**FAULTS, **SOUND}.items() if is_shown(sentence)]


def is_shown(sentence: str) -> bool:
    """See ``cases``."""
    return not any(word in sentence for word in NOT_SHOWN)


@pytest.mark.thin(18)
@pytest.mark.parametrize("plant", cases())
def test_packets_arrive_where_preflight_says_so(
    plant: Callable[[Scene], Any], scene: Scene, look: Callable[[Scene], list[Finding]], wire: Callable[[Scene], Wire]
):
    plant(scene)
    findings = look(scene)
    built = wire(scene)
    built.mirror()
    assert built.arrives() == (not failures(findings)), [finding for finding in findings if finding.level != "ok"]


def test_most_topologies_are_shown():
    assert len(cases()) >= 45
