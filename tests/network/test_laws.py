"""What holds for every network, whatever its rules are: checked on networks that are made up at random.

The order of verdicts is blocked, unknown, reachable: "opens" means a step up, "closes" one down.
"""

from __future__ import annotations

import copy
import ipaddress
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties import examples

from tests.support.walks import Cloud, entry, permission, two_vpcs
from vpcshark.network import contract
from vpcshark.network.answer import Answer
from vpcshark.network.known import Known
from vpcshark.survey import parse, parse_joints
from vpcshark.survey.questions import Wanted, attempt

ORDER = ("blocked", "unknown", "reachable")
SUBNETS = [f"subnet-{side}-{kind}{zone}" for side in ("left", "right") for kind in ("", "tgw-") for zone in ("a", "b")]
NETS = ["0.0.0.0/0", "10.1.0.0/16", "10.2.0.0/16", "10.1.1.10/32", "10.2.2.20/32", "10.1.1.0/24", "192.168.0.0/16"]
PORTS = [None, (80, 80), (22, 22), (0, 1023), (1024, 65535), (32768, 49151), (49152, 65535)]
QUICK = settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)

entries = st.tuples(
    st.sampled_from(SUBNETS),
    st.integers(1, 99),
    st.sampled_from(["allow", "deny"]),
    st.sampled_from(["-1", "6", "17"]),
    st.sampled_from(NETS),
    st.sampled_from(PORTS),
    st.booleans(),
)
rules = st.tuples(st.sampled_from(["-1", "tcp", "udp"]), st.sampled_from(PORTS), st.sampled_from(NETS))
routes = st.sampled_from(
    [
        ("rtb-left-main", "10.0.0.0/8"),
        ("rtb-right-main", "10.0.0.0/8"),
        ("rtb-left-main", "10.2.2.0/24"),
        ("rtb-right-main", "0.0.0.0/0"),
    ]
)


@st.composite
def clouds(draw: st.DrawFn) -> Cloud:
    """Two VPCs with entries, rules and routes that nobody planned."""
    cloud = two_vpcs()
    for each in draw(st.lists(entries, max_size=4, unique_by=lambda e: (e[0], e[1], e[6]))):
        add_entry(cloud, each)
    for group in ("sg-web", "sg-left-open"):
        for key in ("IpPermissions", "IpPermissionsEgress"):
            if draw(st.integers(0, 3)) == 0:
                has = draw(st.lists(rules, max_size=3))
                cloud.one("SecurityGroups", GroupId=group)[key] = [permission(*each) for each in has]
    for table, cidr in draw(st.lists(routes, max_size=2, unique=True)):
        cloud.route(table, cidr, "tgw-main", state=draw(st.sampled_from(["active", "blackhole"])))
    if draw(st.integers(0, 4)) == 0:
        side = draw(st.sampled_from(["left", "right"]))
        cloud.one("TransitGatewayVpcAttachments", VpcId=f"vpc-{side}")["SubnetIds"].pop()
    return cloud


def add_entry(cloud: Cloud, each: tuple[Any, ...]) -> None:
    """One entry of a subnet's ACL; only TCP and UDP have ports."""
    subnet, number, action, protocol, cidr, ports, egress = each
    rows = cloud.entries(subnet)
    rows.append(entry(number, action, protocol, cidr, ports if protocol != "-1" else None, egress=egress))


def walk(
    answers: Cloud | dict[str, Any], source: str = "10.1.1.10", target: str = "10.2.2.20", port: int = 80
) -> Answer:
    """The answer in a cloud, or in its answers; without a folder, which would take most of the time."""
    found = answers.answers if isinstance(answers, Cloud) else answers
    network = parse.build(parse_joints.PARTS, found, {})
    return attempt(Known(network), Wanted(source, target, (port, port)), [source], [target])


def step(found: Answer) -> int:
    """How open it is."""
    return ORDER.index(found.verdict)


@QUICK
@given(clouds(), entries)
def test_one_more_denial_never_opens(cloud: Cloud, each: tuple[Any, ...]):
    """Wherever it stands, and before whatever."""
    before = step(walk(cloud))
    add_entry(cloud, (*each[:1], 0, "deny", *each[3:]))
    assert step(walk(cloud)) <= before


@QUICK
@given(clouds(), entries, rules, st.sampled_from(["sg-web", "sg-left-open"]), st.booleans())
def test_one_more_permission_never_closes(
    cloud: Cloud, each: tuple[Any, ...], rule: tuple[Any, ...], group: str, egress: bool
):
    """Of an ACL, and of a group."""
    before = step(walk(cloud))
    add_entry(cloud, (*each[:1], 0, "allow", *each[3:]))
    key = "IpPermissionsEgress" if egress else "IpPermissions"
    cloud.one("SecurityGroups", GroupId=group)[key].append(permission(*rule))
    assert step(walk(cloud)) >= before


@QUICK
@given(clouds())
def test_a_route_in_two_halves_leads_the_same_way(cloud: Cloud):
    """Every static route of the VPCs and of the transit gateway."""
    before = walk(cloud)
    for table in cloud.answers["RouteTables"]:
        table["Routes"] = [half for row in table["Routes"] for half in halves(row, row.get("GatewayId") != "local")]
    for table in cloud.answers["TransitGatewayRoutes"]:
        table["Routes"] = [half for row in table["Routes"] for half in halves(row, True)]
    after = walk(cloud)
    assert hops(after) == hops(before)


def halves(row: dict[str, Any], is_split: bool) -> list[dict[str, Any]]:
    """Two routes of half the size."""
    if not is_split:
        return [row]
    found = ipaddress.ip_network(row["DestinationCidrBlock"]).subnets()
    return [{**row, "DestinationCidrBlock": str(each)} for each in found]


def hops(found: Answer) -> list[list[tuple[str, str, str, str]]]:
    """Each way's hops, without the text of routes, which is another then."""
    ways = [way for way in (found.there, found.back) if way is not None]
    return [[(h.kind, h.resource, h.verdict, h.code) for h in way.shown.hops] for way in ways]


@QUICK
@given(clouds())
def test_other_ids_change_nothing(cloud: Cloud):
    """Nothing hangs on the order or the look of ids."""
    names = ("left", "right", "client", "server", "main", "web")
    renamed = json.dumps(merged(cloud))
    for number, name in enumerate(names):
        renamed = renamed.replace(name, f"{9 - number}f{number}")
    before, after = walk(merged(cloud)), walk(json.loads(renamed))
    told = json.dumps(contract.as_json(before))
    for number, name in enumerate(names):
        told = told.replace(name, f"{9 - number}f{number}")
    assert json.loads(told)["blockers"] == contract.as_json(after)["blockers"]
    assert before.verdict == after.verdict


@QUICK
@given(clouds(), st.sampled_from([80, 22]))
def test_the_mirrored_network_blocks_the_same_way_from_the_other_side(cloud: Cloud, port: int):
    """Left and right change places: from B to A in it is from A to B here."""
    here = walk(merged(cloud), port=port)
    there = walk(mirrored(merged(cloud)), source="10.2.1.10", target="10.1.2.20", port=port)
    swapped = json.loads(swap(json.dumps(contract.as_json(here))))
    assert swapped["forward"] == contract.as_json(there)["forward"]
    assert swapped["return"] == contract.as_json(there)["return"]


def mirrored(answers: dict[str, Any]) -> dict[str, Any]:
    """Left for right, and 10.1 for 10.2."""
    found: dict[str, Any] = json.loads(swap(json.dumps(answers)))
    return found


def swap(text: str) -> str:
    """Both names of each pair."""
    for one, other in (("left", "right"), ("10.1.", "10.2.")):
        text = text.replace(one, "\0").replace(other, one).replace("\0", other)
    return text


def merged(cloud: Cloud) -> dict[str, Any]:
    """A copy of all its answers."""
    return copy.deepcopy(cloud.answers)


def test_verdicts_of_the_random_networks_are_of_all_kinds():
    """Else the laws would hold of nothing."""
    seen: set[str] = set()

    @settings(QUICK, max_examples=examples(60))
    @given(clouds())
    def look(cloud: Cloud) -> None:
        seen.add(walk(cloud).verdict)

    look()
    assert {"blocked", "reachable"} <= seen
