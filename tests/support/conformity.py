"""Whether what the lab answers, and what the product asks, are what botocore's models say; and whether what AWS always
sends is there. Judges recorded exchanges (``switches.record``), raw: botocore's own parser leaves out what it does not
know.

https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html and its neighbours say how a shape is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import botocore.session

SERVICES = {"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2"}  # the name of a signature -> botocore's
JUDGED = {"ec2", "sts", "ssm", "ec2-instance-connect", "elbv2", "logs", "cloudwatch", "athena"}
PRODUCT = "vpcshark/"  # in the User-Agent
USERS_WORD = "InstanceType"  # of a request: what a user has mistyped (--host-type), AWS is to refuse
# What each AWS sample answer of the API reference has, whatever the resource is.
ALWAYS: Mapping[str, tuple[str, ...]] = {
    "Instance": (
        "InstanceId",
        "ImageId",
        "State",
        "InstanceType",
        "LaunchTime",
        "Placement",
        "Monitoring",
        "Architecture",
        "RootDeviceType",
        "VirtualizationType",
        "Hypervisor",
        "NetworkInterfaces",
        "PlatformDetails",
        "UsageOperation",
    ),
    "NetworkInterface": (
        "AvailabilityZone",
        "Description",
        "Groups",
        "InterfaceType",
        "MacAddress",
        "NetworkInterfaceId",
        "OwnerId",
        "PrivateIpAddresses",
        "RequesterManaged",
        "SourceDestCheck",
        "Status",
        "SubnetId",
        "TagSet",
        "VpcId",
    ),
    "TrafficMirrorSession": (
        "TrafficMirrorSessionId",
        "TrafficMirrorTargetId",
        "TrafficMirrorFilterId",
        "NetworkInterfaceId",
        "OwnerId",
        "SessionNumber",
        "VirtualNetworkId",
    ),
    "TrafficMirrorTarget": ("TrafficMirrorTargetId", "Type", "OwnerId"),
    "TrafficMirrorFilter": ("TrafficMirrorFilterId", "IngressFilterRules", "EgressFilterRules"),
    "TrafficMirrorFilterRule": (
        "TrafficMirrorFilterRuleId",
        "TrafficMirrorFilterId",
        "TrafficDirection",
        "RuleNumber",
        "RuleAction",
        "DestinationCidrBlock",
        "SourceCidrBlock",
    ),
    "Ec2InstanceConnectEndpoint": (
        "OwnerId",
        "InstanceConnectEndpointId",
        "InstanceConnectEndpointArn",
        "State",
        "DnsName",
        "VpcId",
        "AvailabilityZone",
        "CreatedAt",
        "SubnetId",
        "PreserveClientIp",
        "SecurityGroupIds",
    ),
    "InstanceInformation": ("InstanceId", "PingStatus", "AgentVersion", "PlatformType", "ResourceType"),
}


# What AWS's wire has, though the model spells it otherwise: real describes, as other people's dumps have them
# (https://github.com/batfish/batfish, tests of its AWS model), and https://github.com/aws/aws-sdk/issues/797.
SPELLED: Mapping[str, tuple[str, ...]] = {
    "NetworkInterfaceType": ("nat_gateway", "transit_gateway"),
    "PlatformValues": ("windows",),
    # A VPC endpoint's: the examples of DescribeVpcEndpoints in the AWS CLI's reference, and issue 797 above.
    "State": ("pendingAcceptance", "pending", "available", "deleting", "deleted", "rejected", "failed", "expired"),
    "AttachmentStatus": ("available",),  # an internet gateway's: API reference, InternetGatewayAttachment
}


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they were on the wire."""

    service: str
    action: str
    agent: str
    request: str
    status: int
    answer: str


def exchanges(file: Path) -> list[Exchange]:
    """Those of a record, of the services that are judged."""
    read = [Exchange(**json.loads(line)) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    return [one for one in read if SERVICES.get(one.service, one.service) in JUDGED]


def problems(exchange: Exchange) -> Iterator[str]:
    """A sentence for each thing that does not fit the model. A refusal is judged by its form alone."""
    model = _model(SERVICES.get(exchange.service, exchange.service))
    if exchange.action not in model.operation_names:
        yield f"{exchange.action}: botocore does not know the operation"
        return
    operation = model.operation_model(exchange.action)
    if PRODUCT in exchange.agent:
        yield from _asked(operation, exchange)
    if exchange.status >= 400:
        if "Code>" not in exchange.answer and "__type" not in exchange.answer:
            yield f"{exchange.action}: the refusal has no code"
    elif operation.output_shape is not None:
        yield from _answered(operation, exchange)


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _answered(operation: Any, exchange: Exchange) -> Iterator[str]:
    if operation.service_model.protocol == "json" or exchange.answer.lstrip().startswith("{"):
        yield from _json(operation.output_shape, json.loads(exchange.answer or "{}"), exchange.action)
        return
    root = ElementTree.fromstring(exchange.answer)
    wrapper = operation.output_shape.serialization.get("resultWrapper")
    found = root if wrapper is None else next((each for each in root if _local(each) == wrapper), None)
    if found is not None:
        yield from _xml(operation.output_shape, found, exchange.action)


def _xml(shape: Any, element: ElementTree.Element, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        named = {_serialized(name, member): (name, member) for name, member in shape.members.items()}
        seen = set()
        for child in element:
            word = _local(child)
            if word in named:
                name, member = named[word]
                seen.add(name)
                yield from _xml(member, child, f"{path}.{name}")
            elif word not in ("requestId", "RequestId", "ResponseMetadata"):
                yield f"{path}: there is no member {word}"
        yield from _missing(shape, seen, path)
    elif shape.type_name == "list":
        for child in element:
            yield from _xml(shape.member, child, path)
    else:
        yield from _scalar(shape, element.text or "", path)


def _json(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure" and isinstance(value, dict):
        named = {_serialized(name, member): (name, member) for name, member in shape.members.items()}
        for word, one in value.items():
            if word not in named:
                yield f"{path}: there is no member {word}"
            elif one is not None:
                yield from _json(named[word][1], one, f"{path}.{word}")
        yield from _missing(shape, {named[word][0] for word in value if word in named}, path)
    elif shape.type_name == "list" and isinstance(value, list):
        for one in value:
            yield from _json(shape.member, one, path)
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _scalar(shape, value, path)


def _missing(shape: Any, seen: set[str], path: str) -> Iterator[str]:
    for name in {*shape.required_members, *ALWAYS.get(shape.name, ())} - seen:
        yield f"{path}: {shape.name} has no {name}"


def _scalar(shape: Any, text: str, path: str) -> Iterator[str]:
    enum = getattr(shape, "enum", None)
    if enum and text not in (*enum, *SPELLED.get(shape.name, ())):
        yield f"{path}: {text!r} is none of {', '.join(enum[:8])}"
    if shape.type_name in ("integer", "long") and not re.fullmatch(r"-?\d+", text):
        yield f"{path}: {text!r} is no whole number"
    if shape.type_name == "boolean" and text not in ("true", "false"):
        yield f"{path}: {text!r} is neither true nor false"
    if shape.type_name == "timestamp" and not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text):
        yield f"{path}: {text!r} is no time"


def _serialized(name: str, member: Any) -> str:
    return str(member.serialization.get("name", name))


def _local(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _asked(operation: Any, exchange: Exchange) -> Iterator[str]:
    """The words of a request that a model bounds: botocore's own validation looks at types alone."""
    if operation.input_shape is None:
        return
    if exchange.request.startswith("{"):
        yield from _bounded(operation.input_shape, json.loads(exchange.request or "{}"), exchange.action)
        return
    given = dict(parse_qsl(exchange.request, keep_blank_values=True))
    for name, text in given.items():
        is_mistyped = name.startswith(USERS_WORD) and exchange.status >= 400
        if name not in ("Action", "Version") and not is_mistyped:
            yield from _flat(operation.input_shape, name, text, exchange.action, operation)


def _flat(shape: Any, name: str, text: str, path: str, operation: Any) -> Iterator[str]:
    """One "A.1.B" of a query, followed through the shapes."""
    is_ec2 = operation.service_model.protocol == "ec2"
    here = shape
    for word in name.split("."):
        if here.type_name == "structure":
            found = [member for key, member in here.members.items() if _queried(key, member, is_ec2) == word]
            if not found:
                yield f"{path}: the request has {name}, which the model has not"
                return
            here = found[0]
        elif here.type_name == "list" and word.isdecimal():
            here = here.member
        elif here.type_name == "list" and word in ("member", here.member.serialization.get("name")):
            continue
    if here.type_name not in ("structure", "list", "map"):
        yield from _bounded(here, text, f"{path} {name}")


def _queried(key: str, member: Any, is_ec2: bool) -> str:
    """A member's name in a query (botocore.serialize, EC2Serializer and QuerySerializer)."""
    if not is_ec2:
        return str(member.serialization.get("name", key))
    if "queryName" in member.serialization:
        return str(member.serialization["queryName"])
    name = str(member.serialization.get("name", key))
    return name[0].upper() + name[1:]


def _bounded(shape: Any, value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict) and shape.type_name == "structure":
        for key, one in value.items():
            if key in shape.members:
                yield from _bounded(shape.members[key], one, f"{path}.{key}")
            else:
                yield f"{path}: the request has {key}, which the model has not"
        return
    if isinstance(value, list) and shape.type_name == "list":
        for one in value:
            yield from _bounded(shape.member, one, path)
        return
    if shape.type_name != "string" or not isinstance(value, str):
        return
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is none of {', '.join(shape.enum[:8])}"
    if (low is not None and len(value) < low) or (high is not None and len(value) > high):
        yield f"{path}: {len(value)} characters, and the model has {low} to {high}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.search(pattern, value):
        yield f"{path}: {value!r} does not match {pattern}"
