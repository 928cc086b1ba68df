"""An interface that nobody can log in behind is told in true words: never "unused" where it is in use, never half a
sentence. And the first interface of an instance is device 0 of network card 0."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from vpcshark.aws.compute.capture_hosts import host_from
from vpcshark.aws.inventory import interfaces as inventory_interfaces
from vpcshark.aws.inventory import owners
from vpcshark.aws.inventory.interfaces import Eni

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


TYPES = botocore.session.get_session().get_service_model("ec2").shape_for("NetworkInterfaceType").enum
OURS = ("interface", "efa", "trunk")  # an instance's own, and pods' and tasks'
# (description, requester, whose): https://docs.aws.amazon.com and what people paste into public bug reports
SERVICES = [
    (ECS, "", "ECS"),
    ("ELB app/web/0123", "amazon-elb", "load balancer"),
    ("ELB classic", "amazon-elb", "load balancer"),
    ("AWS Lambda VPC ENI-resize-1b2c", "AROAEXAMPLE:resize", "Lambda"),
    ("RDSNetworkInterface", "amazon-rds", "RDS"),
    ("RedshiftNetworkInterface", "amazon-redshift", "Redshift"),
    ("DMSNetworkInterface", "AROAEXAMPLE:dms-session", "Migration"),
    ("ElastiCache web-001", "amazon-elasticache", "ElastiCache"),
    ("ES logs", "amazon-elasticsearch", "OpenSearch"),
    ("DO NOT DELETE - Amazon MSK network interface for cluster arn:aws:kafka:x", "AROA:kafka", "MSK"),
    ("Amazon EKS prod", "AROAEXAMPLE:AmazonEKS", "EKS"),
    ("EFS mount target for fs-0a (fsmt-0b)", "AROAEXAMPLE:EFS", "EFS"),
    ("AWS created network interface for directory d-9067", "AROAEXAMPLE:ds", "Directory"),
    ("AWS created network interface for d-9067", "AROAEXAMPLE:ds", "Directory"),
    ("Created By Amazon Workspaces for AWS Account ID 111111111111", "", "WorkSpace"),
    ("Attached to Glue using role: arn:aws:iam::1:role/x", "", "Glue"),
    ("[DO NOT DELETE] ENI managed by SageMaker for Studio Domain", "", "SageMaker"),
    ("Route 53 Resolver: rslvr-in-0a:rni-0b", "AROAEXAMPLE:r53", "Route 53"),
    ("VPC Endpoint Interface vpce-0a", "", "VPC endpoint"),
    ("Interface for NAT Gateway nat-0a", "", "NAT gateway"),
    ("Network Interface for Transit Gateway Attachment tgw-attach-0a", "", "transit gateway"),
    ("What nobody has seen yet", "AROAEXAMPLE:new", "What nobody has seen yet"),
    ("", "amazon-new", "amazon-new"),
    ("", "", "a service of AWS"),
]


def told(one: Eni) -> str:
    """The whole message of a capture on its instance, with none that would be wrong."""
    what, remedy = owners.why_nobody_logs_in(one)
    message = f"{one.id} {what}: tcpdump needs a running instance. {remedy}"
    assert "unused" not in message
    assert "start it" not in message.lower()
    assert "  " not in message
    assert " :" not in message
    assert "attached to no instance" not in message
    return message


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in (*OURS, "efa-only")] + ["of_next_year"])
@pytest.mark.parametrize("status", ["attached", ""])
def test_each_type_that_ec2_knows_is_named(kind: str, status: str):
    """botocore's model has them all; one that is newer than we are is called what EC2 calls it."""
    message = told(eni(interface_type=kind, attachment_status=status, requester_managed=True))
    assert "pod or a task" in message if kind == "branch" else "belongs to" in message
    assert kind != "of_next_year" or "of_next_year" in message


@pytest.mark.parametrize(("description", "requester", "part"), SERVICES, ids=lambda value: str(value)[:20] or "-")
@pytest.mark.parametrize("kind", OURS)
def test_each_service_is_named_by_what_it_writes(kind: str, description: str, requester: str, part: str):
    """Of the plain type as well; what is not recognised is told in the service's own words."""
    one = eni(interface_type=kind, description=description, requester=requester, requester_managed=True)
    assert part in told(one)


def test_an_interface_past_the_network_is_told_on_a_running_instance():
    """Nothing there has its MAC address as a network device."""
    found = owners.why_no_device(eni(interface_type="efa-only", instance="i-1", instance_state="running"))
    assert found
    assert "no IP packets" in found[0]
    assert owners.why_no_device(eni(interface_type="efa")) is None


def test_a_description_may_be_anybodys_text():
    """On one line, and not a page."""
    what, _ = owners.why_nobody_logs_in(eni(description="new\x1b[2J\n" + "x" * 500, requester_managed=True))
    assert what.isprintable()
    assert len(what) < 250


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
    found = inventory_interfaces.list_enis(Ec2(*(raw(f"eni-{kind}", 0, 0, InterfaceType=kind) for kind in types)))
    assert sorted(one.interface_type for one in found) == ["efa", "interface", "trunk"]


def test_the_card_is_in_the_name_where_it_is_not_the_first():
    """eth0 alone would be two interfaces' name."""
    found = inventory_interfaces.list_enis(Ec2(raw("eni-a", 0, 0), raw("eni-b", 1, 0)))
    assert [(inventory_interfaces.interface_name(one), one.is_primary) for one in found] == [
        ("eth0", True),
        ("eth0 of card 1", False),
    ]


def test_fifty_addresses_are_counted():
    """``--json`` has them all."""
    many = eni(addresses=tuple(f"10.0.0.{n}" for n in range(50)))
    assert inventory_interfaces.some_addresses(many) == ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "and 46 more"]
    assert len(inventory_interfaces.as_json(many)["addresses"]) == 50
