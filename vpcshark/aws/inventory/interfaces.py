"""The network interfaces of an account and region, as a person would recognise them.

Must not know Wireshark's sentences, nor whether an interface will be captured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vpcshark import threads
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.aws.paging import pages
from vpcshark.aws.tagging import clean, region_of, tags_of
from vpcshark.errors import AwsError, Mistake

SEPARATOR = " · "
# Types that AWS gives to an instance with a device that tcpdump sees; AWS mirrors the first alone. An "efa-only" one
# has no IP device, and the others are AWS's own.
CAPTURABLE = ("interface", "efa", "trunk")
_OF_A_TASK = re.compile(r"arn:aws[\w-]*:ecs:")  # as the description begins of what ECS attaches for a task
_SHOWN = 4  # addresses of an ENI on one line
_ENI_ID = re.compile(r"^eni-[0-9a-f]{8,32}$")
_NO_SUCH_ENI = {"InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceID.Malformed"}
_NO_SUCH_ENI |= {"InvalidNetworkInterfaceId.NotFound", "InvalidNetworkInterfaceId.Malformed"}


@dataclass(frozen=True)
class Eni:
    """One network interface (ENI). Texts are "" and numbers None where AWS has nothing to say.

    ``name`` is never empty: the ENI's Name tag, else its instance's, else what owns it, else its id. ``instance`` is
    the instance's id. ``addresses`` are the private IPv4 ones, the primary first, then the IPv6 ones. ``owner`` says
    what the interface belongs to: an instance id, or the AWS service's own description of it.
    """

    id: str
    name: str
    instance: str = ""
    instance_name: str = ""
    instance_state: str = ""
    instance_type: str = ""
    device_index: int | None = None
    network_card: int = 0
    mac: str = ""
    vpc: str = ""
    subnet: str = ""
    az: str = ""
    addresses: tuple[str, ...] = ()
    primary_address: str = ""
    public_address: str = ""
    description: str = ""
    owner: str = ""
    interface_type: str = "interface"
    attachment_status: str = ""
    requester_managed: bool = False
    requester: str = ""
    groups: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    instance_tags: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    instance_profile: str = ""
    instance_account: str = ""

    @property
    def is_primary(self) -> bool:
        """Is it its instance's first: device 0 of network card 0? On types with several cards (p4d, hpc6a …) each card
        has a device 0 or 1 of its own."""
        return self.device_index == 0 and self.network_card == 0


def list_enis(ec2: Ec2, *, every_type: bool = False) -> list[Eni]:
    """Every ENI that packets can be captured from (``CAPTURABLE``), or of every type, best candidate first: running
    instances before all others, then by name and device index. Both describes run side by side. AwsError."""
    instances = threads.start(_instances, ec2)
    interfaces = _interfaces(ec2)
    by_id = {instance["InstanceId"]: instance for instance in instances.result()}
    enis = [
        _eni(raw, by_id.get(_attachment(raw).get("InstanceId", ""), {}))
        for raw in interfaces
        if every_type or raw.get("InterfaceType", "interface") in CAPTURABLE
    ]
    return sorted(enis, key=_candidate_order)


def find_eni(ec2: Ec2, eni_id: str) -> Eni:
    """The ENI with this id, of any type. Mistake if there is none; AwsError."""
    if not _ENI_ID.match(eni_id):
        raise Mistake(
            f'"{clean(eni_id)}" is not the id of a network interface.',
            "Ids look like eni-0a1b2c3d4e5f60718; vpcshark interfaces lists yours.",
        )
    try:
        found = _interfaces(ec2, NetworkInterfaceIds=[eni_id])
    except AwsError as error:
        if error.code not in _NO_SUCH_ENI:
            raise
        found = []
    if not found:
        raise _unknown(ec2, eni_id)
    instance_id = _attachment(found[0]).get("InstanceId", "")
    instances = _instances(ec2, InstanceIds=[instance_id]) if instance_id else []
    return _eni(found[0], instances[0] if instances else {})


def display(eni: Eni, *, has_id: bool = True) -> str:
    """What a person recognises: ``web-1 · eth0 · 10.1.0.105 · eni-0a…``, on one line, whatever the tags hold. Without
    ``has_id`` for where the id is shown beside it."""
    parts = (eni.name, interface_name(eni), eni.primary_address, eni.id)
    shown = [part for part in parts if part and (has_id or part != eni.id)] or [eni.id]
    return SEPARATOR.join(dict.fromkeys(clean(part) for part in shown))


def interface_name(eni: Eni) -> str:
    """``eth0`` for device index 0, as AWS's console says it, and which network card where it is not the first; "" if
    the ENI is attached to nothing."""
    card = f" of card {eni.network_card}" if eni.network_card else ""
    return "" if eni.device_index is None else f"eth{eni.device_index}{card}"


def some_addresses(eni: Eni) -> list[str]:
    """For a line: an ENI may have fifty."""
    left = len(eni.addresses) - _SHOWN
    return [*eni.addresses[:_SHOWN], *([f"and {left} more"] if left > 0 else [])]


def login_addresses(eni: Eni) -> list[str]:
    """Those at which the instance itself may answer: the first of each family. The others may be pods' (the VPC CNI
    hands them out), and so are all of a branch; a task's interface is in a network namespace of its own."""
    if eni.interface_type == "branch" or _OF_A_TASK.match(eni.description):
        return []
    families = (False, True)
    firsts = (next((one for one in eni.addresses if (":" in one) is is_ipv6), "") for is_ipv6 in families)
    return [one for one in firsts if one]


def as_json(eni: Eni) -> dict[str, Any]:
    """The fields that scripts rely on (``vpcshark interfaces --json``), ready for ``json.dumps``."""
    return {
        "id": eni.id,
        "name": eni.name,
        "display": display(eni),
        "instance": eni.instance,
        "instance_name": eni.instance_name,
        "instance_state": eni.instance_state,
        "instance_type": eni.instance_type,
        "device_index": eni.device_index,
        "network_card": eni.network_card,
        "interface_type": eni.interface_type,
        "vpc": eni.vpc,
        "subnet": eni.subnet,
        "az": eni.az,
        "addresses": list(eni.addresses),
        "public_address": eni.public_address,
        "mac": eni.mac,
        "description": eni.description,
        "owner": eni.owner,
    }


def _interfaces(ec2: Ec2, **parameters: Any) -> list[Mapping[str, Any]]:
    with mapped("list the network interfaces"):
        return _described(ec2, "describe_network_interfaces", "NetworkInterfaces", parameters)


def _instances(ec2: Ec2, **parameters: Any) -> list[Mapping[str, Any]]:
    with mapped("list the instances"):
        reservations = _described(ec2, "describe_instances", "Reservations", parameters)
    return [instance for reservation in reservations for instance in reservation.get("Instances", [])]


def _described(ec2: Ec2, operation: str, key: str, parameters: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """EC2 refuses MaxResults together with ids, so pages are only asked for without."""
    if parameters:
        return list(getattr(ec2, operation)(**parameters).get(key, []))
    return list(pages(ec2, operation, key))


def _eni(raw: Mapping[str, Any], instance: Mapping[str, Any]) -> Eni:
    tags = tags_of(raw, "TagSet")
    attachment = _attachment(raw)
    instance_id = attachment.get("InstanceId", "")
    instance_name = tags_of(instance).get("Name", "")
    description = raw.get("Description", "")
    owner = instance_id or (description or raw.get("RequesterId", "") if raw.get("RequesterManaged") else "")
    return Eni(
        id=raw["NetworkInterfaceId"],
        name=clean(tags.get("Name", "")) or clean(instance_name) or clean(owner) or raw["NetworkInterfaceId"],
        instance=instance_id,
        instance_name=instance_name,
        instance_state=instance.get("State", {}).get("Name", ""),
        instance_type=instance.get("InstanceType", ""),
        device_index=attachment.get("DeviceIndex"),
        network_card=int(attachment.get("NetworkCardIndex") or 0),
        mac=raw.get("MacAddress", ""),
        vpc=raw.get("VpcId", ""),
        subnet=raw.get("SubnetId", ""),
        az=raw.get("AvailabilityZone", ""),
        addresses=_addresses(raw),
        primary_address=raw.get("PrivateIpAddress", "") or next(iter(_addresses(raw)), ""),
        public_address=raw.get("Association", {}).get("PublicIp", ""),
        description=description,
        owner=owner,
        interface_type=raw.get("InterfaceType", "interface"),
        attachment_status=attachment.get("Status", ""),
        requester_managed=bool(raw.get("RequesterManaged")),
        requester=raw.get("RequesterId", ""),
        groups=tuple(group["GroupId"] for group in raw.get("Groups", [])),
        tags=tags,
        instance_tags=tags_of(instance),
        account=raw.get("OwnerId", ""),
        instance_profile=instance.get("IamInstanceProfile", {}).get("Arn", ""),
        instance_account=attachment.get("InstanceOwnerId", ""),
    )


def _addresses(raw: Mapping[str, Any]) -> tuple[str, ...]:
    private = sorted(raw.get("PrivateIpAddresses", []), key=lambda entry: not entry.get("Primary"))
    v4 = [entry["PrivateIpAddress"] for entry in private if entry.get("PrivateIpAddress")]
    v6 = [entry["Ipv6Address"] for entry in raw.get("Ipv6Addresses", []) if entry.get("Ipv6Address")]
    return tuple(dict.fromkeys(v4 + v6))


def _attachment(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    attachment: Mapping[str, Any] = raw.get("Attachment") or {}
    return attachment


def _candidate_order(eni: Eni) -> tuple[Any, ...]:
    """Running instances first; then web-2 before web-10; then eth0 before eth1; the id, so that the order is stable."""
    index = 1 << 16 if eni.device_index is None else eni.device_index
    name = natural(eni.instance_name or eni.name)
    return (eni.instance_state != "running", name, eni.instance, eni.network_card, index, eni.id)


def natural(text: str) -> list[tuple[int, int, str]]:
    """Digits in a name count as numbers."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", text.casefold()) if part
    ]


def _unknown(ec2: Ec2, eni_id: str) -> Mistake:
    region = region_of(ec2)
    where = f" in {region}" if region else ""
    return Mistake(
        f"There is no network interface {eni_id}{where}.",
        "See vpcshark interfaces, or choose another --region or --profile.",
    )


def by_address(enis: Iterable[Eni]) -> dict[str, str]:
    """Private address -> name, for showing names instead of addresses."""
    return {address: eni.name for eni in enis for address in eni.addresses}
