"""The lab's API in this process, and clients for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.config import Config
from sessions import session

from vpcshark.lab.api.server import ApiServer
from vpcshark.lab.control import LabControl
from vpcshark.lab.model import LabSession


@dataclass
class RecordingPlane:
    """Remembers what it was told."""

    told: list[list[LabSession]] = field(default_factory=list)

    def apply(self, sessions: Sequence[LabSession]) -> None:
        """Remember these sessions."""
        self.told.append(list(sessions))

    @property
    def now(self) -> list[LabSession]:
        """The sessions in force."""
        return self.told[-1] if self.told else []


@dataclass(frozen=True)
class Api:
    """A running API: its clients, its control path, its data plane."""

    endpoint: str
    control: LabControl
    plane: RecordingPlane
    server: Any = None
    clients: dict[Any, Any] = field(default_factory=dict)

    def client(self, service: str = "ec2", key: tuple[str, str] = ("lab", "lab"), attempts: int = 1) -> Any:
        """A client that tries ``attempts`` times; one of each kind, for they take long to make."""
        kind = (service, key, attempts)
        if kind not in self.clients:
            self.clients[kind] = self._new_client(*kind)
        return self.clients[kind]

    def _new_client(self, service: str, key: tuple[str, str], attempts: int) -> Any:
        signed = session(*key, "us-east-1")
        retries = {"mode": "standard", "total_max_attempts": attempts}
        return signed.client(service, endpoint_url=self.endpoint, config=Config(retries=retries))


@dataclass(frozen=True)
class Mirroring:
    """Short hands for the usual calls; each returns the id of what it made."""

    ec2: Any
    subnet: str

    def eni(self) -> str:
        """A new ENI."""
        return str(self.ec2.create_network_interface(SubnetId=self.subnet)["NetworkInterface"]["NetworkInterfaceId"])

    def filter(self, **more: Any) -> str:
        """A new filter."""
        return str(self.ec2.create_traffic_mirror_filter(**more)["TrafficMirrorFilter"]["TrafficMirrorFilterId"])

    def target(self, eni: str = "", **more: Any) -> str:
        """A new target: this ENI, or one of its own."""
        made = self.ec2.create_traffic_mirror_target(NetworkInterfaceId=eni or self.eni(), **more)
        return str(made["TrafficMirrorTarget"]["TrafficMirrorTargetId"])

    def rule(self, filter_id: str, **fields: Any) -> str:
        """A new rule: accept all IPv4 in, unless ``fields`` say otherwise."""
        usual = {"TrafficDirection": "ingress", "RuleNumber": 100, "RuleAction": "accept"}
        usual |= {"SourceCidrBlock": "0.0.0.0/0", "DestinationCidrBlock": "0.0.0.0/0"}
        made = self.ec2.create_traffic_mirror_filter_rule(TrafficMirrorFilterId=filter_id, **{**usual, **fields})
        return str(made["TrafficMirrorFilterRule"]["TrafficMirrorFilterRuleId"])

    def session(self, **fields: Any) -> dict[str, Any]:
        """A new session, whole: number 1, with a source, a filter and a target of its own."""
        request = {"SessionNumber": 1, **fields}
        for name, make in (
            ("NetworkInterfaceId", self.eni),
            ("TrafficMirrorTargetId", self.target),
            ("TrafficMirrorFilterId", self.filter),
        ):
            if name not in request:
                request[name] = make()
        return dict(self.ec2.create_traffic_mirror_session(**request)["TrafficMirrorSession"])


@pytest.fixture(scope="session")
def running_api() -> Iterator[Api]:
    """One API for all tests: moto takes seconds to wake up."""
    server = ApiServer()
    plane = RecordingPlane()
    server.start()
    server.tell(plane)
    yield Api(server.endpoint, LabControl(server.endpoint), plane, server)
    server.stop()


@pytest.fixture
def api(running_api: Api) -> Iterator[Api]:
    """The API without faults and without a past."""
    running_api.plane.told.clear()
    running_api.control.clear_calls()
    yield running_api
    running_api.control.clear_faults()
    running_api.control.reset_switches()
    running_api.control.enforce_iam(is_on=False)


@pytest.fixture
def mirroring(api: Api) -> Mirroring:
    """A VPC of the test's own, with the calls of Traffic Mirroring at hand."""
    ec2 = api.client()
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    return Mirroring(ec2, ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"])


@pytest.fixture
def ec2(mirroring: Mirroring) -> Any:
    """The plain client."""
    return mirroring.ec2


@pytest.fixture
def together() -> Callable[..., None]:
    """Run calls side by side; returns when all have."""

    def run(*calls: Callable[[], object]) -> None:
        threads = [threading.Thread(target=call) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run
