"""What the dialog's selectors offer: profiles, regions, VPCs, ENIs, capture hosts, mirror filters and targets.

Must not know Wireshark's sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from vpcshark.aws import client
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import existing
from vpcshark.aws.mirroring.existing import Target

Pairs = Sequence[tuple[str, str]]


def choices(name: str, interface: str, vpc: str, connect: Callable[[], Aws]) -> Pairs:
    """(value, display) for the selector ``name``, beside its fixed values; none for one that we do not know.

    ``vpc`` ("": all) narrows the ENIs, ``interface`` is the ENI that can't be its own capture host. VpcsharkError.
    """
    match name:
        case "profile":
            return [(profile, profile) for profile in client.profiles()]
        case "region":
            return [(region, region) for region in connect().regions()]
        case "vpc":
            return _vpcs(interfaces.list_enis(connect().ec2))
        case "eni":
            enis = interfaces.list_enis(connect().ec2)
            return [(eni.id, interfaces.display(eni)) for eni in enis if vpc in ("", eni.vpc)]
        case "mirror-filter":
            return existing.filters(connect().ec2)
        case "host":
            return _hosts(connect(), interface)
    return []


def _vpcs(enis: Sequence[Eni]) -> Pairs:
    counts = Counter(eni.vpc for eni in enis if eni.vpc)
    return [(vpc, f"{vpc} ({count} ENI{'s' if count > 1 else ''})") for vpc, count in counts.most_common()]


def _hosts(aws: Aws, interface: str) -> Pairs:
    """Running instances, tagged ones first, those of the source's VPC before others; then existing targets."""
    ec2 = aws.ec2
    tagged = {host.instance for host in capture_hosts.list_hosts(ec2)}
    enis = interfaces.list_enis(ec2)
    vpc = next((eni.vpc for eni in enis if eni.id == interface), "")
    running = {
        eni.instance: eni
        for eni in enis
        if eni.instance_state == "running"
        and eni.is_primary
        and eni.id != interface
        and capture_hosts.LEASE_TAG not in eni.instance_tags  # it goes with the capture that launched it
    }
    ordered = sorted(running.values(), key=lambda eni: (eni.instance not in tagged, eni.vpc != vpc))
    instances = [(eni.instance, _text(eni.instance in tagged, interfaces.display(eni))) for eni in ordered]
    targets = [(one.id, f"Mirror target {one.name}{_kind(one)}") for one in existing.targets(ec2)]
    return [*instances, *targets]


def _kind(target: Target) -> str:
    return " (load balancer)" if target.balancer else " (Gateway Load Balancer's endpoint)" if target.endpoint else ""


def _text(tagged: bool, display: str) -> str:
    return f"{display} (tagged capture host)" if tagged else display
