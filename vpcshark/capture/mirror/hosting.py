"""What the option ``host`` leads to in AWS: the same question for a capture and for its preflight.

Makes nothing. Must not know which of several hosts is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.contract.host import Auto, Balancer, Endpoint, Host, Instance, Launch, Local, Target
from vpcshark.capture.inventory import offered_hosts
from vpcshark.capture.mirror import fleet_lookup
from vpcshark.settings import Hosts


@dataclass(frozen=True)
class Launched:
    """Hosts that captures have launched: one that was kept may be used again."""

    hosts: Sequence[CaptureHost]


@dataclass(frozen=True)
class Tagged:
    """Instances that are tagged as capture hosts: ``hosts`` may receive, ``others`` have the tag and nothing else."""

    hosts: Sequence[CaptureHost]
    others: Sequence[CaptureHost] = ()


Found = CaptureHost | Fleet | Launched | Tagged


def ask(aws: Aws, host: Host) -> Found:
    """One question. Mistake, InputError where there is no such thing; AwsError."""
    match host:
        case Target() | Balancer() | Endpoint() as several:
            return fleet_lookup.find(aws, several)
        case Launch():
            return Launched(capture_hosts.list_launched(aws.ec2))
        case Instance(id=identity):
            return capture_hosts.find_host(aws.ec2, identity)
        case Auto() | Local():
            return Tagged(capture_hosts.list_hosts(aws.ec2))


def sorted_out(found: Found, allowed: Hosts, is_here: IsHere) -> Found:
    """Of tagged instances those that may receive, by the user's settings (``allowed``); anything else as it is."""
    if not isinstance(found, Tagged):
        return found
    hosts, others = offered_hosts.sort_out(found.hosts, allowed, is_here)
    return Tagged(hosts, others)
