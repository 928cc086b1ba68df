"""Records typed, and what they mean; nothing that can't be said is said."""

from __future__ import annotations

from typing import Any

import pytest

from vpcshark.flowlogs import logformat, records
from vpcshark.flowlogs.replies import Replies


def read(names: str, line: str) -> dict[str, Any]:
    kind = logformat.parse(names)
    row = kind.row(line.encode())
    assert row is not None
    return records.typed(kind, row)


def test_numbers_are_numbers_and_account_ids_keep_their_zeros():
    found = read("account-id srcport tcp-flags traffic-path vpc-id", "001234567890 443 18 8 -")
    assert found == {"account-id": "001234567890", "srcport": 443, "tcp-flags": 18, "traffic-path": 8, "vpc-id": None}


@pytest.mark.parametrize("value", ["4x", "-1", "9" * 5000, "１２"])
def test_a_number_that_is_none_stays_text(value: str):
    assert read("bytes", value) == {"bytes": value}


def test_a_time_before_the_record_goes():
    """CloudWatch's exports to S3 begin with the event's."""
    assert read("version start", "2015-05-10T18:01:16.000Z 2 5") == {"version": 2, "start": 5}


@pytest.mark.parametrize(
    ("number", "names", "began"),
    [(2, ["SYN"], "src"), (3, ["FIN", "SYN"], "src"), (18, ["SYN", "ACK"], "dst"), (1, ["FIN"], None), (0, [], None)],
)
def test_who_began_is_said_only_where_a_syn_shows_it(number: int, names: list[str], began: str | None):
    meant = records.meaning({"tcp-flags": number, "protocol": 6})
    assert (meant["tcp-flags"], meant.get("initiator")) == (names, began)


def test_udp_has_no_flags():
    assert "tcp-flags" not in records.meaning({"tcp-flags": 0, "protocol": 17})


def test_what_a_gateway_says_of_itself_is_told_apart_from_the_packet():
    meant = records.meaning({"srcaddr": "10.40.1.175", "pkt-srcaddr": "10.20.33.164", "dstaddr": "10.40.2.236"})
    assert meant["flow"] == "10.20.33.164>10.40.2.236"
    assert "the packet's is 10.20.33.164" in meant["srcaddr"]


def test_what_a_transit_gateway_lost_is_told_with_its_reason():
    meant = records.meaning({"packets-lost-no-route": 3, "packets-lost-blackhole": 0, "log-status": "OK"})
    assert meant == {"lost": {"no route": 3}}


def icmp(source: str, target: str, action: str, start: int = 5, eni: str = "eni-1") -> dict[str, Any]:
    ends = {"srcaddr": source, "dstaddr": target, "srcport": 0, "dstport": 0, "protocol": 1}
    return {"interface-id": eni, **ends, "action": action, "start": start, "end": start + 60}


def test_a_rejected_answer_was_a_network_acl():
    replies = Replies()
    assert replies.meaning(icmp("10.0.0.1", "10.0.0.2", "ACCEPT")) == {}
    assert "network ACL" in replies.meaning(icmp("10.0.0.2", "10.0.0.1", "REJECT"))["rejected-by"]


@pytest.mark.parametrize(
    "second",
    [
        icmp("10.0.0.1", "10.0.0.2", "REJECT"),
        icmp("10.0.0.2", "10.0.0.1", "REJECT", eni="eni-2"),
        icmp("10.0.0.2", "10.0.0.1", "ACCEPT"),
        icmp("10.0.0.2", "10.0.0.1", "REJECT", start=-100),
    ],
)
def test_who_rejected_is_not_said_of_anything_else(second: dict[str, Any]):
    """The same way, another interface, no reject, before the request."""
    replies = Replies()
    replies.meaning(icmp("10.0.0.1", "10.0.0.2", "ACCEPT"))
    assert replies.meaning(second) == {}


def seen(protocol: int, source: str, target: str, action: str, start: int) -> dict[str, Any]:
    """The same of a protocol that may have ports, in one aggregation interval."""
    return {**icmp(source, target, action, start), "protocol": protocol}


@pytest.mark.parametrize(
    ("protocol", "idle", "is_sure"), [(1, 30, True), (1, 31, False), (17, 30, True), (17, 31, False), (6, 60, True)]
)
def test_a_security_group_surely_lets_an_answer_through_only_while_it_tracks_what_was_accepted(
    protocol: int, idle: int, is_sure: bool
):
    """It can be told to forget UDP after 30 s, TCP after 60 s (EC2 API, ConnectionTrackingConfiguration)."""
    replies = Replies()
    for start in (0, 600):
        replies.meaning(seen(protocol, "10.0.0.1", "10.0.0.2", "ACCEPT", start))
    said = replies.meaning(seen(protocol, "10.0.0.2", "10.0.0.1", "REJECT", 660 + idle))["rejected-by"]
    assert ("no longer tracked" in said) is not is_sure
    assert "network ACL" in said


def test_an_answer_a_day_later_may_be_one_that_a_security_group_forgot():
    replies = Replies()
    replies.meaning(seen(6, "10.0.0.1", "10.0.0.2", "ACCEPT", 0))
    said = replies.meaning(seen(6, "10.0.0.2", "10.0.0.1", "REJECT", 86_400))["rejected-by"]
    assert said.startswith("a network ACL, or a security group that no longer tracked the connection")


@pytest.mark.parametrize(("protocol", "is_sure"), [(6, False), (17, True)])
def test_what_tcp_sends_after_both_sides_have_closed_a_security_group_rejects_too(protocol: int, is_sure: bool):
    replies = Replies()
    replies.meaning(seen(protocol, "10.0.0.1", "10.0.0.2", "ACCEPT", 0))
    replies.meaning(seen(protocol, "10.0.0.2", "10.0.0.1", "ACCEPT", 0))
    said = replies.meaning(seen(protocol, "10.0.0.2", "10.0.0.1", "REJECT", 60))["rejected-by"]
    assert ("no longer tracked" in said) is not is_sure


def test_a_group_that_let_later_packets_through_may_have_forgotten_the_earlier_ones():
    """Files may come in any order."""
    replies = Replies()
    for start in (0, 7200):
        replies.meaning(seen(17, "10.0.0.1", "10.0.0.2", "ACCEPT", start))
    assert "no longer tracked" in replies.meaning(seen(17, "10.0.0.2", "10.0.0.1", "REJECT", 3600))["rejected-by"]
