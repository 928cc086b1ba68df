"""What a way is charged for by the GB: by the rules of AWS's price lists, on networks that have one such thing each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.walks import Cloud, one_vpc, two_vpcs
from vpcshark.aws import prices
from vpcshark.network import answer as answers
from vpcshark.network import tolls
from vpcshark.network.known import Known
from vpcshark.survey import dump
from vpcshark.survey.questions import Wanted, attempt


def peered(zone: str = "a", regions: tuple[str, str] = ("r", "r")) -> Cloud:
    """Two VPCs side by side, the second's host in ``zone``."""
    cloud = Cloud()
    for name, number, where in (("one", 1, "a"), ("two", 2, zone)):
        cloud.vpc(name, f"10.{number}.0.0/16")
        cloud.instance(
            f"host-{name}", cloud.subnet(name, f"vpc-{name}", f"10.{number}.1.0/24", where), f"10.{number}.1.9"
        )
    cloud.peering("both", "vpc-one", "vpc-two", regions=regions)
    cloud.route("rtb-one-main", "10.2.0.0/16", "pcx-both")
    cloud.route("rtb-two-main", "10.1.0.0/16", "pcx-both")
    return cloud


def zoned_nat() -> Cloud:
    """The NAT gateway stands in another zone than who uses it."""
    cloud = one_vpc()
    cloud.one("Subnets", SubnetId="subnet-public").update(AvailabilityZone="eu-north-1b", AvailabilityZoneId="eun1-azb")
    cloud.one("NetworkInterfaces", NetworkInterfaceId="eni-nat-home")["AvailabilityZone"] = "eu-north-1b"
    return cloud


def abroad() -> Cloud:
    cloud = peered("a", ("eu-north-1", "us-east-1"))
    subnet = cloud.one("Subnets", SubnetId="subnet-two")
    subnet.update(AvailabilityZone="us-east-1a", AvailabilityZoneId="use1-az1")
    cloud.one("NetworkInterfaces", NetworkInterfaceId="eni-host-two")["AvailabilityZone"] = "us-east-1a"
    return cloud


def endpoint() -> Cloud:
    """An interface endpoint in another zone: it charges, the zone doesn't."""
    cloud = one_vpc()
    subnet = cloud.subnet("far", "vpc-home", "10.0.3.0/24", "b")
    more = {"InterfaceType": "vpc_endpoint", "Description": "VPC Endpoint Interface vpce-api"}
    cloud.interface("endpoint", subnet, "10.0.3.3", **more)
    return cloud


OUT_BY_NAT = ["nat-gateway", "internet"]
CASES = [
    ("one zone of a VPC", one_vpc, "inner", "outer", [], []),
    ("peers in one zone", peered, "host-one", "host-two", [], []),
    ("peers in two zones", lambda: peered("b"), "host-one", "host-two", ["zone"], ["zone"]),
    ("peers in two Regions", abroad, "host-one", "host-two", ["region"], ["region"]),
    ("a transit gateway, then another zone", two_vpcs, "client", "server", ["transit-gateway"], ["transit-gateway"]),
    ("out by a NAT gateway", one_vpc, "inner", "internet", OUT_BY_NAT, ["nat-gateway"]),
    ("a NAT gateway elsewhere", zoned_nat, "inner", "internet", [*OUT_BY_NAT, "zone"], ["nat-gateway", "zone"]),
    ("out by an address of its own", one_vpc, "outer", "internet", ["internet"], []),
    ("in from the internet", one_vpc, "internet", "outer", [], ["internet"]),
    ("an endpoint in another zone", endpoint, "inner", "10.0.3.3", ["vpc-endpoint"], ["vpc-endpoint"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "source", "target", "there", "back"), [each[1:] for each in CASES], ids=[c[0] for c in CASES]
)
def test_a_way_pays_for_what_it_crosses(
    make, source: str, target: str, there: list[str], back: list[str], tmp_path: Path
):
    known = Known(dump.read(make().write(tmp_path)))
    found = attempt(known, Wanted(source, target, (80, 80)), [source], [target])
    charged = {way: [each.kind for each in ways] for way, ways in answers.charged(found)}
    assert charged == {"forward": there, "return": back}


def test_every_toll_has_a_price():
    kinds = [tolls.ZONE, tolls.REGION, tolls.TRANSIT, tolls.NAT, tolls.ENDPOINT, tolls.OUT, tolls.APPLIANCES]
    assert {*kinds} == {*prices.GB_USD}
