"""The list of network interfaces, as a person would recognise them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vpcshark.aws.client import Ec2
from vpcshark.aws.inventory import interfaces as inventory_interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.errors import InputError


class Paged:
    """EC2 with these answers, one item per page, as AWS pages them and moto does not."""

    def __init__(self, interfaces: list[dict[str, Any]], instances: list[dict[str, Any]]) -> None:
        self._answers = {
            "describe_network_interfaces": [{"NetworkInterfaces": [raw]} for raw in interfaces],
            "describe_instances": [{"Reservations": [{"Instances": [raw]}]} for raw in instances],
        }

    def get_paginator(self, operation: str) -> Any:
        """A paginator, as boto3's."""
        answers = self._answers[operation]

        class Paginator:
            def paginate(self, **_: Any) -> list[dict[str, Any]]:
                return answers

        return Paginator()


def raw_eni(number: int, **more: Any) -> dict[str, Any]:
    """An ENI as EC2 describes it."""
    return {"NetworkInterfaceId": f"eni-0000000{number}", "InterfaceType": "interface", **more}


def attached(instance: str, index: int = 0) -> dict[str, Any]:
    """The attachment of an ENI to an instance."""
    return {"InstanceId": instance, "DeviceIndex": index, "Status": "attached"}


def raw_instance(instance: str, name: str = "", state: str = "running") -> dict[str, Any]:
    """An instance as EC2 describes it."""
    return {"InstanceId": instance, "State": {"Name": state}, "Tags": [{"Key": "Name", "Value": name}] if name else []}


def test_an_eni_has_all_that_ec2_says(ec2: Ec2, enis: dict[str, Any]) -> None:
    """Instance, name, place, addresses (the primary IPv4 first, then IPv6) and MAC."""
    wanted = enis["web-1 eth1"]
    [found] = [eni for eni in inventory_interfaces.list_enis(ec2) if eni.id == wanted["id"]]
    assert found.name == found.instance_name == "web-1"
    assert (found.instance, found.owner) == (wanted["instance"], wanted["instance"])
    assert (found.device_index, found.mac) == (1, wanted["mac"])
    assert found.addresses == (wanted["ipv4"], wanted["ipv6"])
    assert found.primary_address == wanted["ipv4"]
    assert found.instance_state == "running"
    assert found.az.startswith("eu-central-1")
    assert found.vpc.startswith("vpc-")
    assert found.subnet.startswith("subnet-")


def test_the_display_is_what_a_person_recognises(ec2: Ec2, enis: dict[str, Any]) -> None:
    """Name, interface, address, id."""
    wanted = enis["db-1 eth0"]
    found = inventory_interfaces.find_eni(ec2, wanted["id"])
    assert inventory_interfaces.display(found) == f"db-1 · eth0 · {wanted['ipv4']} · {wanted['id']}"
    assert inventory_interfaces.display(found, has_id=False) == f"db-1 · eth0 · {wanted['ipv4']}"
    nameless = Eni("eni-1", "eni-1", device_index=0)
    assert (inventory_interfaces.display(nameless), inventory_interfaces.display(nameless, has_id=False)) == (
        "eni-1 · eth0",
        "eth0",
    )
    assert inventory_interfaces.display(Eni("eni-1", "eni-1"), has_id=False) == "eni-1"


def test_only_interfaces_that_can_be_sources_are_listed(ec2: Any) -> None:
    """The ENI of a NAT gateway is not in the list, though EC2 shows it."""
    shown = {raw["InterfaceType"] for raw in ec2.describe_network_interfaces()["NetworkInterfaces"]}
    assert "nat_gateway" in shown
    assert {eni.interface_type for eni in inventory_interfaces.list_enis(ec2)} == {"interface"}


def test_running_instances_come_first_by_name_and_index(ec2: Ec2) -> None:
    """Talkers before an ENI that is attached to nothing; eth0 before eth1."""
    listed = [(eni.name, eni.device_index) for eni in inventory_interfaces.list_enis(ec2)]
    assert listed == [
        ("api-1", 0),
        ("db-1", 0),
        ("this-machine", 0),
        ("web-1", 0),
        ("web-1", 1),
        ("spare", None),
    ]


def test_numbers_in_names_count_as_numbers() -> None:
    """web-2 comes before web-10, a stopped web-1 after both."""
    ec2 = Paged(
        [raw_eni(n, Attachment=attached(f"i-{n}")) for n in (1, 2, 3)],
        [raw_instance("i-1", "web-1", "stopped"), raw_instance("i-2", "web-10"), raw_instance("i-3", "web-2")],
    )
    assert [eni.name for eni in inventory_interfaces.list_enis(ec2)] == ["web-2", "web-10", "web-1"]  # type: ignore[arg-type]


def test_every_page_is_read() -> None:
    """AWS gives at most a thousand at a time."""
    ec2 = Paged([raw_eni(n) for n in range(9)], [])
    assert len(inventory_interfaces.list_enis(ec2)) == 9  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("eni", "instance", "name"),
    [
        ({"TagSet": [{"Key": "Name", "Value": "uplink"}], "Attachment": attached("i-1")}, "web-1", "uplink"),
        ({"Attachment": attached("i-1")}, "web-1", "web-1"),
        ({"Attachment": attached("i-1")}, "", "i-1"),
        ({"RequesterManaged": True, "Description": "RDSNetworkInterface"}, "", "RDSNetworkInterface"),
        ({"TagSet": [{"Key": "Name", "Value": " a\nb\x07c "}]}, "", "a b c"),
        ({}, "", "eni-00000001"),
    ],
)
def test_the_name_is_the_best_that_is_known(eni: dict[str, Any], instance: str, name: str) -> None:
    """The ENI's own Name tag, its instance's, what owns it, its id; on one line."""
    ec2 = Paged([raw_eni(1, **eni)], [raw_instance("i-1", instance)])
    assert inventory_interfaces.list_enis(ec2)[0].name == name  # type: ignore[arg-type]


def test_json_has_what_scripts_rely_on(ec2: Ec2, enis: dict[str, Any]) -> None:
    """The fields of vpcshark interfaces --json."""
    found = json.loads(
        json.dumps(inventory_interfaces.as_json(inventory_interfaces.find_eni(ec2, enis["web-1 eth0"]["id"])))
    )
    assert {"id", "name", "instance", "vpc", "subnet", "az", "addresses", "mac"} <= set(found)
    assert found["addresses"] == [enis["web-1 eth0"]["ipv4"], enis["web-1 eth0"]["ipv6"]]


def test_an_unknown_eni_is_told_with_the_region(ec2: Ec2) -> None:
    """A well-formed id that nobody has."""
    with pytest.raises(InputError) as caught:
        inventory_interfaces.find_eni(ec2, "eni-0123456789abcdef0")
    assert caught.value.problem == "There is no network interface eni-0123456789abcdef0 in eu-central-1."
    assert "--region" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "eth0", "eni-", "eni-xyz", "i-0123456789abcdef0", "eni-0123456789abcdef0\n;"])
def test_what_is_no_eni_id_is_told_without_a_call(text: str) -> None:
    """A typing error needs no answer of AWS."""
    with pytest.raises(InputError, match="is not the id of a network interface"):
        inventory_interfaces.find_eni(object(), text)  # type: ignore[arg-type]


def test_names_by_address() -> None:
    """Every address of an ENI leads to its name."""
    eni = Eni("eni-1", "web-1", addresses=("10.1.0.1", "2001:db8::1"))
    assert inventory_interfaces.by_address([eni]) == {"10.1.0.1": "web-1", "2001:db8::1": "web-1"}
