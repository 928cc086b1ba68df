"""What the lab's EC2, SSM and EC2 Instance Connect say about logging in, on top of moto, which lacks or fakes it.

The connections themselves are the ``LoginServices``'; here is only the API. Must not know sockets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.ec2.responses.general import General
from moto.ec2.responses.traffic_mirrors import TrafficMirrors
from moto.ec2.utils import Base64EncodedString
from moto.ec2instanceconnect.responses import Ec2InstanceConnectResponse
from moto.ssm.responses import SimpleSystemManagerResponse

_AGENT_VERSION = "3.3.987.0"  # as the agents say by themselves
_SSH_DOCUMENT = "AWS-StartSSHSession"
_INSTANCE = re.compile(r"^i-[a-f0-9]+$")
_USER = re.compile(r"^[A-Za-z_][A-Za-z0-9@._-]{0,31}$")


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
    _set(TrafficMirrors, "describe_instance_connect_endpoints", lambda response: _endpoints(services, response))
    _set(General, "get_console_output", lambda response: _console(services, response))


def _set(owner: Any, name: str, answer: Callable[[Any], Any]) -> None:
    setattr(owner, name, lambda response: answer(response))


class _InstanceConnect:
    def __init__(self, services: LoginServices) -> None:
        self._services = services

    def send_ssh_public_key(self, response: Any) -> str:
        """As botocore's model bounds it; the key is there for 60 seconds."""
        instance, user, key = (response._get_param(n) for n in ("InstanceId", "InstanceOSUser", "SSHPublicKey"))
        if not _INSTANCE.match(instance or "") or not _USER.match(user or "") or not 80 <= len(key or "") <= 4096:
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
        if document != _SSH_DOCUMENT:
            raise JsonRESTError("InvalidDocument", f"Document with name {document} does not exist.")
        if target not in self._services.managed():
            raise JsonRESTError("TargetNotConnected", f"{target} is not connected.")
        parameters = response._get_param("Parameters", {}) or {}
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
        wanted = [v for f in response._get_param("Filters", []) or [] for v in f.get("Values", [])]
        online = [each for each in self._services.managed() if not wanted or each in wanted]
        listed = [{"InstanceId": each, "PingStatus": "Online", "AgentVersion": _AGENT_VERSION} for each in online]
        return ActionResult({"InstanceInformationList": listed})


def _endpoints(services: LoginServices, response: Any) -> ActionResult:
    wanted = {
        each["Name"]: each.get("Values", []) for each in response.params.get("Filters", []) or [] if "Name" in each
    }
    found = [each for each in services.endpoints() if not wanted.get("vpc-id") or each["VpcId"] in wanted["vpc-id"]]
    return ActionResult({"InstanceConnectEndpoints": found})


def _console(services: LoginServices, response: Any) -> ActionResult:
    instance = response._get_param("InstanceId")
    text = Base64EncodedString.from_raw_string(services.console(instance))
    return ActionResult({"InstanceId": instance, "Output": text})
