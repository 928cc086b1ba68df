"""Looks up what the option ``host`` means where that may lead to several hosts. Must not know who receives."""

from __future__ import annotations

from dataclasses import replace

from vpcshark import threads
from vpcshark.aws.balancing import fleets
from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.aws.client import Aws
from vpcshark.aws.compute import capture_hosts
from vpcshark.capture.contract.host import Balancer, Endpoint, Several, Target


def find(aws: Aws, host: Several) -> Fleet:
    """The fleet behind a target, an endpoint or a load balancer, with the hosts that the user named.

    Raises Mistake where there is no such thing, and AwsError.
    """
    naming = [threads.start(capture_hosts.find_host, aws.ec2, one) for one in host.receiving]
    match host:
        case Target(id=identity):
            found = fleets.behind_target(aws, identity)
        case Endpoint(id=identity):
            found = fleets.behind_endpoint(aws, identity)
        case Balancer(name=name, arn=arn):
            found = fleets.behind_balancer(aws, name=name, arn=arn)
    return replace(found, named=tuple(one.result() for one in naming))
