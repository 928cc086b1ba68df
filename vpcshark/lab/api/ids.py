"""Ids as EC2 writes them, and what it says to one that it could never have given. Pure; must not know what exists.

The codes are those of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html. For Traffic
Mirroring that page has no code for a malformed id: there the usual form is inferred (docs/truth.md says so).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vpcshark.lab.api.state import ApiError

_DIGITS = re.compile(r"[0-9a-f]{8}(?:[0-9a-f]{9})?")  # the shorter form is of resources from before 2018
_ARN = re.compile(r"arn:[\w-]+:elasticloadbalancing:[\w-]+:\d{12}:loadbalancer/net/[^/]+/[^/]+")
MALFORMED: Mapping[str, str] = {
    "ami": "InvalidAMIID.Malformed",
    "eice": "InvalidInstanceConnectEndpointId.Malformed",
    "eni": "InvalidNetworkInterfaceId.Malformed",
    "i": "InvalidInstanceID.Malformed",
    "lt": "InvalidLaunchTemplateId.Malformed",
    "pcx": "InvalidVpcPeeringConnectionId.Malformed",
    "rtb": "InvalidRouteTableId.Malformed",
    "sg": "InvalidGroupId.Malformed",
    "sgr": "InvalidSecurityGroupRuleId.Malformed",
    "subnet": "InvalidSubnetID.Malformed",
    "tmf": "InvalidTrafficMirrorFilterId.Malformed",
    "tmfr": "InvalidTrafficMirrorFilterRuleId.Malformed",
    "tms": "InvalidTrafficMirrorSessionId.Malformed",
    "tmt": "InvalidTrafficMirrorTargetId.Malformed",
    "vpc": "InvalidVpcID.Malformed",
    "vpce": "InvalidVpcEndpointId.Malformed",
}
UNKNOWN: Mapping[str, tuple[str, str]] = {  # what a call says that names one which is not there (yet)
    "i": ("InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    "sg": ("InvalidGroup.NotFound", "The security group '{}' does not exist"),
}
_PARAMETERS: Mapping[str, str] = {  # as botocore's model names them, without the "s" of a list
    "ImageId": "ami",
    "InstanceConnectEndpointId": "eice",
    "NetworkInterfaceId": "eni",
    "InstanceId": "i",
    "LaunchTemplateId": "lt",
    "VpcPeeringConnectionId": "pcx",
    "RouteTableId": "rtb",
    "GroupId": "sg",
    "SecurityGroupId": "sg",
    "SecurityGroupRuleId": "sgr",
    "SubnetId": "subnet",
    "TrafficMirrorFilterId": "tmf",
    "TrafficMirrorFilterRuleId": "tmfr",
    "TrafficMirrorSessionId": "tms",
    "TrafficMirrorTargetId": "tmt",
    "VpcId": "vpc",
    "VpcEndpointId": "vpce",
    "GatewayLoadBalancerEndpointId": "vpce",
}


def check(params: Mapping[str, Any], is_known: Callable[[str], bool] = lambda identity: True) -> None:
    """Refuse the first id among a request's parameters that is malformed, or that EC2 does not know yet (``is_known``).
    An empty one counts as not given."""
    for prefix, one in _named(params):
        if not _is_formed(one, prefix):
            raise ApiError(MALFORMED[prefix], f'Invalid id: "{one}" (expecting "{prefix}-...")')
        if prefix in UNKNOWN and not is_known(one):
            code, words = UNKNOWN[prefix]
            raise ApiError(code, words.format(one))


def _named(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        prefix = _PARAMETERS.get(name.removesuffix("s"))
        listed = value if isinstance(value, list) else [value]
        yield from ((prefix, one) for one in listed if prefix and isinstance(one, str) and one)


def check_balancer(arn: str) -> None:
    """Refuse what is no Network Load Balancer's ARN."""
    if not _ARN.fullmatch(arn):
        raise ApiError("InvalidNetworkLoadBalancerArn.Malformed", f"The ARN '{arn}' is malformed")


def _is_formed(text: str, prefix: str) -> bool:
    if prefix == "ami" and text.startswith("resolve:ssm:"):
        return True
    return text.startswith(f"{prefix}-") and bool(_DIGITS.fullmatch(text[len(prefix) + 1 :]))
