"""An interface that nobody can log in behind is told in true words: never "unused" where it is in use, never half a
sentence. And the first interface of an instance is device 0 of network card 0."""

from __future__ import annotations

from typing import Any

import pytest

from vpcshark.aws import inventory, owners
from vpcshark.aws.hosts import host_from
from vpcshark.aws.inventory import Eni

ECS = "arn:aws:ecs:eu-central-1:123456789012:attachment/0a1b"


def eni(**more: Any) -> Eni:
    """An interface in use by something."""
    return Eni("eni-1", "x", **{"attachment_status": "attached", "account": "111111111111", **more})


@pytest.mark.parametrize(
    ("one", "part"),
    [
        (eni(instance="i-1", instance_state="stopped"), "i-1, which is stopped"),
        (eni(instance="i-1", instance_account="222222222222"), "of the account 222222222222 that these credentials"),
        (eni(instance="i-1", instance_account="111111111111"), "an instance that these credentials do not see"),
        (eni(interface_type="branch", description="aws-K8S-branch-eni"), "branch of an instance's trunk"),
        (eni(description=ECS, instance_account="333333333333"), "an ECS task on Fargate"),
        (eni(interface_type="lambda"), "a Lambda function"),
        (eni(description="AWS Lambda VPC ENI-f-1"), "a Lambda function"),
        (eni(description="ELB app/web/1", requester="amazon-elb"), "a load balancer"),
        (eni(interface_type="network_load_balancer", description="ELB net/x/1"), "a Network Load Balancer"),
        (eni(description="RDSNetworkInterface", requester="amazon-rds"), "an RDS database"),
        (eni(description="ElastiCache web-001"), "an ElastiCache cluster"),
        (eni(interface_type="nat_gateway"), "a NAT gateway"),
        (eni(interface_type="vpc_endpoint"), "a VPC endpoint"),
        (eni(description="Amazon EKS prod"), "an EKS control plane"),
        (eni(instance_account="amazon-aws"), "a service of AWS (amazon-aws)"),
        (eni(attachment_status=""), "attached to no instance"),
    ],
)
def test_whose_it_is_and_what_to_do(one: Eni, part: str):
    """A whole sentence behind the id."""
    what, remedy = owners.why_nobody_logs_in(one)
    assert part in what
    assert "unused" not in what
    assert "start it" not in remedy.lower() or "stopped" in what
    assert remedy.endswith(".")
    assert not what.endswith((" ", ":"))


def raw(name: str, card: int, device: int, **more: Any) -> dict[str, Any]:
    """An interface of an instance as EC2 describes it; its first card may go without a number."""
    index = {"NetworkCardIndex": card} if card else {}
    return {
        "NetworkInterfaceId": name,
        "PrivateIpAddress": name,
        "Attachment": {"DeviceIndex": device, **index},
        **more,
    }


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_the_first_is_device_0_of_card_0_in_whatever_order_ec2_lists_them(order: tuple[int, ...]):
    """Types with several cards have a device 0 or 1 on each."""
    enis = [raw("first", 0, 0), raw("second", 0, 1), raw("of card 1", 1, 0), raw("of card 2", 2, 1)]
    host = host_from({"InstanceId": "i-1", "NetworkInterfaces": [enis[n] for n in order]})
    assert (host.eni, host.address) == ("first", "first")


def test_an_instance_without_ipv4_has_the_address_that_it_has():
    """In a subnet that has IPv6 alone."""
    only = {"Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}, {"Ipv6Address": "2001:db8::6"}], "PrivateIpAddress": ""}
    host = host_from({"InstanceId": "i-1", "NetworkInterfaces": [raw("eni-1", 0, 0) | only]})
    assert host.address == "2001:db8::5"


class Ec2:
    """One page of interfaces and no instances."""

    def __init__(self, *interfaces: dict[str, Any]) -> None:
        self._answers = {"describe_network_interfaces": {"NetworkInterfaces": interfaces}, "describe_instances": {}}

    def get_paginator(self, operation: str) -> Any:
        answer = self._answers[operation]

        class Pages:
            def paginate(self, **_: Any) -> list[Any]:
                return [answer]

        return Pages()


def test_every_type_that_tcpdump_can_capture_is_listed():
    """Also those that AWS does not mirror; not those that have no device that it sees."""
    types = ("interface", "efa", "trunk", "efa-only", "branch", "lambda", "nat_gateway")
    found = inventory.list_enis(Ec2(*(raw(f"eni-{kind}", 0, 0, InterfaceType=kind) for kind in types)))
    assert sorted(one.interface_type for one in found) == ["efa", "interface", "trunk"]


def test_the_card_is_in_the_name_where_it_is_not_the_first():
    """eth0 alone would be two interfaces' name."""
    found = inventory.list_enis(Ec2(raw("eni-a", 0, 0), raw("eni-b", 1, 0)))
    assert [(inventory.interface_name(one), one.is_primary) for one in found] == [
        ("eth0", True),
        ("eth0 of card 1", False),
    ]


def test_fifty_addresses_are_counted():
    """``--json`` has them all."""
    many = eni(addresses=tuple(f"10.0.0.{n}" for n in range(50)))
    assert inventory.some_addresses(many) == ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "and 46 more"]
    assert len(inventory.as_json(many)["addresses"]) == 50
