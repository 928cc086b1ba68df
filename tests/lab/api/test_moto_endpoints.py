"""Instance Connect Endpoints as EC2 describes, makes and deletes them, over a service that only remembers them."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from moto.ec2.exceptions import EC2ClientError

from vpcshark.lab.api import moto_endpoints

BLOCK, BLOCK6, GROUP = "10.9.0.0/16", "2001:db8::/56", "sg-0123456789abcdef0"


class Remembered:
    """Endpoints without a way behind them."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, Any]] = {}

    def endpoints(self) -> list[Mapping[str, Any]]:
        return list(self.made.values())

    def make_endpoint(self, blocks: str, place: Mapping[str, Any]) -> Mapping[str, Any]:
        identity = f"eice-{len(self.made)}"
        described = {"InstanceConnectEndpointId": identity, "State": "create-complete", "blocks": blocks, **place}
        self.made[identity] = described
        return described

    def remove_endpoint(self, identity: str) -> None:
        del self.made[identity]


class Backend:
    """moto's, with a VPC of each subnet's name."""

    def get_subnet(self, subnet: str) -> Any:
        ipv6 = {"association": {}} if subnet == "six" else {}
        place = {"availability_zone": "us-east-1a", "ipv6_cidr_block_associations": ipv6}
        return SimpleNamespace(id=subnet, vpc_id=f"vpc-{subnet}", **place)

    def get_vpc(self, vpc: str) -> Any:
        return SimpleNamespace(
            get_cidr_block_association_set=lambda ipv6: [{"cidr_block": BLOCK6 if ipv6 else BLOCK}],
        )

    def get_default_security_group(self, vpc: str) -> Any:
        return SimpleNamespace(id=f"sg-of-{vpc}")


def asked(**params: Any) -> Any:
    return SimpleNamespace(ec2_backend=Backend(), params=params)


@pytest.fixture
def services() -> Remembered:
    """With one endpoint that names its group, and one that does not."""
    kept = Remembered()
    tags = [{"ResourceType": "instance-connect-endpoint", "Tags": [{"Key": "Name", "Value": "way"}]}]
    moto_endpoints.make(kept, asked(SubnetId="a", SecurityGroupIds=[GROUP], TagSpecifications=tags))
    moto_endpoints.make(kept, asked(SubnetId="b"))
    return kept


def told(services: Remembered, **params: Any) -> list[str]:
    """The ids that a describe says."""
    answer = moto_endpoints.describe(services, asked(**params)).result
    return [one["InstanceConnectEndpointId"] for one in answer["InstanceConnectEndpoints"]]


def test_an_endpoint_has_the_groups_that_were_asked_for_or_its_vpcs_own(services: Remembered):
    """And its tags, and lets to the addresses of its VPC."""
    first, second = services.endpoints()
    assert (first["SecurityGroupIds"], first["VpcId"], first["blocks"]) == ([GROUP], "vpc-a", BLOCK)
    assert first["Tags"] == [{"Key": "Name", "Value": "way"}]
    assert second["SecurityGroupIds"] == ["sg-of-vpc-b"]


@pytest.mark.parametrize(("kind", "blocks"), [("ipv4", BLOCK), ("ipv6", BLOCK6), ("dualstack", f"{BLOCK} {BLOCK6}")])
def test_an_endpoint_lets_to_the_families_of_its_type(services: Remembered, kind: str, blocks: str):
    """CreateInstanceConnectEndpoint, IpAddressType."""
    moto_endpoints.make(services, asked(SubnetId="c", IpAddressType=kind))
    made = services.endpoints()[-1]
    assert (made["IpAddressType"], made["blocks"]) == (kind, blocks)


def test_an_endpoint_without_a_type_has_its_subnets(services: Remembered):
    moto_endpoints.make(services, asked(SubnetId="six"))
    assert [made["IpAddressType"] for made in services.endpoints()] == ["ipv4", "ipv4", "dualstack"]


def test_an_address_type_that_there_is_not_is_refused(services: Remembered):
    with pytest.raises(EC2ClientError, match="IpAddressType"):
        moto_endpoints.make(services, asked(SubnetId="c", IpAddressType="ipv5"))


def test_ids_and_filters_choose(services: Remembered):
    assert told(services) == ["eice-0", "eice-1"]
    assert told(services, InstanceConnectEndpointIds=["eice-1"]) == ["eice-1"]
    assert told(services, Filters=[{"Name": "vpc-id", "Values": ["vpc-a"]}]) == ["eice-0"]
    assert told(services, Filters=[{"Name": "state", "Values": ["create-failed"]}]) == []
    assert told(services, Filters=[{"Name": "tag:Name", "Values": ["way"]}]) == ["eice-0"]


def test_one_that_is_not_there_is_refused(services: Remembered):
    for call in (
        lambda: told(services, InstanceConnectEndpointIds=["eice-9"]),
        lambda: moto_endpoints.remove(services, asked(InstanceConnectEndpointId="eice-9")),
    ):
        with pytest.raises(EC2ClientError, match="eice-9"):
            call()


def test_a_vpc_has_one_endpoint(services: Remembered):
    """Quotas of EC2 Instance Connect Endpoint."""
    with pytest.raises(EC2ClientError):
        moto_endpoints.make(services, asked(SubnetId="a"))
    moto_endpoints.remove(services, asked(InstanceConnectEndpointId="eice-0"))
    moto_endpoints.make(services, asked(SubnetId="a"))
