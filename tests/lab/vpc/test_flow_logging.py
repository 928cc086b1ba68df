"""Groups and ACLs on the packets of real namespaces, and the records that come of it, beside what tcpdump counts."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hands import wait_until

from vpcshark.clock import SystemClock
from vpcshark.lab.firewalls import Firewall
from vpcshark.lab.flow_records.delivery import Events, Object
from vpcshark.lab.flow_records.flow_log import CLOUDWATCH, FlowLog
from vpcshark.lab.flow_records.formats import EniFacts
from vpcshark.lab.flow_records.gateway_counts import Gateway, Metric
from vpcshark.lab.guards import Entry
from vpcshark.lab.vpc.flow_logging import FlowLogging

FIELDS = ("srcaddr", "dstaddr", "protocol", "packets", "bytes", "flow-direction", "action", "log-status")
SEND = """
import socket, sys
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, int(sys.argv[2])) as sock:
    sock.sendto(b"the last", (sys.argv[1], 0))
"""
OPEN = (Entry("0.0.0.0/0"), Entry("::/0"))


class Account:
    """One flow log of these ENIs; keeps what is delivered."""

    def __init__(self, enis: Sequence[str]) -> None:
        log = FlowLog("fl-1", "1", "r", CLOUDWATCH, "g", FIELDS, 60)
        self.covers = {log: {eni: EniFacts(eni, "1", "r", "v", "s", "z") for eni in enis}}
        self.lines: list[str] = []

    def flow_logs(self) -> Mapping[FlowLog, Mapping[str, EniFacts]]:
        return self.covers

    def gateways(self) -> dict[str, Gateway]:
        return {}

    def count(self, metrics: Sequence[Metric]) -> None:
        raise AssertionError(metrics)

    def deliver(self, parcel: Events | Object, log: FlowLog) -> None:
        assert isinstance(parcel, Events)
        self.lines += [text for _, text in parcel.rows]


class Logged:
    """Flow logging of cap-1 and db-1, which a test sets rules for."""

    def __init__(self, vpc: Any) -> None:
        self.vpc = vpc
        self.ids = {name: vpc.eni(name).id for name in ("cap-1", "db-1")}
        self.account = Account([*self.ids.values()])
        self.rules: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(150)  # 148 to 252 are unassigned: IANA, Protocol Numbers
        self._kept = FlowLogging(
            vpc.plane, f"{vpc.name}-vpc", vpc.world.resolver, self.account, lambda _: self._all(), SystemClock()
        )
        self._kept.control(pace={"interval": 1, "delay": 0})

    def _all(self) -> list[Firewall]:
        return [self._firewall(name) for name in self.ids]

    def _firewall(self, name: str) -> Firewall:
        eni = self.vpc.eni(name)
        near = (eni.subnet_cidr, eni.subnet_ipv6_cidr)
        both = {"acl_in": OPEN, "acl_out": OPEN, "group_in": OPEN, "group_out": OPEN, "lost": ()}
        router = (self.vpc.router(name),)
        return Firewall(eni.id, near, router, is_logged=True, **{**both, **self.rules.get(name, {})})

    def enforce(self, **rules: dict[str, Any]) -> None:
        """Of cap_1 and db_1."""
        self.rules = {name.replace("_", "-"): each for name, each in rules.items()}
        self.account.lines.clear()
        self._kept.look()

    def of(self, source: str, target: str, protocol: str) -> list[str]:
        """What the records of both say of the packets between two addresses, once they have all come: a last packet has
        an IP protocol of its own, since records of a call before may still be under way."""
        number = next(self._numbers)
        here, there = self.vpc.eni("cap-1").ipv6, self.vpc.eni("db-1").ipv6
        self.vpc.run("cap-1", sys.executable, "-ISc", SEND, there, str(number))
        last = f"{here} {there} {number} "
        wait_until(lambda: any(each.startswith(last) for each in self.account.lines), "the last packet has its record")
        return sorted(each for each in self.account.lines if each.startswith(f"{source} {target} {protocol} "))

    def close(self) -> None:
        self._kept.close()


@pytest.fixture(scope="module")
def logged(shared_vpc: Any) -> Iterator[Logged]:
    found = Logged(shared_vpc)
    yield found
    found.enforce()
    found.close()


def added(lines: Sequence[str]) -> dict[tuple[str, str], tuple[int, int]]:
    """(direction, action) -> (packets, bytes) over all intervals."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for each in lines:
        _, _, _, packets, size, direction, action, _ = each.split()
        before = found.get((direction, action), (0, 0))
        found[direction, action] = (before[0] + int(packets), before[1] + int(size))
    return found


def test_records_count_the_packets_that_tcpdump_sees(logged: Logged):
    """Three pings of 84 bytes, on both interfaces, there and back."""
    vpc = logged.vpc
    logged.enforce()
    here, there = vpc.eni("cap-1").ipv4, vpc.eni("db-1").ipv4
    vpc.run("cap-1", "ping", "-c", "3", "-i", "0.2", there)
    assert added(logged.of(here, there, "1")) == {("egress", "ACCEPT"): (3, 252), ("ingress", "ACCEPT"): (3, 252)}
    assert added(logged.of(there, here, "1")) == {("egress", "ACCEPT"): (3, 252), ("ingress", "ACCEPT"): (3, 252)}


@pytest.mark.thin(4)
@pytest.mark.parametrize(
    ("rules", "there", "back"),
    [
        ({"db_1": {"group_in": ()}}, {("egress", "ACCEPT"), ("ingress", "REJECT")}, set()),
        ({"cap_1": {"group_out": ()}}, {("egress", "REJECT")}, set()),
        (
            {"db_1": {"acl_out": (Entry("0.0.0.0/0", is_allow=False), OPEN[1])}},
            {("egress", "ACCEPT"), ("ingress", "ACCEPT")},
            {("egress", "REJECT")},
        ),
        (
            {"db_1": {"group_out": ()}, "cap_1": {"group_in": ()}},
            {("egress", "ACCEPT"), ("ingress", "ACCEPT")},
            {("egress", "ACCEPT"), ("ingress", "ACCEPT")},
        ),
    ],
    ids=["group in", "group out", "ACL back", "groups let answers through"],
)
def test_a_rule_drops_packets_and_their_record_says_so(logged: Logged, rules: Any, there: Any, back: Any):
    """What passes is judged by ping's own answer, which no record made."""
    vpc = logged.vpc
    logged.enforce(**rules)
    here, far = vpc.eni("cap-1").ipv4, vpc.eni("db-1").ipv4
    answered = " 0% packet loss" in vpc.run("cap-1", "ping", "-c", "1", "-W", "1", far, check=False)
    assert answered == (("ingress", "ACCEPT") in back)
    rows = {**added(logged.of(here, far, "1"))}, {**added(logged.of(far, here, "1"))}
    assert (set(rows[0]), set(rows[1])) == (there, back)


def test_lost_packets_are_told(logged: Logged):
    logged.enforce()
    logged._kept.control(lose=[logged.ids["cap-1"]])
    wait_until(lambda: any(each.endswith("SKIPDATA") for each in logged.account.lines), "SKIPDATA comes")
    wait_until(lambda: any(each.endswith("NODATA") for each in logged.account.lines), "NODATA comes")
