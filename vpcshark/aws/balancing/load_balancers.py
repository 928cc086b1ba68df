"""Load balancers, found by name or ARN, and endpoints. Must not know what the facts mean."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.balancing.facts import Balancer, Endpoint, Listener, Member
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.aws.tagging import clean
from vpcshark.errors import AwsError, Mistake

_SERVICE = "elasticloadbalancing"
_CROSS_ZONE = "load_balancing.cross_zone.enabled"


def arn_of(elbv2: Any, name: str) -> str:
    """The ARN of the load balancer ``name`` (Network, Application or Gateway). Mistake if there is none; AwsError."""
    try:
        with mapped("look up the load balancer", service=_SERVICE):
            found = elbv2.describe_load_balancers(Names=[name])["LoadBalancers"]
    except AwsError as error:
        if not error.code.startswith("LoadBalancerNotFound"):
            raise
        found = []
    if not found:
        raise Mistake(
            f'There is no Network, Application or Gateway Load Balancer "{clean(name)}".',
            "See aws elbv2 describe-load-balancers, or choose another --region or --profile.",
        )
    return str(found[0]["LoadBalancerArn"])


def find_balancer(elb: Any, arn: str) -> Balancer:
    """The load balancer with its listeners and what is registered behind them. AwsError."""
    with mapped("look up the load balancer", service=_SERVICE):
        raw, attributes, listeners = threads.together(
            [
                lambda: elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0],
                lambda: elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"],
                lambda: elb.describe_listeners(LoadBalancerArn=arn)["Listeners"],
            ]
        )
        heard = threads.together([partial(_listener, elb, each) for each in listeners])
    switched = {each["Key"]: each["Value"] for each in attributes}
    return Balancer(
        arn=arn,
        name=raw.get("LoadBalancerName", arn),
        vpc=raw.get("VpcId", ""),
        kind=raw.get("Type", ""),
        state=raw.get("State", {}).get("Code", ""),
        is_cross_zone=switched.get(_CROSS_ZONE) == "true",
        zones=tuple(zone["ZoneName"] for zone in raw.get("AvailabilityZones", [])),
        groups=tuple(raw.get("SecurityGroups", ())),
        listeners=tuple(heard),
    )


def find_endpoint(ec2: Ec2, endpoint: str) -> Endpoint:
    """The VPC endpoint with this id. AwsError."""
    with mapped("look up the endpoint"):
        raw = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
    return Endpoint(
        endpoint,
        raw.get("VpcEndpointType", ""),
        raw.get("VpcId", ""),
        raw.get("State", ""),
        tuple(raw.get("SubnetIds", ())),
        raw.get("ServiceName", ""),
    )


def _listener(elb: Any, raw: Mapping[str, Any]) -> Listener:
    group = next((each["TargetGroupArn"] for each in raw.get("DefaultActions", []) if each.get("TargetGroupArn")), "")
    health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"] if group else []
    return Listener(
        raw["ListenerArn"],
        raw.get("Protocol", ""),
        int(raw.get("Port", 0)),
        group,
        tuple(
            Member(
                each["Target"]["Id"],
                each["Target"].get("AvailabilityZone", ""),
                each.get("TargetHealth", {}).get("State", ""),
                each.get("TargetHealth", {}).get("Reason", ""),
                int(each["Target"].get("Port", 0)),
            )
            for each in health
        ),
    )
