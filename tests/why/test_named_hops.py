"""A walk's hops name what a capture only knows to be somewhere between."""

from __future__ import annotations

from typing import Any

import pytest

from vpcshark.diagnose.finding import LIKELY, PROVED, Finding
from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.report import Report
from vpcshark.why import named_hops

CLIENT, SERVER = bytes((10, 0, 0, 1)), bytes((192, 168, 1, 1))
FLOW = Flow(6, CLIENT, 40000, SERVER, 443)


def hop(kind: str, resource: str, mtu: int | None = None, **more: Any) -> dict[str, Any]:
    packet = {"source": "10.0.0.1", "destination": "192.168.1.1"}
    return {"kind": kind, "resource": resource, "name": "", "mtu": mtu, "packet": packet, **more}


def walk(*hops: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "verdict": "reachable",
        "forward": {"hops": list(hops)},
        "return": None,
        "blockers": [],
        **more,
    }


TRANSIT = walk(
    hop("interface", "eni-1", 9001), hop("transit-gateway", "tgw-1", 8500), hop("attachment", "tgw-attach-1", 8500)
)


def finding(kind: str, size: int = 0) -> Finding:
    return Finding(kind, PROVED, "It is so.", (FLOW,), next="Look.", size=size)


def told(found: Finding, made: dict[str, Any] | None) -> Finding:
    (back,) = named_hops.told(Report((found,), ()), made).findings
    return back


def test_the_hop_with_the_smallest_mtu_is_named() -> None:
    found = told(finding("pmtu-black-hole", 9001), TRANSIT)
    least = "it takes 8500 bytes, the least of this way for the 9001 bytes that are lost"
    assert found.next == f"It is transit gateway tgw-1: {least}. Look."
    assert "By the walk: interface eni-1 9001, transit gateway tgw-1 8500 bytes." in found.checked


def test_what_is_lost_though_all_hops_of_aws_take_it_is_lost_beyond() -> None:
    found = told(finding("pmtu-black-hole", 1500), TRANSIT)
    assert "Every hop of AWS on this way takes 8500 bytes or more, and 1500 bytes are lost" in found.next
    assert "beyond attachment tgw-attach-1, on the other side" in found.next


def test_what_forgets_silent_connections_is_named() -> None:
    found = told(finding("idle-timeout"), walk(hop("interface", "eni-1"), hop("nat-gateway", "nat-1", name="out")))
    assert found.next.startswith("On this way silent connections are forgotten by nat gateway nat-1 (out) after 350 s.")


def test_the_rule_that_drops_is_named_with_its_mend() -> None:
    stop = {"direction": "forward", "kind": "security-group", "resource": "sg-1", "text": "no rule lets tcp 443 in"}
    blocked = walk(hop("interface", "eni-1"), verdict="blocked", blockers=[{**stop, "mend": "aws ec2 authorize …"}])
    found = told(finding("syn-unanswered"), blocked)
    assert found.next == (
        "By the walk security group sg-1 drops it on the way there: no rule lets tcp 443 in. aws ec2 authorize … Look."
    )
    assert "no rule of AWS is in the way" in told(finding("syn-unanswered"), TRANSIT).next


def test_a_nat_on_the_way_hides_nobody_and_its_ports_are_its_own() -> None:
    public = {"source": "203.0.113.7", "destination": "192.168.1.1"}
    made = walk(hop("interface", "eni-1"), {**hop("nat-gateway", "nat-1"), "packet": public})
    outside = Finding(
        "nat-ports-exhausted", LIKELY, "It is so.", (Flow(6, bytes((203, 0, 113, 7)), 1024, SERVER, 443),)
    )
    assert "It is nat gateway nat-1" in told(outside, made).next


def test_a_walk_about_something_else_and_none_at_all_say_what_to_look_up() -> None:
    other = walk({**hop("interface", "eni-9"), "packet": {"source": "10.9.9.9", "destination": "10.9.9.8"}})
    other["question"] = {"from": {"given": "web-9"}, "to": {"given": "db-9"}}
    assert told(finding("loss"), other).next == "Look. The walk from web-9 to db-9 is not about this flow."
    assert "vpcshark walk 10.0.0.1 192.168.1.1:443 names it" in told(finding("loss"), None).next
    assert told(finding("tls-expired"), None) == finding("tls-expired")


def test_the_way_back_is_the_servers() -> None:
    back = {"source": "192.168.1.1", "destination": "10.0.0.1"}
    both = walk(*TRANSIT["forward"]["hops"])
    both["return"] = {"hops": [{**hop("nat-gateway", "nat-2", 8500), "packet": back}]}
    reverse = Finding("pmtu-black-hole", PROVED, "It is so.", (FLOW.reversed(),), size=9001)
    assert "nat gateway nat-2" in told(reverse, both).next
    assert named_hops.question(Report((reverse,), ())) == ("10.0.0.1", "192.168.1.1:443")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([], "It is not what"),
        ({"schema": 1}, "It is not what"),
        ({"schema": 2, "forward": {"hops": [hop("a", "b")]}}, "Its schema is 2"),
        ({"schema": 1, "forward": {"hops": []}}, "It has no hops"),
        ({"schema": 1, "forward": {"hops": [7]}}, "It has no hops"),
        ({"schema": 1, "forward": {}, "return": 7}, "It has no hops"),
    ],
)
def test_what_is_no_walk_is_told_as_such(made: object, said: str) -> None:
    assert named_hops.problem(made).startswith(said)
    assert named_hops.problem(TRANSIT) == ""
