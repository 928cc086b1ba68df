"""Capture hosts: the instances whose tag offers them as targets, and the one nearest to a source.

Must not know how a host is reached, nor what runs on it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import tag_names
from vpcshark.aws.paging import pages
from vpcshark.aws.tagging import clean, region_of, tags_of
from vpcshark.errors import AwsError, InputError, Mistake

HOST_TAG = tag_names.CAPTURE_HOST
USER_TAG = "vpcshark:ssh-user"
LEASE_TAG = tag_names.CAPTURE  # a capture's own host bears it, and goes with that capture
DEFAULT_USER = "ec2-user"  # of Amazon Linux, the image that a capture host most likely has
_INSTANCE_ID = re.compile(r"^i-[0-9a-f]{8,32}$")


@dataclass(frozen=True)
class CaptureHost:
    """An instance that can be a target. ``eni`` is its primary ENI, ``mac`` that ENI's MAC, ``address`` its primary
    private address (where outer frames go), ``public_address`` "" if it has none, ``user`` whom to log in as,
    ``key_pair`` the name of the one that it was launched with, "" if none, ``token`` the ClientToken of its launch,
    ``account`` its owner's, ``profile`` the ARN of its instance profile, "" if it has none."""

    instance: str
    name: str
    eni: str
    address: str
    public_address: str = ""
    user: str = DEFAULT_USER
    vpc: str = ""
    subnet: str = ""
    az: str = ""
    instance_type: str = ""
    state: str = "running"
    key_pair: str = ""
    mac: str = ""
    token: str = ""
    account: str = ""
    profile: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def list_hosts(ec2: Ec2) -> list[CaptureHost]:
    """The running instances that are tagged ``vpcshark:capture-host``, by name, but for those that a capture launched
    for itself. AwsError."""
    return [host for host in _running(ec2, HOST_TAG) if LEASE_TAG not in host.tags]


def list_launched(ec2: Ec2) -> list[CaptureHost]:
    """The running instances that captures launched for themselves, by name. AwsError."""
    return _running(ec2, LEASE_TAG)


def _running(ec2: Ec2, tag: str) -> list[CaptureHost]:
    wanted = [{"Name": "tag-key", "Values": [tag]}, {"Name": "instance-state-name", "Values": ["running"]}]
    with mapped("list the capture hosts"):
        reservations = list(pages(ec2, "describe_instances", "Reservations", Filters=wanted))
    hosts = _hosts(reservations)
    return sorted((h for h in hosts if tag in h.tags and h.state == "running"), key=lambda h: (h.name, h.instance))


def find_host(ec2: Ec2, instance_id: str) -> CaptureHost:
    """The instance that the user named as capture host, tagged or not. Mistake if it is unknown or does not run;
    AwsError."""
    if not _INSTANCE_ID.match(instance_id):
        raise Mistake(
            f'"{clean(instance_id)}" is not a capture host.',
            "Give auto, local or the id of a running instance (i-…) with --host.",
        )
    try:
        with mapped("look up the capture host"):
            found = _hosts(ec2.describe_instances(InstanceIds=[instance_id])["Reservations"])
    except AwsError as error:
        if not error.code.startswith("InvalidInstanceID."):
            raise
        found = []
    if not found or found[0].state != "running":
        what = f"The instance {instance_id} is {found[0].state}" if found else f"There is no instance {instance_id}"
        raise Mistake(f"{what}{_where(ec2)}.", "Choose a running one with --host.")
    return found[0]


def nearest(hosts: Iterable[CaptureHost], sources: Collection[Eni]) -> CaptureHost:
    """The first one of ``by_distance``. InputError if there is none."""
    usable = by_distance(hosts, sources)
    if not usable:
        raise InputError(
            f"No running instance is tagged {HOST_TAG}, so nothing can receive the mirrored packets.",
            "Tag one in the source's VPC and give it an instance profile vpcshark-* (or name it in [hosts] of the "
            "settings), or name one with --host i-…; --host local takes this machine.",
        )
    return usable[0]


def by_distance(hosts: Iterable[CaptureHost], sources: Collection[Eni]) -> list[CaptureHost]:
    """Those which the frames of all ``sources`` have the shortest way to come first: same subnet, then availability
    zone, then VPC. A source can't be its own target. Whether the frames get there is not looked at."""
    ids = {source.id for source in sources}
    return sorted((host for host in hosts if host.eni not in ids), key=lambda host: _distance(host, sources))


def _distance(host: CaptureHost, sources: Collection[Eni]) -> tuple[int, int, int, int, str]:
    """For how many sources it is elsewhere. Other instances before a source's own (its frames would be mirrored twice
    over its wire), the id at the end so that two captures of one source choose alike."""
    return (
        sum(host.vpc != source.vpc for source in sources),
        sum(host.instance == source.instance for source in sources),
        sum(host.subnet != source.subnet for source in sources),
        sum(host.az != source.az for source in sources),
        host.instance,
    )


def _hosts(reservations: Iterable[Mapping[str, Any]]) -> list[CaptureHost]:
    return [host for one in reservations for host in hosts_from(one)]


def hosts_from(reservation: Mapping[str, Any]) -> list[CaptureHost]:
    """The capture hosts that a reservation of DescribeInstances has."""
    account = reservation.get("OwnerId", "")
    return [host_from(raw, account) for raw in reservation.get("Instances", [])]


def host_from(raw: Mapping[str, Any], account: str = "") -> CaptureHost:
    """The capture host that an instance of DescribeInstances is."""
    tags = tags_of(raw)
    eni = _primary_eni(raw)
    return CaptureHost(
        instance=raw["InstanceId"],
        name=clean(tags.get("Name", "")) or raw["InstanceId"],
        eni=eni.get("NetworkInterfaceId", ""),
        address=eni.get("PrivateIpAddress", "") or raw.get("PrivateIpAddress", "") or _ipv6(eni),
        public_address=raw.get("PublicIpAddress", ""),
        user=clean(tags.get(USER_TAG, "")) or DEFAULT_USER,
        vpc=eni.get("VpcId", "") or raw.get("VpcId", ""),
        subnet=eni.get("SubnetId", "") or raw.get("SubnetId", ""),
        az=raw.get("Placement", {}).get("AvailabilityZone", ""),
        instance_type=raw.get("InstanceType", ""),
        state=raw.get("State", {}).get("Name", ""),
        key_pair=raw.get("KeyName", ""),
        mac=eni.get("MacAddress", ""),
        token=raw.get("ClientToken", ""),
        account=account,
        profile=raw.get("IamInstanceProfile", {}).get("Arn", ""),
        tags=tags,
    )


def _primary_eni(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Device 0 of network card 0: on types with several cards each has devices of its own."""
    enis: list[Mapping[str, Any]] = list(raw.get("NetworkInterfaces", []))
    return min(enis, key=_place_of, default={})


def _ipv6(eni: Mapping[str, Any]) -> str:
    """The first address where there is no other: an instance in a subnet that has IPv6 alone."""
    return next((str(one["Ipv6Address"]) for one in eni.get("Ipv6Addresses", []) if one.get("Ipv6Address")), "")


def _place_of(eni: Mapping[str, Any]) -> tuple[int, int]:
    attachment = eni.get("Attachment", {})
    return int(attachment.get("NetworkCardIndex") or 0), int(attachment.get("DeviceIndex") or 0)


def _where(ec2: Ec2) -> str:
    region = region_of(ec2)
    return f" in {region}" if region else ""
