"""Which flow logs cover an ENI, a subnet, a VPC, a transit gateway or an attachment: two describes, or three.

DescribeFlowLogs' filter by resource does not look upward: it is asked for the ENI, its subnet, its VPC and what is
behind it at once. Must not know what the records are wanted for.
"""

from __future__ import annotations

import re
from typing import Any

from vpcshark.aws.client import Aws
from vpcshark.aws.errors import mapped
from vpcshark.aws.paging import pages
from vpcshark.errors import AwsError, InputError
from vpcshark.flowlogs import cover
from vpcshark.flowlogs.cover import FlowLog, Place

_KINDS = {"eni": "interface", "subnet": "subnet", "vpc": "VPC", "tgw": "transit gateway", "tgw-attach": "attachment"}
_ID = re.compile(r"(eni|subnet|vpc|tgw|tgw-attach)-[0-9a-f]+")
_ATTACHMENT = re.compile(r"tgw-attach-[0-9a-f]+")


def covering(aws: Aws, id: str) -> tuple[Place, list[FlowLog]]:
    """(the place, the flow logs that cover it). AwsError, InputError for an id of no such kind."""
    place = find(aws, id)
    with mapped("list the flow logs"):
        filters = [{"Name": "resource-id", "Values": [*place.covers]}]
        found = list(pages(aws.ec2, "describe_flow_logs", "FlowLogs", Filters=filters))
    return place, cover.read(place, found)


def find(aws: Aws, id: str) -> Place:
    """What a flow log that covers ``id`` may be of."""
    matched = _ID.fullmatch(id)
    if matched is None:
        raise InputError(f'"{id}" is no id of an ENI.', "Give eni-…, or subnet-…, vpc-…, tgw-… or tgw-attach-….")
    if matched[1] == "eni":
        return _interface(aws, id)
    if matched[1] == "tgw-attach":
        return Place(id, _gateway(aws, id), is_gateway=True)
    if matched[1] == "subnet":
        vpc = _first(aws, "describe_subnets", "Subnets", "subnet-id", id).get("VpcId", "")
        return Place(id, {id: "subnet", vpc: "VPC"})
    return Place(id, {id: _KINDS[matched[1]]}, is_gateway=matched[1] == "tgw")


def _interface(aws: Aws, id: str) -> Place:
    """A transit gateway's own interface names its attachment in its description alone."""
    found = _first(aws, "describe_network_interfaces", "NetworkInterfaces", "network-interface-id", id)
    covers = {id: "interface", str(found.get("SubnetId", "")): "subnet", str(found.get("VpcId", "")): "VPC"}
    attachment = _ATTACHMENT.search(str(found.get("Description", "")))
    if found.get("InterfaceType") == "transit_gateway" and attachment is not None:
        covers |= _gateway(aws, attachment[0])
    return Place(id, {each: kind for each, kind in covers.items() if each})


def _gateway(aws: Aws, id: str) -> dict[str, str]:
    found = _first(
        aws, "describe_transit_gateway_attachments", "TransitGatewayAttachments", "transit-gateway-attachment-id", id
    )
    gateway = str(found.get("TransitGatewayId", ""))
    return {id: "attachment", **({gateway: "transit gateway"} if gateway else {})}


def _first(aws: Aws, operation: str, key: str, name: str, id: str) -> Any:
    words = key[0].lower() + re.sub("([A-Z])", lambda found: " " + found[1].lower(), key[1:])
    with mapped(f"list the {words}"):
        found = list(pages(aws.ec2, operation, key, Filters=[{"Name": name, "Values": [id]}]))
    if not found:
        raise AwsError(f"There is no {id} in {aws.region}.", "Check the id, --region and --profile.")
    return found[0]
