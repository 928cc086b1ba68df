"""Load balancers and endpoints that are mirror targets, as preflight sees them. Must not know what the facts mean."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from vpcshark import threads
from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.preflight.picture import Balancer, Endpoint, Listener, Registered

_CROSS_ZONE = "load_balancing.cross_zone.enabled"


def find_balancer(elb: Any, arn: str) -> Balancer:
    """The load balancer with its listeners and what is registered behind them. AwsError."""
    with mapped("look up the load balancer", service="elasticloadbalancing"):
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
            Registered(
                each["Target"]["Id"],
                each["Target"].get("AvailabilityZone", ""),
                each.get("TargetHealth", {}).get("State", ""),
                each.get("TargetHealth", {}).get("Reason", ""),
                int(each["Target"].get("Port", 0)),
            )
            for each in health
        ),
    )
