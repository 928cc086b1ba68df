"""What the lab's EC2, SSM and EC2 Instance Connect say about logging in, on top of moto, which lacks or fakes it.

The connections themselves are the ``LoginServices``'; here is only the API. Must not know sockets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.responses.general import General
from moto.ec2.responses.traffic_mirrors import TrafficMirrors
from moto.ec2.utils import Base64EncodedString
from moto.ec2instanceconnect.responses import Ec2InstanceConnectResponse
from moto.ssm.responses import SimpleSystemManagerResponse

from vpcshark.lab.api import login_checks, moto_endpoints

_AGENT_VERSION = "3.3.987.0"  # as the agents say by themselves
_INSTANCE_FILTERS = ("InstanceIds", "PingStatus", "PlatformTypes", "AgentVersion", "ResourceType")
_AGENT: Mapping[str, Any] = {  # what Systems Manager says of any agent, beside which instance has it
    "PingStatus": "Online",
    "LastPingDateTime": 1_700_000_000.0,
    "AgentVersion": _AGENT_VERSION,
    "IsLatestVersion": True,
    "PlatformType": "Linux",
    "PlatformName": "Amazon Linux",
    "PlatformVersion": "2023",
    "ResourceType": "EC2Instance",
}


class LoginServices(Protocol):
    """The machines and connections behind the API."""

    def push_key(self, instance: str, user: str, key: str) -> bool:
        """Let ``key`` in for a minute; False if there is no such running instance."""

    def managed(self) -> Sequence[str]:
        """The instances whose SSM agent is online."""

    def start_session(self, instance: str, port: int) -> Mapping[str, str]:
        """SessionId, TokenValue and StreamUrl of a new session."""

    def resume_session(self, session: str) -> Mapping[str, str]:
        """A new TokenValue and StreamUrl for it ("" if it timed out), with its SessionId; KeyError if there is none."""

    def end_session(self, session: str) -> None:
        """End it, if it is there."""

    def session_faults(self, method: str, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
        """ "POST" adds a fault of sessions (``vpc.ssm_faults.SessionFault``), "DELETE" takes all away; those that are
        there. TypeError or ValueError for what is none."""

    def endpoints(self) -> Sequence[Mapping[str, Any]]:
        """The Instance Connect Endpoints, as EC2 describes them."""

    def make_endpoint(self, blocks: str, place: Mapping[str, Any]) -> Mapping[str, Any]:
        """Make one in ``place`` (VpcId, SubnetId, AvailabilityZone, SecurityGroupIds, IpAddressType, Tags) that lets to
        addresses in ``blocks``; as EC2 describes it."""

    def remove_endpoint(self, identity: str) -> None:
        """There is no such endpoint from now on."""

    def console(self, instance: str) -> str:
        """What the instance printed on its console."""


_services: LoginServices | None = None


def session_faults(method: str, facts: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """See ``LoginServices``; None where there are no sessions."""
    return None if _services is None else _services.session_faults(method, facts)


def install(services: LoginServices) -> None:
    """Put these answers into moto, for the whole process; the last services count."""
    global _services
    _services = services
    connect, systems = _InstanceConnect(services), _SystemsManager(services)
    _set(Ec2InstanceConnectResponse, "send_ssh_public_key", connect.send_ssh_public_key)
    _set(SimpleSystemManagerResponse, "start_session", systems.start_session)
    _set(SimpleSystemManagerResponse, "resume_session", systems.resume_session)
    _set(SimpleSystemManagerResponse, "terminate_session", systems.terminate_session)
    _set(SimpleSystemManagerResponse, "describe_instance_information", systems.describe)
    _set(
        TrafficMirrors,
        "describe_instance_connect_endpoints",
        lambda response: moto_endpoints.describe(services, response),
    )
    _set(TrafficMirrors, "create_instance_connect_endpoint", lambda response: moto_endpoints.make(services, response))
    _set(TrafficMirrors, "delete_instance_connect_endpoint", lambda response: moto_endpoints.remove(services, response))
    _set(General, "get_console_output", lambda response: _console(services, response))


def _set(owner: Any, name: str, answer: Callable[[Any], Any]) -> None:
    setattr(owner, name, lambda response: answer(response))


class _InstanceConnect:
    def __init__(self, services: LoginServices) -> None:
        self._services = services

    def send_ssh_public_key(self, response: Any) -> str:
        """As botocore's model bounds it; the key is there for 60 seconds."""
        instance, user, key = (response._get_param(n) for n in ("InstanceId", "InstanceOSUser", "SSHPublicKey"))
        if not login_checks.is_push(instance, user, key):
            raise JsonRESTError("InvalidArgsException", "The provided arguments are not valid.")
        if not self._services.push_key(instance, user, key):
            raise JsonRESTError("EC2InstanceNotFoundException", f"Instance {instance} was not found.")
        return json.dumps({"RequestId": "lab", "Success": True})


class _SystemsManager:
    def __init__(self, services: LoginServices) -> None:
        self._services = services

    def start_session(self, response: Any) -> ActionResult:
        """Only for SSH's bytes: the lab has no other document."""
        target, document = response._get_param("Target"), response._get_param("DocumentName")
        if document != login_checks.SSH_DOCUMENT:
            raise JsonRESTError("InvalidDocument", f"Document with name {document} does not exist.")
        parameters = response._get_param("Parameters", {}) or {}
        if problem := login_checks.session_problem(target, parameters):
            raise JsonRESTError("ValidationException", problem)
        if target not in self._services.managed():
            raise JsonRESTError("TargetNotConnected", f"{target} is not connected.")
        return ActionResult(dict(self._services.start_session(target, int(parameters.get("portNumber", ["22"])[0]))))

    def resume_session(self, response: Any) -> ActionResult:
        """What AWS's plugin asks for when its connection broke."""
        session = response._get_param("SessionId")
        try:
            return ActionResult(dict(self._services.resume_session(session)))
        except KeyError:
            raise JsonRESTError("DoesNotExistException", f"Session {session} does not exist.") from None

    def terminate_session(self, response: Any) -> ActionResult:
        """Also of a session that has ended."""
        session = response._get_param("SessionId")
        self._services.end_session(session)
        return ActionResult({"SessionId": session})

    def describe(self, response: Any) -> ActionResult:
        """DescribeInstanceInformation, by instance ids or all."""
        filters = response._get_param("Filters", []) or []
        if any(one.get("Key") not in _INSTANCE_FILTERS and not one["Key"].startswith("tag:") for one in filters):
            raise JsonRESTError("InvalidFilterKey", "The specified key is not valid.")
        wanted = [v for f in filters if f["Key"] == "InstanceIds" for v in f.get("Values", [])]
        online = [each for each in self._services.managed() if not wanted or each in wanted]
        return ActionResult({"InstanceInformationList": [{"InstanceId": each, **_AGENT} for each in online]})


def _console(services: LoginServices, response: Any) -> ActionResult:
    instance = response._get_param("InstanceId")
    text = Base64EncodedString.from_raw_string(services.console(instance))
    return ActionResult({"InstanceId": instance, "Output": text})
