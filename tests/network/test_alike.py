"""Who is alike is walked once, and what was decided is remembered: neither may change what a walk finds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties import examples

from tests.support.walks import Cloud, one_vpc, permission, two_vpcs
from vpcshark.network import acls, answer, matrix, routes
from vpcshark.network.answer import Asked
from vpcshark.network.facts import Acl, AclEntry, Network, Route, RouteTable, Subnet
from vpcshark.network.index import Index
from vpcshark.network.known import Known
from vpcshark.network.packet import Packet
from vpcshark.network.remembered import Remembered
from vpcshark.network.trail import End
from vpcshark.survey import parse, parse_joints

HOSTS = [10, 11, 12, 13, 15, 16, 20, 31, 32]
NETS = ["0.0.0.0/0", "10.1.0.0/16", "10.2.2.20/32", "10.1.1.12/31", "10.1.1.16/28", "10.1.1.0/27", "10.1.1.20/32"]
PORTS = [None, (80, 80), (22, 22), (1024, 65535), (32768, 49151)]
QUICK = settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)
entries = st.tuples(
    st.integers(1, 99),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["-1", "6"]),
    st.sampled_from(NETS),
    st.sampled_from(PORTS),
)


def crowd() -> Cloud:
    """Two VPCs, and beside the client many hosts: most of them alike, and one each that is not."""
    cloud = two_vpcs()
    for number in HOSTS[1:]:
        cloud.instance(f"host-{number}", "subnet-left-a", f"10.1.1.{number}")
    cloud.group("other", "vpc-left", [("-1", None, "0.0.0.0/0")])
    cloud.instance("grouped", "subnet-left-a", "10.1.1.40", ["sg-other"])
    cloud.instance("far", "subnet-left-b", "10.1.2.40")
    cloud.instance("near", "subnet-right-b", "10.2.2.40")
    cloud.public(cloud.instance("public", "subnet-left-a", "10.1.1.41"), "203.0.113.41")
    for name in ("stopped", "halted"):
        cloud.instance(name, "subnet-left-a", f"10.1.1.{len(name) + 40}")
        cloud.answers["Reservations"][-1]["Instances"][0]["State"]["Name"] = "stopped"
    cloud.instance("windows", "subnet-left-a", "10.1.1.50")
    cloud.answers["Reservations"][-1]["Instances"][0]["Platform"] = "windows"
    cloud.interface("loose", "subnet-left-a", "10.1.1.51")
    cloud.instance("box", "subnet-left-a", "10.1.1.52")
    cloud.route("rtb-left-main", "172.31.0.0/16", "eni-box")
    return cloud


@st.composite
def crowds(draw: st.DrawFn) -> Cloud:
    """With rules that tell some of them apart."""
    cloud = crowd()
    for subnet in ("subnet-left-a", "subnet-right-b", "subnet-left-tgw-a"):
        for number, egress, allow, protocol, cidr, ports in draw(
            st.lists(entries, max_size=3, unique_by=lambda each: each[:2])
        ):
            row = {"RuleNumber": number, "Egress": egress, "Protocol": protocol, "CidrBlock": cidr}
            row["RuleAction"] = "allow" if allow else "deny"
            cloud.entries(subnet).append(
                {**row, "PortRange": {"From": ports[0], "To": ports[1]}} if ports and protocol == "6" else row
            )
    if draw(st.booleans()):
        peers = draw(st.lists(st.sampled_from([*NETS, "sg-other"]), max_size=3))
        cloud.one("SecurityGroups", GroupId="sg-web")["IpPermissions"] = [permission("tcp", (80, 80), p) for p in peers]
    for table, cidr in draw(
        st.lists(st.sampled_from([("rtb-right-main", net) for net in NETS[3:]]), max_size=2, unique=True)
    ):
        cloud.route(table, cidr, "tgw-main", state=draw(st.sampled_from(["active", "blackhole"])))
    return cloud


def facts(cloud: Cloud) -> Network:
    return parse.build(parse_joints.PARTS, cloud.answers, {})


def questions(network: Network, target: str = "eni-server") -> list[Asked]:
    """From every host to one."""
    goal = network.interfaces[target]
    to = End("interface", target, goal, "", goal.subnet, goal.vpc)
    sources = [each for each in network.interfaces.values() if each.type == "interface" and each is not goal]
    return [
        Asked(End("interface", each.id, each, "", each.subnet, each.vpc), to, "6", (80, 80)) for each in sources
    ]  # fmt: skip


def told(pairs: list[matrix.Pair]) -> dict[str, Any]:
    """What is told of each source."""
    return {
        pair.source.text: (
            pair.verdict,
            pair.direction,
            pair.hop and (pair.hop.kind, pair.hop.resource, pair.hop.code, pair.hop.rule),
        )
        for pair in pairs
    }


@QUICK
@given(crowds())
def test_a_matrix_says_of_each_what_its_own_walk_says(cloud: Cloud):
    network = facts(cloud)
    asked = questions(network)
    found = matrix.bundled(Known(network), ([each] for each in asked))
    alone = [matrix.judged(answer.answer(Known(network), each)) for each in asked]
    assert told([pair for bundle in found for pair in bundle.pairs]) == told(alone)


def test_of_a_hundred_that_are_alike_one_is_walked():
    """By how often the facts of the target's group are looked at."""
    cloud = two_vpcs()
    for number in range(100, 200):
        cloud.instance(f"host-{number}", "subnet-left-a", f"10.1.1.{number}")
    network = facts(cloud)

    class Counting(Known):
        looks = 0

        def acl_of(self, subnet: Any) -> Any:
            Counting.looks += 1
            return super().acl_of(subnet)

    asked = questions(network)
    matrix.bundled(Counting(network), ([each] for each in asked[:1]))
    one, Counting.looks = Counting.looks, 0
    (bundle,) = matrix.bundled(Counting(network), ([each] for each in asked))
    assert len(bundle.pairs) == 101
    assert Counting.looks == one


def test_while_something_is_still_asked_everybody_asks_for_their_own():
    """Else the sources would be asked for one after another, a round each."""
    network = facts(crowd())
    network = Network(**{**vars(network), "instances": {}})
    known = Known(network, asked=())
    matrix.bundled(known, ([each] for each in questions(network)))
    wanted = {each.interface.instance for each in (asked.source for asked in questions(network)) if each.interface}
    assert wanted - {""} <= {key[1] for key in known.missing if key[0] == "instance"}


@QUICK
@given(st.lists(entries, max_size=6, unique_by=lambda each: each[:2]), st.data())
def test_an_acl_that_is_remembered_says_the_same(rows: list[tuple[Any, ...]], data: st.DataObject):
    acl = Acl(
        "acl-1",
        "vpc-1",
        tuple(AclEntry(n, egress, allow, proto, cidr, ports) for n, egress, allow, proto, cidr, ports in rows),
    )
    remembered = Remembered()
    for _ in range(12):
        last = [data.draw(st.sampled_from(HOSTS)) for _ in range(2)]
        ports = data.draw(st.sampled_from([(80, 80), (32768, 60999), (1, 65535)]))
        packet = Packet(f"10.1.1.{last[0]}", f"10.1.1.{last[1]}", data.draw(st.sampled_from(["6", "17"])), None, ports)
        egress = data.draw(st.booleans())
        assert remembered.acl(acl, packet, egress) == acls.evaluate(acl, packet, egress)


@QUICK
@given(st.lists(st.sampled_from(NETS), unique=True), st.lists(st.sampled_from(HOSTS), min_size=2))
def test_a_route_table_that_is_remembered_says_the_same(nets: list[str], hosts: list[int]):
    rows = [Route(each, f"nat-{number}", "NatGatewayId") for number, each in enumerate(nets)]
    table, remembered = RouteTable("rtb-1", "vpc-1", tuple(rows)), Remembered()
    for address in [*(f"10.1.1.{each}" for each in hosts), "169.254.168.1", "2001:db8::1", "0.0.0.1"]:
        assert remembered.route(table, address, pytest.fail) == routes.look_up(table, address, pytest.fail)


def test_what_a_nat_gateway_or_a_route_names_is_like_no_other():
    network = facts(one_vpc())
    sources = matrix.Sources(network)
    ends = {each.source.text: each.source for each in questions(network, "eni-outer")}
    assert sources.key(ends["eni-inner"]) is not None
    crowded = facts(crowd())
    keys = {each.source.text: matrix.Sources(crowded).key(each.source) for each in questions(crowded)}
    assert keys["eni-client"] == keys["eni-host-11"]
    assert keys["eni-public"] is keys["eni-box"] is None
    assert (
        len({keys[name] for name in ("eni-client", "eni-grouped", "eni-far", "eni-near", "eni-windows", "eni-loose")})
        == 6
    )


@given(st.sets(st.integers(0, 255), min_size=1, max_size=12), st.integers(0, 255), st.booleans())
@QUICK
def test_the_subnet_of_an_address_is_the_one_that_has_it(thirds: set[int], wanted: int, is_v6: bool):
    """Whatever lies beside it, of either family."""
    cidr = "2001:db8:0:{:x}::/64" if is_v6 else "10.0.{}.0/24"
    subnets = {str(n): Subnet(str(n), "vpc-a", (cidr.format(n),)) for n in thirds}
    index = Index(Network(subnets={**subnets, "other": Subnet("other", "vpc-b", (cidr.format(wanted),))}))
    address = f"2001:db8:0:{wanted:x}::9" if is_v6 else f"10.0.{wanted}.9"
    found = index.subnet_at("vpc-a", address)
    assert (found.id if found is not None else None) == (str(wanted) if wanted in thirds else None)
    assert index.subnet_at("vpc-c", address) is None
