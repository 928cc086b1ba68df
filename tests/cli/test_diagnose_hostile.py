"""Names in packets are data wherever they are shown: terminal, JSON, page, packet comments, a capture's lines."""

from __future__ import annotations

import html
import json
import struct
from collections.abc import Callable
from pathlib import Path

import hostile
import pytest
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.capture.diagnosing.process import BEGIN, BLOCKS, Teller
from vpcshark.cli.main import run
from vpcshark.clock import SystemClock
from vpcshark.diagnose.annotate import comments
from vpcshark.diagnose.report import examine
from vpcshark.diagnose.table import read_bytes
from vpcshark.wire.capture_files import pcapng

TAG = "<script>alert(1)</script><img src=x onerror=y>'\"&"
EVIL = f"{hostile.MARK}{TAG}\x1b]0;owned\x07\x1b[2J\x7f\r\x00{hostile.SPOOFS}{hostile.MARKUP}"
RAW = EVIL.encode("utf-8")


def dns() -> Story:
    """A name that nobody has."""
    story = Story()
    labels = b"".join(bytes([len(part)]) + part for part in (RAW[:60], RAW[60:120], b"com")) + b"\0"
    query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x01\x00\x01"
    story.udp(CLIENT, SERVER, (50000, 53), query)
    story.wait(0.01).udp(SERVER, CLIENT, (53, 50000), query[:2] + b"\x81\x83" + query[4:])
    return story


def _hello(name: bytes) -> bytes:
    server = struct.pack(">BH", 0, len(name)) + name
    listed = struct.pack(">H", len(server)) + server
    extensions = struct.pack(">HH", 0, len(listed)) + listed
    body = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00" + struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(message)) + message


def tls() -> Story:
    """A server name that the server does not know, by an alert."""
    story = Story()
    tcp = Tcp(story, port=443).open()
    tcp.say(CLIENT, _hello(RAW[:200]))
    story.wait(0.02)
    tcp.say(SERVER, b"\x15\x03\x03\x00\x02\x02\x70")
    tcp.raw(SERVER, "FA")
    return story


def http() -> Story:
    """An author of a 502."""
    story = Story()
    tcp = Tcp(story).open().ask()
    line = RAW.replace(b"\r", b"").replace(b"\n", b"")[:80]
    tcp.say(SERVER, b"HTTP/1.1 502 Bad Gateway\r\nServer: " + line + b"\r\nContent-Length: 0\r\n\r\n")
    tcp.ack(CLIENT)
    return story


STORIES: dict[str, tuple[Callable[[], Story], str]] = {
    "dns": (dns, "dns-nxdomain"),
    "tls": (tls, "tls-name"),
    "http": (http, "http-502"),
}


def terminal(path: Path, capsys: pytest.CaptureFixture[str]) -> bytes:
    assert run(["diagnose", str(path)]) == 1
    return capsys.readouterr().out.encode()


def as_json(path: Path, capsys: pytest.CaptureFixture[str]) -> bytes:
    assert run(["diagnose", str(path), "--json"]) == 1
    said = capsys.readouterr().out
    (found,) = json.loads(said)["findings"]
    return said.encode() + found["sentence"].encode()


def page(path: Path, capsys: pytest.CaptureFixture[str]) -> bytes:
    out = path.with_suffix(".html")
    assert run(["diagnose", str(path), "--html", str(out)]) == 1
    capsys.readouterr()
    said = out.read_text("utf-8")
    assert "<script" not in said
    assert "<img" not in said
    assert hostile.MARK in html.unescape(said)
    return said.encode()


def comment(path: Path, capsys: pytest.CaptureFixture[str]) -> bytes:
    out = path.with_suffix(".annotated.pcapng")
    assert run(["diagnose", str(path), "--annotate", str(out)]) == 1
    capsys.readouterr()
    report = examine(list(read_bytes(path.read_bytes()).points.values()))
    said = "\n".join(comments(report.findings, 0).values())
    assert said.splitlines()[0].encode() in out.read_bytes()
    return said.encode()


def running(path: Path, capsys: pytest.CaptureFixture[str]) -> bytes:
    """What stands on a terminal while a capture runs, and in Wireshark's toolbar."""
    import io

    from vpcshark.capture.diagnosing import follower
    from vpcshark.extcap.capture_phase import diagnosis

    (point,) = read_bytes(path.read_bytes()).points.values()
    assert point.packets
    out = io.StringIO()
    teller = Teller(out, SystemClock())
    head = pcapng.section_header() + pcapng.interface_description("e", "e", "")
    teller.take(BEGIN, 0, head)
    teller.take(BLOCKS, 0, b"".join(_blocks(path)))
    teller.end()
    (found,) = json.loads(out.getvalue().splitlines()[-1])["findings"]
    told = follower._told({**found, "sentence": found["sentence"] + EVIL})
    shown = diagnosis._plain(told)
    assert "<" not in shown
    return (told.text + shown).encode()


def _blocks(path: Path) -> list[bytes]:
    return next(make for make, _ in STORIES.values() if make.__name__ == path.stem)().blocks()[1]


@pytest.mark.parametrize("sink", [terminal, as_json, page, comment, running])
@pytest.mark.parametrize("name", STORIES)
def test_a_hostile_name_is_shown_and_does_nothing(
    name: str, sink: Callable[..., bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, kind = STORIES[name]
    path = tmp_path / f"{name}.pcap"
    path.write_bytes(make().pcap())
    said = sink(path, capsys)
    assert hostile.MARK.encode() in said.upper()
    assert hostile.harm(said) == []
    report = examine(list(read_bytes(path.read_bytes()).points.values()))
    assert [finding.kind for finding in report.findings] == [kind]
