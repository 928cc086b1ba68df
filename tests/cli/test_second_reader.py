"""tshark as the second reader: what it says stands beside a finding; whatever is wrong with it, the report is told."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.cli import second_reader
from vpcshark.cli.second_reader import Tshark
from vpcshark.diagnose import second
from vpcshark.diagnose.report import Report, examine
from vpcshark.diagnose.table import Table, read_bytes


def slow(status: bytes = b"HTTP/1.1 200 OK") -> Story:
    """A server that thinks for 4 s, and whose status line comes in two pieces."""
    story = Story()
    tcp = Tcp(story).open().ask(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    story.wait(4)
    tcp.say(SERVER, status[:6])
    tcp.ack(CLIENT)
    tcp.say(SERVER, status[6:] + b"\r\nContent-Length: 0\r\n\r\n")
    tcp.ack(CLIENT)
    return story


@pytest.fixture
def asked(tmp_path: Path):
    """Ask a tshark about a story."""

    def ask(story: Story, tshark: Tshark) -> Report:
        path = tmp_path / "in.pcap"
        path.write_bytes(story.pcap())
        table: Table = read_bytes(story.pcap())

        def pieces(name: str) -> Iterator[bytes]:
            yield Path(name).read_bytes()

        report = examine(list(table.points.values()))
        return second_reader.ask(report, [table], [str(path)], pieces, tshark)

    return ask


@pytest.fixture
def program(tmp_path: Path):
    """A tshark that is a few lines of Python."""

    def make(text: str) -> str:
        path = tmp_path / "tshark"
        path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.mark.skipif(not shutil.which("tshark"), reason="there is no tshark")
def test_what_the_real_one_reads_stands_beside_the_finding(asked) -> None:
    report = asked(slow(), Tshark.here())
    (found,) = report.findings
    assert found.kind == "slow-server"
    there = "tshark reads there: frame 4: HTTP, HTTP request GET, for /slow; frame 8: HTTP, HTTP status 200"
    assert {f"{there}.", f"{there}, for /slow."} & set(found.checked)  # by 4.0, by 4.4
    assert "tshark read the application layer of 9 packets of suspicious connections" in report.remarks


@pytest.mark.skipif(not shutil.which("tshark"), reason="there is no tshark")
def test_a_status_that_begins_no_packet_is_its_to_see(asked) -> None:
    report = asked(slow(b"HTTP/1.1 504 Gateway Time-out"), Tshark.here())
    (found,) = (each for each in report.findings if each.kind == "http-504")
    assert (found.confidence, [frame.number for frame in found.frames]) == ("likely", [4, 8])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sys.exit('tshark: -T must be one of text, pdml')", "it ended with status 1: tshark: -T must be one of"),
        ("os.kill(os.getpid(), 11)", "it crashed (signal 11)"),
        ("time.sleep(600)", "it did not end within 0.5 seconds"),
    ],
)
def test_one_that_is_old_crashes_or_hangs_is_said_and_bounded(asked, program, text: str, said: str) -> None:
    report = asked(slow(), Tshark(program(text), seconds=0.5))
    assert [finding.kind for finding in report.findings] == ["slow-server"]
    assert said in report.remarks[-1]
    assert report.remarks[-1].startswith("tshark read nothing of the application layer: ")


@pytest.mark.parametrize(
    "text",
    [
        "print('x' * 10_000_000)",
        "sys.stdout.buffer.write(bytes(range(256)) * 1000)",
        "print('\\t'.join(['99999999', 'HTTP'] + ['504'] * 16))",
        "print('\\t'.join(['-1', 'HTTP'] + ['504'] * 16)); print('1\\t2')",
        "",
    ],
)
def test_one_that_says_what_makes_no_sense_is_not_believed(asked, program, text: str) -> None:
    report = asked(slow(), Tshark(program(text), seconds=60, most=1_000_000))
    assert [finding.kind for finding in report.findings] == ["slow-server"]


def test_where_there_is_none_our_own_readers_are_all(asked) -> None:
    report = asked(slow(), Tshark(None))
    assert [finding.kind for finding in report.findings] == ["slow-server"]
    assert len(report.remarks) == 1


def test_it_gets_the_packets_of_suspicious_connections_alone_and_none_of_the_users_settings(
    asked, program, tmp_path: Path
) -> None:
    copy, settings = tmp_path / "copy.pcapng", tmp_path / "settings"
    text = (
        f"import shutil\nshutil.copy(sys.argv[sys.argv.index('-r') + 1], {str(copy)!r})\n"
        f"open({str(settings)!r}, 'w').write(os.environ['WIRESHARK_CONFIG_DIR'] + ' ' + os.environ['HOME'])"
    )
    story = Story()
    for number in range(20):
        tcp = Tcp(story, sport=50000 + number).open().ask()
        tcp.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
        tcp.ack(CLIENT)
    story.packets += slow().packets
    asked(story, Tshark(program(text)))
    (point,) = read_bytes(copy.read_bytes()).points.values()
    assert {40000} == {packet.sport for packet in point.packets if packet.dport == 80}
    assert len(point.packets) == 9
    assert all(not Path(folder).exists() for folder in settings.read_text().split())


def test_its_labels_of_tcp_are_not_asked_for() -> None:
    assert "tcp.analysis" not in " ".join(second.arguments("x"))
