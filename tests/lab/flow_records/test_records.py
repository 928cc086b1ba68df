"""From packets to a flow log's lines: what is counted when, and what AWS's documents say a record then says."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop

from vpcshark.lab.flow_records import formats, packets
from vpcshark.lab.flow_records.delivery import Events, Line, Object, Queue
from vpcshark.lab.flow_records.flow_log import FlowLog
from vpcshark.lab.flow_records.formats import EniFacts
from vpcshark.lab.flow_records.gateway_counts import Gateway, GatewayCounts, Metric
from vpcshark.lab.flow_records.intervals import NO_DATA, OK, SKIPPED, Intervals
from vpcshark.lab.flow_records.packets import ACCEPT, EGRESS, INGRESS, REJECT, Flow, Packet, Seen
from vpcshark.lab.flow_records.recorder import Pace, Recorder

CLIENT, SERVER, OWN = "10.0.1.10", "10.0.2.20", "10.0.3.30"
THERE = Flow(CLIENT, SERVER, 40000, 80, 6)
ENI = EniFacts(
    "eni-1", "123456789012", "eu-west-1", "vpc-1", "subnet-1", "euw1-az1", "i-1", ipv4=CLIENT,
    addresses=(CLIENT, "10.0.1.11"), blocks=("10.0.0.0/16",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("packet", "flow", "flags"),
    [
        (IP(src=CLIENT, dst=SERVER) / TCP(sport=40000, dport=80, flags="S"), THERE, 2),
        (IP(src=CLIENT, dst=SERVER) / TCP(sport=40000, dport=80, flags="SA"), THERE, 18),
        (IP(src=CLIENT, dst=SERVER) / TCP(sport=40000, dport=80, flags="PA") / b"x", THERE, 0),
        (IP(src=CLIENT, dst=SERVER) / TCP(sport=40000, dport=80, flags="FA"), THERE, 1),
        (IP(src=CLIENT, dst=SERVER) / UDP(sport=40000, dport=80) / b"x", Flow(CLIENT, SERVER, 40000, 80, 17), 0),
        (IP(src=CLIENT, dst=SERVER) / ICMP(), Flow(CLIENT, SERVER, 0, 0, 1), 0),
        (IP(src=CLIENT, dst=SERVER, frag=9, proto=17) / b"later", Flow(CLIENT, SERVER, 0, 0, 17), 0),
        (
            IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrHopByHop() / UDP(sport=1, dport=2),
            Flow("2001:db8::1", "2001:db8::2", 1, 2, 17),
            0,
        ),
        (
            IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrFragment(offset=3, nh=17) / b"later",
            Flow("2001:db8::1", "2001:db8::2", 0, 0, 17),
            0,
        ),
    ],
)
def test_a_packet_is_read_by_its_headers(packet: object, flow: Flow, flags: int):
    """An ACK counts beside a SYN alone; a later fragment has no ports."""
    data = bytes(packet)  # type: ignore[call-overload]
    found = packets.read(data[:128])
    assert found == Packet(flow, len(data), flags)


def test_what_is_no_ip_packet_is_none():
    assert [packets.read(data) for data in (b"", b"\x45", b"\x60" + bytes(10), bytes(60))] == [None] * 4


def seen(when: float, flow: Flow = THERE, verdict: str = ACCEPT, flags: int = 0, eni: str = "eni-1") -> Seen:
    return Seen(eni, EGRESS, verdict, when, Packet(flow, 100, flags))


def test_an_interval_has_one_record_for_each_flow_and_verdict():
    intervals = Intervals(60, 1000)
    for each in (seen(1001, flags=2), seen(1030), seen(1059, flags=1), seen(1002, verdict=REJECT), seen(1061)):
        intervals.note(each)
    assert intervals.take(1059, ["eni-1"]) == []
    first, rejected = intervals.take(1060, ["eni-1"])
    assert (first.start, first.end, first.packets, first.bytes, first.flags) == (1001, 1059, 3, 300, 3)
    assert (rejected.verdict, rejected.packets) == (REJECT, 1)
    (later,) = intervals.take(1125, ["eni-1"])
    assert (later.start, later.packets) == (1061, 1)


def test_an_idle_interval_has_nodata_and_a_lost_one_skipdata():
    intervals = Intervals(60, 1000)
    intervals.note(seen(1001))
    intervals.lose(["eni-1", "eni-2"], 1002)
    found = intervals.take(1120, ["eni-1", "eni-2", "eni-3"])
    assert [(each.eni, each.status, each.start) for each in found] == [
        ("eni-1", OK, 1001),
        ("eni-1", SKIPPED, 1000),
        ("eni-2", SKIPPED, 1000),
        ("eni-3", NO_DATA, 1000),
        *((eni, NO_DATA, 1060) for eni in ("eni-1", "eni-2", "eni-3")),
    ]


def line(log_format: str, one: Seen, eni: EniFacts = ENI) -> str:
    intervals = Intervals(60, 1000)
    intervals.note(one)
    (record,) = intervals.take(1060, [eni.id])
    return formats.line(formats.names(log_format), record, eni)


def test_the_default_format_is_version_2():
    assert line(formats.DEFAULT, seen(1001)) == (
        f"2 123456789012 eni-1 {CLIENT} {SERVER} 40000 80 6 1 100 1001 1001 ACCEPT OK"
    )


def test_the_version_is_the_highest_of_the_fields_and_unknown_ones_are_refused():
    asked = "${version} ${vpc-id} ${instance-id} ${az-id} ${traffic-path} ${tcp-flags} ${ecs-task-id} ${type}"
    assert line(asked, seen(1001, flags=2)) == "7 vpc-1 i-1 euw1-az1 1 2 - IPv4"
    with pytest.raises(ValueError, match="color"):
        formats.names("${version} ${color}")


WAY = "${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr}"


@pytest.mark.parametrize(
    ("direction", "expected"),
    [(INGRESS, f"{CLIENT} {OWN} {CLIENT} {SERVER}"), (EGRESS, f"{OWN} {SERVER} {CLIENT} {SERVER}")],
)
@pytest.mark.parametrize("kind", ["transit_gateway", "nat_gateway"])
def test_an_interface_on_the_way_shows_itself(kind: str, direction: str, expected: str):
    """VPC User Guide, flow-logs-records-examples: "NAT gateway" and "Transit gateway"."""
    eni = EniFacts("eni-1", "1", "r", "v", "s", "z", kind=kind, ipv4=OWN, addresses=(OWN,))
    assert line(WAY, Seen("eni-1", direction, ACCEPT, 1001, Packet(THERE, 60)), eni) == expected


def test_a_secondary_address_is_shown_as_the_primary_one():
    flow = Flow("10.0.1.11", SERVER, 1, 2, 17)
    assert line(WAY, seen(1001, flow)) == f"{CLIENT} {SERVER} 10.0.1.11 {SERVER}"


def test_what_is_told_beside_is_told():
    """A transit gateway's fields are known to whoever saw the packet alone."""
    one = Seen("eni-1", INGRESS, ACCEPT, 1001, Packet(THERE, 60), (("tgw-attachment-id", "tgw-attach-1"),))
    assert line("${tgw-attachment-id} ${tgw-id} ${srcaddr}", one) == f"tgw-attach-1 - {CLIENT}"


def test_the_default_of_a_transit_gateway_is_version_6():
    assert line(formats.TRANSIT_DEFAULT, seen(1001)).split()[0] == "6"


LOG = FlowLog("fl-1", "123456789012", "eu-west-1", "s3", "bucket/folder", ("start", "bytes"), 60)
STAMP = 1_767_268_800  # 2026-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "folder/AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/01/01/"),
        ({"is_hourly": True}, "folder/AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/01/01/12/"),
        (
            {"is_hive": True, "is_hourly": True, "destination": "bucket"},
            "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/"
            "year=2026/month=01/day=01/hour=12/",
        ),
    ],
)
def test_files_lie_where_aws_puts_them(changes: dict[str, object], expected: str):
    """VPC User Guide, flow-logs-s3-path."""
    queue = Queue(random.Random(1))
    log = FlowLog(**{**vars(LOG), **changes})  # type: ignore[arg-type]
    queue.add(0, 0, log, [Line(STAMP, STAMP + 59, f"{STAMP} 5", "s")])
    ((_, found),) = queue.take(1)
    assert isinstance(found, Object)
    folder, _, name = found.key.rpartition("/")
    assert (found.bucket, folder + "/") == ("bucket", expected)
    assert name.startswith("123456789012_vpcflowlogs_eu-west-1_fl-1_20260101T1200Z_")


def test_delivery_is_late_and_in_no_order():
    queue = Queue(random.Random(1))
    log = FlowLog(**{**vars(LOG), "destination_type": "cloud-watch-logs", "destination": "g"})
    lines = [Line(number, number + 1, str(number), "eni-1-all") for number in range(40)]
    queue.add(100, 50, log, lines)
    assert queue.take(99) == []
    first, later = queue.take(100), queue.take(150)
    rows = [row for part in (first, later) for _, each in part if isinstance(each, Events) for row in each.rows]
    assert sorted(rows) == [(number * 1000, str(number)) for number in range(40)]
    assert rows != sorted(rows)


class Account:
    """Has one flow log, which covers eni-1, and takes what is delivered."""

    def __init__(self, log: FlowLog) -> None:
        self.log, self.parcels = log, []  # type: ignore[var-annotated]

    def flow_logs(self) -> dict[FlowLog, dict[str, EniFacts]]:
        return {self.log: {"eni-1": ENI}}

    def gateways(self) -> dict[str, Gateway]:
        return {}

    def count(self, metrics: Sequence[Metric]) -> None:
        raise AssertionError(metrics)

    def deliver(self, parcel: Events | Object, log: FlowLog) -> None:
        self.parcels.append(parcel)


class Clock:
    """Is set by the test."""

    time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def test_a_recorder_delivers_as_late_as_aws_unless_told_otherwise():
    log = FlowLog("fl-1", "1", "r", "cloud-watch-logs", "g", ("interface-id", "action"), 60, "REJECT")
    account, clock = Account(log), Clock()
    recorder = Recorder(account, clock)
    assert recorder.refresh()
    recorder.hear([seen(1001), seen(1002, verdict=REJECT), seen(1003, verdict=REJECT, eni="eni-of-others")])
    for time in (1059, 1060, 1359):
        clock.time = time
        recorder.tick()
    assert account.parcels == []
    clock.time = 1060 + 300 + 150
    recorder.tick()
    texts = [text for each in account.parcels for _, text in each.rows]
    assert texts[0] == "eni-1 REJECT"
    recorder.set_pace(interval=1, delay=0)
    assert recorder.pace == Pace(1, 0)
    recorder.hear([seen(clock.time, verdict=REJECT)], has_gap=True)
    account.parcels.clear()
    clock.time += 2
    recorder.tick()
    assert sorted(text for each in account.parcels for _, text in each.rows)[:2] == ["eni-1 -", "eni-1 -"]


def counted(gateway: Gateway, *packets: tuple[str, Flow, int, tuple[tuple[str, str], ...]]) -> dict[str, int]:
    """Metric -> value of the narrowest set of dimensions."""
    counts = GatewayCounts()
    for direction, flow, flags, told in packets:
        counts.note(Seen("eni-1", direction, ACCEPT, 1001, Packet(flow, 60, flags), told), gateway)
    found = counts.take()
    narrow = max((each.dimensions for each in found), key=len)
    assert counts.take() == []
    return {each.name: each.value for each in found if each.dimensions == narrow}


def test_a_nat_gateway_counts_both_its_sides():
    """A connection that is answered, and one that is not."""
    out, into = Flow(OWN, SERVER, 1024, 80, 6), Flow(SERVER, OWN, 80, 1024, 6)
    back = Flow(SERVER, CLIENT, 80, 40000, 6)
    found = counted(
        Gateway("nat-1", "z", (OWN,)),
        *((INGRESS, THERE, 2, ()), (EGRESS, out, 2, ()), (INGRESS, into, 18, ()), (EGRESS, back, 18, ())),
        *((INGRESS, THERE, 2, ()), (EGRESS, out, 2, ())),
    )
    packets = {name: value for name, value in found.items() if name.startswith("Packets")}
    assert packets == {
        "PacketsInFromSource": 2,
        "PacketsOutToDestination": 2,
        "PacketsInFromDestination": 1,
        "PacketsOutToSource": 1,
    }
    assert (found["ConnectionAttemptCount"], found["ConnectionEstablishedCount"]) == (2, 1)
    assert found["BytesInFromSource"] == 120


def test_an_attachment_counts_seen_from_its_gateway():
    """What is dropped counts where it came in."""
    lost = (("packets-lost-blackhole", "1"), ("packets-lost-no-route", "0"))
    gateway = Gateway("tgw-attach-1", "z", (OWN,), "tgw-1")
    found = counted(gateway, (INGRESS, THERE, 2, lost), (EGRESS, THERE, 0, ()))
    assert found == {
        "PacketsIn": 1,
        "BytesIn": 60,
        "PacketDropCountBlackhole": 1,
        "BytesDropCountBlackhole": 60,
        "PacketsOut": 1,
        "BytesOut": 60,
    }
