"""A topology's file: what it means, and that whatever is wrong is said with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from vpcshark.errors import InputError
from vpcshark.lab.topologies import rules, spec

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "lab-topologies.md"


def smallest(**more: Any) -> dict[str, Any]:
    """One VPC, one subnet."""
    vpc = {"cidr": "10.1.0.0/16", "subnets": {"left": {"cidr": "10.1.0.0/24"}}}
    return {"vpcs": {"left": vpc}, **more}


def test_the_pages_example_is_a_topology():
    """Word for word."""
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found = spec.parse(yaml.safe_load(text), "page")
    assert [each.name for each in found.instances] == ["client", "server"]
    assert found.vpc("left").groups["client"][1] == (rules.GroupLine("6", (80, 80), "right"),)
    assert found.balancers[0].listeners == (spec.Listener("tcp", 8080, ("server",), 80),)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([], "is no mapping"),
        ({"vpc": {}}, "has vpc, which a topology does not know"),
        (smallest(instances={"a": {"subnet": "left"}}), "instances a does not say its address"),
        (smallest(instances={"a": {"subnet": "left", "address": "10.1"}}), "address 10.1 is no address"),
        (smallest(instances={"a": {"subnet": "right", "address": "10.1.0.9"}}), "has no subnet right"),
        (smallest(instances={"a": {"subnet": "left", "address": "10.1.0.9", "groups": ["x"]}}), "has no group x"),
        (smallest(peerings={"two": ["left"]}), "takes two names"),
        (smallest(internet_gateways={"out": "right"}), "has no VPC right"),
        ({"vpcs": {"left": {"cidr": "10.1.0.0/8"}}}, "is no network"),
        (smallest(load_balancers={"a": {"subnets": ["left"], "listeners": {"80": {}}}}), '"80" is no listener'),
    ],
)
def test_what_is_wrong_is_said(raw: Any, words: str):
    with pytest.raises(InputError, match=re.escape(words)):
        spec.parse(raw, "case")


@pytest.mark.parametrize("text", ["100 tcp 80 10.0.0.0/8", "x allow all 0.0.0.0/0", "100 allow all 80 0.0.0.0/0"])
def test_what_is_no_entry_is_refused(text: str):
    with pytest.raises(InputError, match=r"is no entry|has no ports"):
        rules.acl_line(text, "here")


def test_a_file_that_is_not_there_names_those_that_are():
    with pytest.raises(InputError, match="Shipped are packet-walk, talk"):
        spec.find("nowhere")
