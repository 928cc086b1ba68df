"""Where the packets of a first capture may go, as choices for a person, and what that costs.

Must not know how a question is asked, nor how a host is reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vpcshark.aws import prices
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import instance_types
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.inventory import offered_hosts
from vpcshark.capture.lifecycle import costs
from vpcshark.settings import Hosts

LAUNCH, LOCAL, NONE = "launch", "local", "none"
Choices = list[tuple[str, str]]

_HOUR = 3600.0  # seconds


def choices(
    aws: Aws, source: Eni, enis: Sequence[Eni], allowed: Hosts, is_here: IsHere, may_launch: bool
) -> tuple[Choices, str]:
    """(value of --host, text), the best first, and a sentence on tagged hosts that are not offered. AwsError."""
    tcpdump = (NONE, "nowhere: tcpdump on the ENI's own instance; makes nothing in AWS, needs a login there")
    if not instance_types.is_listed(source.instance_type) or source.interface_type != "interface":
        return [tcpdump], f"AWS does not mirror {source.instance_type or source.interface_type}, so tcpdump is left."
    taken, others = offered_hosts.sort_out(capture_hosts.list_hosts(aws.ec2), allowed, is_here)
    found = [
        (host.instance, f"{host.name} ({host.instance}), a capture host that is there")
        for host in capture_hosts.by_distance(taken, [source])
    ]
    here = [
        eni for eni in enis if eni.id != source.id and eni.primary_address and is_here(eni.primary_address, eni.mac)
    ]
    if here:
        found.append((LOCAL, f"this machine ({here[0].name})"))
    if may_launch:
        kind = CaptureOptions().host_type
        price = prices.instance(kind, _HOUR)
        found.append(
            (LAUNCH, f"a {kind} that is launched for this capture alone and ends with it; ${price:.3f} an hour")
        )
    return [*found, tcpdump], offered_hosts.refusal(others) if others else ""


def price(aws: Aws, source: Eni, host: str) -> str:
    """What a capture from ``source`` costs at most, in sentences, before it is made. AwsError, Mistake for a host that
    is none."""
    if host == NONE:
        return "tcpdump makes nothing in AWS, so it costs nothing but the data that leaves AWS."
    known = CaptureOptions()
    launched = CaptureHost("", "", "", "", az=source.az, instance_type=known.host_type)
    there = launched if host == LAUNCH else replace(launched, az="", instance_type="")
    if host.startswith("i-"):
        there = capture_hosts.find_host(aws.ec2, host)
    what = costs.of([source], there, is_own=host == LAUNCH)
    most = prices.mirroring(1, _HOUR) + (prices.instance(known.host_type, _HOUR) if host == LAUNCH else 0.0)
    return f"{what.sentence} Ten seconds cost ${most:.3f} at most, should AWS count a whole hour."
