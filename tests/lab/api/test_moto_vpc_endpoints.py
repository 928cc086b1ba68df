"""VPC endpoints in the lab's API."""

from __future__ import annotations

from typing import Any

import pytest

REGION = "us-east-1"


@pytest.fixture
def place(ec2: Any) -> dict[str, str]:
    """A VPC with a subnet in each of two zones, and its main table."""
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    made = {"vpc": vpc}
    for zone, number in (("a", 1), ("b", 2)):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.8.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")
        made[zone] = subnet["Subnet"]["SubnetId"]
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    return {**made, "table": table["RouteTableId"]}


def routes(ec2: Any, table: str) -> list[str]:
    """The gateways that a table leads to by prefix lists."""
    (found,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    return [each["GatewayId"] for each in found["Routes"] if each.get("DestinationPrefixListId")]


def test_a_gateway_endpoints_routes_come_and_go_with_its_tables(ec2: Any, place: dict[str, str]):
    """One without a type is a gateway's."""
    service = f"com.amazonaws.{REGION}.s3"
    made = ec2.create_vpc_endpoint(VpcId=place["vpc"], ServiceName=service)["VpcEndpoint"]
    endpoint = made["VpcEndpointId"]
    assert (made["VpcEndpointType"], routes(ec2, place["table"])) == ("Gateway", [])
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[place["table"]])
    assert routes(ec2, place["table"]) == [endpoint]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, RemoveRouteTableIds=[place["table"]])
    assert routes(ec2, place["table"]) == []
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[place["table"]])
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert routes(ec2, place["table"]) == []


def test_an_interface_endpoint_has_an_interface_in_each_of_its_subnets(ec2: Any, place: dict[str, str]):
    """With an address of the subnet, and the groups that were asked for or the default one."""
    group = ec2.create_security_group(GroupName="api", Description="api", VpcId=place["vpc"])["GroupId"]
    wanted = {"VpcEndpointType": "Interface", "ServiceName": f"com.amazonaws.{REGION}.ssm", "VpcId": place["vpc"]}
    endpoint = ec2.create_vpc_endpoint(SubnetIds=[place["a"]], **wanted)["VpcEndpoint"]["VpcEndpointId"]

    def interfaces() -> list[tuple[str, str, str, list[str]]]:
        """(subnet, start of the address, type, groups)."""
        (row,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
        by = [{"Name": "description", "Values": [f"VPC Endpoint Interface {endpoint}"]}]
        found = ec2.describe_network_interfaces(Filters=by)["NetworkInterfaces"]
        assert sorted(row["NetworkInterfaceIds"]) == sorted(each["NetworkInterfaceId"] for each in found)
        return sorted(
            (
                each["SubnetId"],
                each["PrivateIpAddress"][:7],
                each["InterfaceType"],
                [one["GroupName"] for one in each["Groups"]],
            )
            for each in found
        )

    assert interfaces() == [(place["a"], "10.8.1.", "vpc_endpoint", ["default"])]
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint, AddSubnetIds=[place["b"]], RemoveSubnetIds=[place["a"]], AddSecurityGroupIds=[group]
    )
    assert interfaces() == [(place["b"], "10.8.2.", "vpc_endpoint", ["api"])]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    assert not ec2.describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [place["vpc"]]}])[
        "NetworkInterfaces"
    ]
