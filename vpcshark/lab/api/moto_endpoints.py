"""Instance Connect Endpoints in the lab's EC2: described, made, deleted. Where they lead is the ``Endpoints``' matter.

Must not know sockets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError


class Endpoints(Protocol):
    """Those that there are; see ``moto_logins.LoginServices``."""

    def endpoints(self) -> Sequence[Mapping[str, Any]]: ...
    def make_endpoint(self, blocks: str, place: Mapping[str, Any]) -> Mapping[str, Any]: ...
    def remove_endpoint(self, identity: str) -> None: ...


_ENDPOINT_FILTERS = {
    "instance-connect-endpoint-id": "InstanceConnectEndpointId",
    "state": "State",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
    "availability-zone": "AvailabilityZone",
}


def describe(services: Endpoints, response: Any) -> ActionResult:
    """By ids and filters, all of which count."""
    found = list(services.endpoints())
    ids = response.params.get("InstanceConnectEndpointIds") or []
    unknown = [one for one in ids if one not in {each["InstanceConnectEndpointId"] for each in found}]
    if unknown:
        raise _not_there(unknown[0])
    found = [each for each in found if not ids or each["InstanceConnectEndpointId"] in ids]
    for one in response.params.get("Filters") or []:
        member = _ENDPOINT_FILTERS.get(one["Name"], "")
        if one["Name"].startswith("tag"):
            found = [each for each in found if _is_tagged(each, one)]
        else:
            found = [each for each in found if each.get(member) in one.get("Values", [])]
    return ActionResult({"InstanceConnectEndpoints": found})


_FAMILIES = {"ipv4": (False,), "ipv6": (True,), "dualstack": (False, True)}  # IpAddressType -> is it IPv6, for each


def _is_tagged(endpoint: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    key = wanted["Name"].removeprefix("tag:")
    if key == "tag-key":
        return any(tag["Key"] in wanted.get("Values", []) for tag in endpoint["Tags"])
    return any(tag["Key"] == key and tag["Value"] in wanted.get("Values", []) for tag in endpoint["Tags"])


def make(services: Endpoints, response: Any) -> ActionResult:
    """CreateInstanceConnectEndpoint; one for each VPC and subnet (quotas, EC2 user guide). Its type is that of the
    subnet, if none is named (API reference, IpAddressType)."""
    backend, asked = response.ec2_backend, response.params
    subnet = backend.get_subnet(asked["SubnetId"])
    if any(each["VpcId"] == subnet.vpc_id for each in services.endpoints()):
        raise EC2ClientError("InstanceConnectEndpointLimitExceeded", "The VPC has its Instance Connect Endpoint.")
    groups = asked.get("SecurityGroupIds") or [backend.get_default_security_group(subnet.vpc_id).id]
    tags = [tag for one in asked.get("TagSpecifications") or [] for tag in one.get("Tags", [])]
    kind = asked.get("IpAddressType") or ("dualstack" if subnet.ipv6_cidr_block_associations else "ipv4")
    if kind not in _FAMILIES:
        raise EC2ClientError("InvalidParameterValue", f"Value ({kind}) for parameter IpAddressType is invalid.")
    vpc = backend.get_vpc(subnet.vpc_id)
    rows = [each for is_v6 in _FAMILIES[kind] for each in vpc.get_cidr_block_association_set(ipv6=is_v6)]
    blocks = " ".join(each["cidr_block"] for each in rows)
    place = {
        "IpAddressType": kind,
        "VpcId": subnet.vpc_id,
        "SubnetId": subnet.id,
        "AvailabilityZone": subnet.availability_zone,
        "SecurityGroupIds": groups,
        "Tags": tags,
    }
    made = services.make_endpoint(blocks, place)
    return ActionResult({"InstanceConnectEndpoint": {**made, "State": "create-in-progress"}})


def remove(services: Endpoints, response: Any) -> ActionResult:
    """DeleteInstanceConnectEndpoint."""
    identity = response.params["InstanceConnectEndpointId"]
    found = [each for each in services.endpoints() if each["InstanceConnectEndpointId"] == identity]
    if not found:
        raise _not_there(identity)
    services.remove_endpoint(identity)
    return ActionResult({"InstanceConnectEndpoint": {**found[0], "State": "delete-in-progress"}})


def _not_there(identity: str) -> EC2ClientError:
    said = f"The Instance Connect Endpoint ID '{identity}' does not exist"
    return EC2ClientError("InvalidInstanceConnectEndpointId.NotFound", said)


ANSWERS = {
    "describe_instance_connect_endpoints": describe,
    "create_instance_connect_endpoint": make,
    "delete_instance_connect_endpoint": remove,
}
"""Operation -> its answer, of the endpoints and moto's response."""
