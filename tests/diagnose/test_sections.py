"""pcapng files one behind the other (``cat``) are one file of several sections, whose interfaces keep to themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.diagnose.report import Report, examine
from vpcshark.diagnose.table import Point, read_bytes
from vpcshark.wire.capture_files import pcapng

BOTH = pytest.mark.parametrize("in_columns", [False, True])


def talk() -> Story:
    """A connection that ends as it should."""
    story = Story()
    flow = Tcp(story).open()
    for number in range(6):
        flow.say(CLIENT, b"ask %d" % number)
        story.wait(0.01)
        flow.say(SERVER, b"told")
        story.wait(0.01)
    for host in (CLIENT, SERVER):
        flow.raw(host, "FA")
        flow.seq[host] += 1
        story.wait(0.01)
    flow.ack(CLIENT)
    return story


def section(packets: list[Any], *names: str, application: str = "") -> bytes:
    """The packets, at the last of these interfaces."""
    blocks = [pcapng.interface_description(name) for name in names]
    last = len(names) - 1
    blocks += [pcapng.enhanced_packet(last, round(float(p.time) * 1e9), bytes(p), len(bytes(p))) for p in packets]
    return pcapng.section_header(application=application) + b"".join(blocks)


def points(*files: bytes, in_columns: bool) -> list[Point]:
    tables = [read_bytes(each, place, in_columns=in_columns) for place, each in enumerate(files)]
    return [point for table in tables for point in table.all_points]


def judged(*files: bytes, in_columns: bool) -> Report:
    return examine(points(*files, in_columns=in_columns))


def kinds(report: Report) -> list[str]:
    return [finding.kind for finding in report.findings]


@BOTH
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (section(talk().packets, "eni-1"), section(talk().packets, "eni-2")),
        (section(talk().packets, "eth0", application="one"), section(talk().packets, "eth0", application="two")),
        (section(talk().packets, "lo", "eth0"), section(talk().packets, "eth1")),
    ],
    ids=["other names", "other programs", "other numbers"],
)
def test_both_ends_in_one_file_are_two_points(first: bytes, second: bytes, in_columns: bool) -> None:
    """As they are when each is a file of its own: no packet is there twice."""
    apart, together = judged(first, second, in_columns=in_columns), judged(first + second, in_columns=in_columns)
    count = len(talk().packets)
    assert any(f"together: {count} packets are at both points" in each for each in apart.remarks)
    assert any(f"together: {count} packets are at both points" in each for each in together.remarks)
    assert kinds(together) == kinds(apart)


@BOTH
def test_the_files_of_a_ring_are_one_point(in_columns: bool) -> None:
    packets = talk().packets
    ring = section(packets[:7], "lo", "eth0") + section(packets[7:], "lo", "eth0")
    (silent, heard) = points(ring, in_columns=in_columns)
    assert (silent.is_silent, silent.name, heard.name) == (True, "lo", "eth0")
    assert len(heard.packets) == len(packets)
    assert kinds(judged(ring, in_columns=in_columns)) == kinds(
        judged(section(packets, "lo", "eth0"), in_columns=in_columns)
    )


@BOTH
def test_two_interfaces_of_one_section_are_two_however_alike(in_columns: bool) -> None:
    packets = talk().packets
    twice = section(packets, "eth0", "eth0") + section(packets, "eth0", "eth0")
    assert [(point.is_silent, point.name) for point in points(twice, in_columns=in_columns)] == [
        (True, "eth0"),
        (False, "eth0"),
    ]


def test_tshark_tells_the_same_packets_apart(tmp_path: Path) -> None:
    """By the section's number and the interface's in it; Wireshark 4.0's names are those of the first section."""
    packets = talk().packets
    file = tmp_path / "sections.pcapng"
    file.write_bytes(section(packets[:5], "lo", "eth0") + section(packets[5:], "lo0", "eth1"))
    fields = [word for name in ("section_number", "interface_id") for word in ("-e", f"frame.{name}")]
    command = ["tshark", "-n", "-r", str(file), "-T", "fields", *fields]
    seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    heard = [point for point in points(file.read_bytes(), in_columns=False) if not point.is_silent]
    assert [point.name for point in heard] == ["eth0", "eth1"]
    assert [seen.count(each) for each in ("1\t1", "2\t1")] == [len(point.packets) for point in heard] == [5, 13]
