"""Records as frames, judged by real tshark: addresses, ports, flags, comments, and what conversations add up to."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hostile
import pytest

from vpcshark.errors import InputError
from vpcshark.flowlogs import frames, logformat
from vpcshark.flowlogs.scan import Scan
from vpcshark.wire.capture_files import pcapng

NAMES = (
    "version interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags "
    "flow-direction log-status pkt-srcaddr pkt-dstaddr"
)
ROWS = """\
5 eni-1 10.0.0.1 10.9.9.9 4000 443 6 20 4249 1418530010 1418530070 ACCEPT 2 egress OK 10.0.0.1 203.0.113.5
5 eni-1 203.0.113.5 10.0.0.1 443 4000 6 18 90000 1418530011 1418530071 ACCEPT 18 ingress OK 203.0.113.5 10.0.0.1
5 eni-1 10.0.0.1 10.0.0.2 4001 444 6 3 180 1418530070 1418530130 REJECT 2 egress OK - -
5 eni-2 10.0.0.1 10.0.0.2 5353 53 17 2 140 1418530190 1418530250 ACCEPT - egress OK - -
5 eni-2 10.0.0.2 10.0.0.1 0 0 1 4 336 1418530190 1418530250 REJECT - ingress OK - -
5 eni-2 2001:db8::1 2001:db8::2 999 443 6 4 6000000000 1418530190 1418530250 ACCEPT 3 ingress OK - -
5 eni-2 2001:db8::2 2001:db8::1 0 0 58 4 400 1418530190 1418530250 ACCEPT - ingress OK - -
5 eni-2 10.0.0.7 10.0.0.8 0 0 50 4 4000 1418530190 1418530250 ACCEPT - ingress OK - -
5 eni-2 10.0.0.7 10.0.0.8 1 2 6 1 20 1418530190 1418530250 ACCEPT 0 ingress OK - -
5 eni-2 - - - - - - - 1418530190 1418530250 - - - NODATA - -
5 eni-2 - - - - - - - 1418530250 1418530310 - - - SKIPDATA - -
"""


def made(rows: str, names: str = NAMES) -> bytes:
    """A whole file."""
    them = frames.Frames({"eni-1": "web-1 NAT gateway"})
    blocks = [them.of(kind, row) for kind, row in Scan("it", logformat.parse(names)).rows([rows.encode()])]
    return b"".join([them.begin(), *blocks, them.end()])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flows.pcapng"
    path.write_bytes(made(ROWS))
    return path


def tshark(file: Path, *arguments: str) -> str:
    done = subprocess.run(["tshark", "-n", "-r", str(file), *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def fields(file: Path, *names: str, filter: str = "") -> list[list[str]]:
    chosen = [word for name in names for word in ("-e", name)]
    said = tshark(file, "-T", "fields", *chosen, *(["-Y", filter] if filter else []))
    return [line.split("\t") for line in said.splitlines()]


def test_tshark_reads_what_the_records_say(file: Path):
    """The packet's own addresses where they are known; the bytes of all packets; the interface; the direction."""
    found = fields(
        file, "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "tcp.flags", "frame.len", "frame.time_epoch",
        "frame.interface_name", "frame.p2p_dir", "_ws.malformed",
    )  # fmt: skip
    assert found[0] == [
        "10.0.0.1", "203.0.113.5", "4000", "443", "0x0002", "4249", "1418530010.000000000", "eni-1", "0", "",
    ]  # fmt: skip
    assert found[1][4:9] == ["0x0012", "90000", "1418530011.000000000", "eni-1", "1"]
    assert {row[-1] for row in found} == {""}


FILTERS = {
    "ip.addr == 203.0.113.5": 2,
    "tcp.port == 443 && ip": 2,
    "tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip": 2,
    "udp.port == 53": 1,
    "icmp": 1,
    "icmpv6": 1,
    "esp": 1,
    'frame.comment contains "action=REJECT"': 2,
    'frame.comment matches "^REJECT: "': 2,
    'frame.interface_description contains "web-1 NAT gateway"': 3,
    "ip.checksum.status == 0": 0,
    "_ws.malformed": 0,
}


def test_display_filters_find_the_records(file: Path):
    """All counted in one run."""
    said = tshark(file, "-o", "ip.check_checksum:TRUE", "-q", "-z", ",".join(["io,stat,0", *FILTERS]))
    last = next(line for line in said.splitlines() if "<>" in line and line.strip("| ")[:1].isdigit())
    counts = [int(cell.split()[0]) for cell in last.split("|")[2:-1]]
    assert dict(zip(FILTERS, counts[::2] if len(counts) == 2 * len(FILTERS) else counts, strict=True)) == FILTERS


def test_each_comment_is_the_whole_record(file: Path):
    line = ROWS.splitlines()[2]
    wanted = " ".join(f"{name}={value}" for name, value in zip(NAMES.split(), line.split(), strict=True))
    assert fields(file, "frame.comment", filter="tcp.port == 444") == [
        [f"REJECT: flow log record of 3 packets, none of them captured. {wanted}"]
    ]


def test_conversations_add_up_to_the_records(file: Path):
    """Bytes as the records have them, frames as many as there are records; 6 GB are three frames, as Wireshark keeps
    31 bits."""
    wanted: dict[frozenset[str], int] = defaultdict(int)
    for line in ROWS.splitlines()[:9]:
        row = dict(zip(NAMES.split(), line.split(), strict=True))
        ends = [row[f"pkt-{name}"] if row[f"pkt-{name}"] != "-" else row[name] for name in ("srcaddr", "dstaddr")]
        wanted[frozenset(ends)] += int(row["bytes"])
    found: dict[frozenset[str], int] = defaultdict(int)
    for source, target, source6, target6, size in fields(file, "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "frame.len"):
        found[frozenset([source or source6, target or target6])] += int(size)
    assert found == wanted
    said = tshark(file, "-q", "-z", "conv,ip")
    row = next(line for line in said.splitlines() if "203.0.113.5" in line)
    assert row.split()[3:11] == ["1", "90", "kB", "1", "4249", "bytes", "2", "94"]


def test_what_has_no_frame_is_told_in_the_interfaces_statistics():
    comments = [
        value.decode()
        for block in pcapng.read_blocks(made(ROWS))
        if block.kind == pcapng.STATISTICS
        for code, value in pcapng.read_options(block.body, 12)
        if code == 1
    ]
    assert comments == [
        "1 interval without traffic (NODATA). In 1 interval records were lost (SKIPDATA), in seconds: "
        "1418530250-1418530310."
    ]


ODD = {
    "srcaddr dstaddr": "10.0.0.1 10.0.0.2",
    "srcaddr dstaddr protocol bytes": "10.0.0.1 10.0.0.2 6 400",
    "tgw-attachment-id srcaddr dstaddr protocol": "tgw-attach-1 10.0.0.1 10.0.0.2 17",
    "srcaddr dstaddr srcport dstport protocol bytes start": "10.0.0.1 10.0.0.2 70000 x 999 -5 99999999999999999999",
    "%b=%d srcaddr dstaddr": "%s%n 10.0.0.1 10.0.0.2",
}


def test_records_that_lack_fields_or_lie_are_frames_all_the_same(tmp_path: Path):
    them = frames.Frames()
    rows = [(logformat.parse(names), row.encode().split()) for names, row in ODD.items()]
    (tmp_path / "it").write_bytes(b"".join([them.begin(), *(them.of(*each) for each in rows), them.end()]))
    assert fields(tmp_path / "it", "ip.src", "_ws.malformed") == [["10.0.0.1", ""]] * len(ODD)


def test_records_without_addresses_are_a_sentence():
    with pytest.raises(InputError, match="no addresses"):
        made("5 eni-1\n", "version interface-id")


@pytest.mark.parametrize("address", ["10.0.0", "x" * 300, "10.0.0.1%eth0", "::1"])
def test_an_address_that_is_none_makes_no_frame(address: str):
    found = pcapng.read_blocks(made(f"{address} 10.0.0.2\n", "srcaddr dstaddr"))
    assert [block.kind for block in found] == [pcapng.SECTION, pcapng.INTERFACE, pcapng.STATISTICS]
    assert b"1 record without two addresses." in found[-1].body


def test_hostile_words_are_data(tmp_path: Path):
    evil = "".join(hostile.EVIL.split())
    (tmp_path / "it").write_bytes(made(f"{evil} 10.0.0.1 10.0.0.2 {evil}\n", "interface-id srcaddr dstaddr action"))
    for said in texts(pcapng.read_blocks((tmp_path / "it").read_bytes())):
        assert all(c.isprintable() for c in said)
    assert json.loads(tshark(tmp_path / "it", "-T", "json"))


def texts(blocks: Sequence[Any]) -> list[str]:
    places = {pcapng.SECTION: 16, pcapng.INTERFACE: 8, pcapng.PACKET: 20 + 20, pcapng.STATISTICS: 12}
    return [
        value.decode() for block in blocks for code, value in pcapng.read_options(block.body, places[block.kind])
        if code in (1, 2, 3) and len(value) > 8
    ]  # fmt: skip
