"""RunInstances and TerminateInstances in the lab's VPC: machines that boot and end; and where moto says less than EC2.

ClientToken makes RunInstances idempotent, and DescribeInstances tells it; a launch template's network interfaces,
volumes, shutdown behaviour, metadata options and instance profile count; tags reach network interfaces; a security
group in use is not deleted. Changes moto for the whole process. Must not know namespaces.
"""

from __future__ import annotations

import logging
import threading
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from copy import copy, deepcopy
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance

from vpcshark.errors import VpcsharkError
from vpcshark.lab import cloudinit
from vpcshark.lab.api.lag import LAG
from vpcshark.lab.api.moto_ec2 import TURN
from vpcshark.lab.model import LabEni, LabInstance, Machines

_log = logging.getLogger(__name__)
_TOKENS = "vpcshark_client_tokens"
_NO_TOKEN = "ABCDE"  # moto's, where none is given
_SCALED = "aws:autoscaling:groupName"  # of what Auto Scaling launches, which moto registers with balancers at once
_STATES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopped": 80}

_run = EC2Backend.run_instances
_terminate = Instance.terminate
_delete_group = EC2Backend.delete_security_group
_images = EC2Backend.describe_images


@dataclass
class _Life:
    """One machine of ours: its instance, and a lock that it is held by while it boots or ends."""

    instance: Any
    lock: threading.Lock = field(default_factory=threading.Lock)
    is_ending: bool = False


class Fleet:
    """Boots what is launched in ``networks`` (blocks between blanks), ends what is terminated or shuts down. Who wants
    to know of each, is told: ``joined`` when it is there, ``left`` (with its id) when it is not."""

    def __init__(
        self,
        machines: Machines,
        networks: str,
        joined: Callable[[LabInstance], None] = lambda instance: None,
        left: Callable[[str], None] = lambda instance: None,
    ) -> None:
        self._machines = machines
        self._networks = [ip_network(each) for each in networks.split()]
        self._joined, self._left = joined, left
        self._lives: dict[str, _Life] = {}

    def boot(self, instance: Any, *, has_role: bool) -> None:
        """A moto instance was launched; with a role, its SSM agent gets a connection."""
        facts = _facts(instance, has_role)
        if not facts.enis or not all(self._is_inside(eni) for eni in facts.enis):
            return
        _set_state(instance, "pending")
        life = self._lives[instance.id] = _Life(instance)
        life.lock.acquire()
        threading.Thread(target=self._boot, args=(life, facts), name="lab-boot", daemon=True).start()

    def _is_inside(self, eni: LabEni) -> bool:
        return any(ip_address(eni.ipv4) in each for each in self._networks)

    def await_boot(self, instance: Any) -> None:
        """Return when it runs, or has failed to."""
        life = self._lives.get(instance.id)
        if life is not None:
            with life.lock:
                pass

    def end(self, instance: Any) -> bool:
        """It is to be terminated; False if it is not one of ours."""
        with TURN:
            life = self._lives.get(instance.id)
            if life is None:
                return False
            _set_state(instance, "shutting-down")
            if not life.is_ending:
                life.is_ending = True
                threading.Thread(target=self._end, args=(life,), name="lab-end", daemon=True).start()
            return True

    def _boot(self, life: _Life, facts: LabInstance) -> None:
        try:
            self._machines.launch(facts, lambda: self._shut_down(life))
            self._joined(facts)
            with TURN:
                if not life.is_ending:
                    _set_state(life.instance, "running")
        except (VpcsharkError, OSError):
            _log.exception("%s does not boot", facts.id)
            threading.Thread(target=self.end, args=(life.instance,), daemon=True).start()
        finally:
            life.lock.release()

    def _shut_down(self, life: _Life) -> None:
        """From inside. What that means was said at the launch."""
        _log.info("%s shut itself down", life.instance.id)
        with TURN:
            if life.instance.instance_initiated_shutdown_behavior == "terminate":
                self.end(life.instance)
            elif not life.is_ending:
                _set_state(life.instance, "stopped")

    def _end(self, life: _Life) -> None:
        with life.lock:
            try:
                self._left(life.instance.id)
                self._machines.remove(life.instance.id)
            except (VpcsharkError, OSError):
                _log.exception("%s does not end", life.instance.id)
        with TURN:
            del self._lives[life.instance.id]
            _terminate_with_interfaces(life.instance)


_fleet: Fleet | None = None


def install(fleet: Fleet | None) -> None:
    """Put our answers into moto; ``fleet`` boots machines from now on (None: nobody does)."""
    global _fleet
    _fleet = fleet
    EC2Backend.run_instances = _run_instances
    Instance.terminate = _terminate_instance
    EC2Backend.delete_security_group = _delete_security_group
    EC2Backend.describe_images = _describe_images


def _run_instances(
    backend: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **more: Any
) -> Any:
    if more.get("client_token") == _NO_TOKEN:
        more["client_token"] = ""  # as EC2 describes an instance that was launched without one
    token, asked = more.get("client_token", ""), (image_id, count, user_data, security_group_names, deepcopy(more))
    known = backend.__dict__.setdefault(_TOKENS, {})
    with TURN:
        if token in known:
            reservation, before = known[token]
            _check_same(before, asked)
            _check_stands(reservation)
            return reservation
        _check_network(more)
        reservation = _launch(backend, image_id, count, user_data, security_group_names, **more)
        if token:
            known[token] = reservation, asked
    if _fleet is not None and _SCALED in more.get("tags", {}).get("instance", {}):
        for instance in reservation.instances:
            _fleet.await_boot(instance)
    return reservation


def _check_same(before: Any, asked: Any) -> None:
    """A ClientToken stands for one request."""
    if asked != before:
        raise EC2ClientError(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
        )


def _describe_images(backend: Any, *arguments: Any, **more: Any) -> Any:
    """An image's Platform, too, is of Windows alone."""
    found = _images(backend, *arguments, **more)
    for image in found:
        image.platform = "windows" if image.platform == "windows" else None
    return found


def _name_platform(instance: Any) -> None:
    """As EC2 describes it: Platform is of Windows alone (API reference, Instance)."""
    is_windows = instance.platform == "windows"
    instance.platform = "windows" if is_windows else None
    instance.platform_details = "Windows" if is_windows else "Linux/UNIX"
    instance.usage_operation = "RunInstances:0002" if is_windows else "RunInstances"


def _check_stands(reservation: Any) -> None:
    """EC2's error codes: "The request to launch an instance uses the same client token as a previous request for which
    the instance has been terminated."
    """
    if all(instance.state == "terminated" for instance in reservation.instances):
        raise EC2ClientError("IdempotentInstanceTerminated", "The instance of this client token has been terminated.")


def _check_network(asked: Mapping[str, Any]) -> None:
    """What a request says beside network interfaces of its own (API reference of RunInstances, NetworkInterface.N)."""
    if not asked.get("nics"):
        return
    for name, words in (("subnet_id", "subnet ID"), ("security_group_ids", "security groups")):
        if asked.get(name):
            raise EC2ClientError(
                "InvalidParameterCombination",
                f"Network interfaces and an instance-level {words} may not be specified on the same request",
            )


def _launch(
    backend: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **more: Any
) -> Any:
    """moto's reservation, completed; its machines boot from now on."""
    template = backend._get_template_from_args(more["launch_template"]).data if more.get("launch_template") else {}
    _fill_in(more, template)
    tags = more.get("tags", {}).get("network-interface", {})
    kept = _outliving(more.get("nics") or ())
    reservation = _run(backend, image_id, count, user_data, security_group_names, **more)
    for instance in reservation.instances:
        LAG.born(instance.id)
        _name_platform(instance)
        for nic in instance.nics.values():
            nic.add_tags(tags)
            nic.delete_on_termination = nic.device_index not in kept
        has_role = any(more.get(f"iam_instance_profile_{word}") for word in ("name", "arn"))
        if not has_role and template.get("IamInstanceProfile"):
            profile = template["IamInstanceProfile"]
            backend.associate_iam_instance_profile(instance.id, profile.get("Name"), profile.get("Arn"))
            has_role = True
        if _fleet is not None:
            _fleet.boot(instance, has_role=has_role)
    return reservation


def _outliving(nics: Iterable[Mapping[str, Any]]) -> set[int]:
    """The device indices whose interfaces stay when their instance is terminated: those that were there before, and
    those that are to stay. moto keeps all but where it is told (AWS: RunInstances, "DeleteOnTermination")."""
    return {
        int(nic["DeviceIndex"])
        for nic in nics
        if nic.get("NetworkInterfaceId") or str(nic.get("DeleteOnTermination")).lower() == "false"
    }


def _fill_in(more: dict[str, Any], template: Mapping[str, Any]) -> None:
    """What the request does not say, the template does."""
    if not more.get("nics") and not more.get("subnet_id") and template.get("NetworkInterfaces"):
        more["nics"] = template["NetworkInterfaces"]
    if not more.get("instance_initiated_shutdown_behavior"):
        more["instance_initiated_shutdown_behavior"] = template.get("InstanceInitiatedShutdownBehavior")
    if "block_device_mappings" not in more and template.get("BlockDeviceMappings"):
        more["block_device_mappings"] = template["BlockDeviceMappings"]  # moto adds a volume of its own to these
    if not more.get("metadata_options"):
        more["metadata_options"] = template.get("MetadataOptions", {})


def _terminate_instance(instance: Any) -> Any:
    before = copy(instance._state)
    if instance.state == "terminated" or (_fleet is not None and _fleet.end(instance)):
        return before  # moto would look for what went with it the first time
    return _terminate_with_interfaces(instance)


def _terminate_with_interfaces(instance: Any) -> Any:
    """What is not deleted with the instance is free again; moto says "in use" for ever, and describes a terminated
    instance by its interfaces: so it keeps their likenesses."""
    nics = dict(instance.nics)
    before = _terminate(instance)
    likenesses = {index: copy(nic) for index, nic in nics.items()}
    for nic in nics.values():
        instance.detach_eni(nic)
    instance.nics.update(likenesses)
    return before


def _delete_security_group(backend: Any, name: str | None = None, group_id: str | None = None) -> None:
    for eni in list(backend.enis.values()):
        if group_id and group_id in {group.id for group in eni.group_set or []}:
            raise EC2ClientError("DependencyViolation", f"resource {group_id} has a dependent object")
    _delete_group(backend, name=name, group_id=group_id)


def _set_state(instance: Any, name: str) -> None:
    instance._state.name, instance._state.code = name, _STATES[name]


def _facts(instance: Any, has_role: bool) -> LabInstance:
    name = next((tag["value"] for tag in instance.get_tags() if tag["key"] == "Name"), "")
    agent = ("ssm",) if has_role else ()
    text = cloudinit.as_text(b64decode(str(instance.user_data))) if instance.user_data else ""
    roles = ("launched", "sshd", "console", *agent)
    known = instance.ec2_backend.key_pairs.get(instance.key_name)
    key = known.material_public.decode() if known is not None else ""
    return LabInstance(instance.id, name or instance.id, tuple(_enis(instance.nics.values())), roles, text, key)


def _enis(nics: Iterable[Any]) -> Iterable[LabEni]:
    for nic in nics:
        ipv6 = nic.ipv6_addresses[0] if nic.ipv6_addresses else ""
        blocks = [each["ipv6CidrBlock"] for each in nic.subnet.ipv6_cidr_block_associations.values()] if ipv6 else [""]
        cidr = nic.subnet.cidr_block
        yield LabEni(nic.id, nic.mac_address, nic.private_ip_address, ipv6, nic.device_index, cidr, blocks[0])
