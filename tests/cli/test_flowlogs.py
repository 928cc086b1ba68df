"""``vpcshark flowlogs show`` as a user runs it: any packing, JSON lines, sentences, hostile text as data."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import hostile
import pyarrow as pa
import pytest
from pyarrow import parquet

from vpcshark.cli.main import run
from vpcshark.flowlogs import fields
from vpcshark.wire.capture_files import pcapng

RECORD = "2 123456789010 eni-1 10.0.0.1 10.0.0.2 4000 443 6 20 4249 1418530010 1418530070 ACCEPT OK"
SKIPPED = "2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - SKIPDATA"


def packed(name: str) -> bytes:
    """The two records, in one of the ways that a file may have."""
    text = f"{RECORD}\n{SKIPPED}\n".encode()
    if name == "gzip":
        return gzip.compress(text[:100]) + gzip.compress(text[100:])
    if name == "parquet":
        names = [name.replace("-", "_") for name in fields.DEFAULT]
        rows = zip(RECORD.split(), SKIPPED.split(), strict=True)
        file = io.BytesIO()
        parquet.write_table(pa.table(dict(zip(names, map(list, rows), strict=True))), file)
        return file.getvalue()
    return text


@pytest.mark.parametrize("name", ["plain", "gzip", "parquet"])
def test_scripts_get_one_typed_object_a_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "flows"
    path.write_bytes(packed(name))
    assert run(["flowlogs", "show", str(path), "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["account-id"], first["srcport"], first["bytes"], first["action"]) == (
        "123456789010",
        4000,
        4249,
        "ACCEPT",
    )
    assert (second["srcaddr"], second["packets"], second["log-status"]) == (None, None, "SKIPDATA")
    assert second["meaning"] == {"verdict": "unknown: records were lost"}


def test_a_flow_is_picked_out_of_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "flows"
    path.write_text(f"{RECORD}\n{RECORD.replace('443', '80')}\n")
    flow = "10.0.0.1:4000->10.0.0.2:443/tcp"
    assert run(["flowlogs", "show", str(path), str(path), "--match", flow]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert (
        shown
        == ["2014-12-14T04:06:50Z  eni-1  -  ACCEPT  10.0.0.1:4000 > 10.0.0.2:443  tcp  20 packets  4249 bytes"] * 2
    )
    assert run(["flowlogs", "show", str(path), "--match", flow.replace("443", "444")]) == 0
    out, err = capsys.readouterr()
    assert (out, "No record is of this flow. These records have no pkt-srcaddr" in err) == ("", True)


@pytest.mark.parametrize(
    ("data", "arguments", "words"),
    [
        (b"1 2 3\n", [], "3 columns and no header line"),
        (packed("gzip")[:-9], [], "cut off"),
        (b"PAR1 is no more than that", [], "can't be read as Parquet"),
        (b"", ["--match", "10.0.0.1"], 'no "->"'),
        (b"10.0.0.1 10.0.0.2\n", ["--log-format", "srcaddr dstaddr", "--match", "*:4->*"], "no srcport"),
    ],
)
def test_what_can_not_be_read_is_a_sentence(
    data: bytes, arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "flows"
    path.write_bytes(data)
    assert run(["flowlogs", "show", str(path), *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_hostile_records_are_data(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "flows"
    evil = "".join(c for c in hostile.EVIL if not c.isspace())
    path.write_bytes(RECORD.replace("eni-1", evil).replace("ACCEPT", evil).encode("utf-8", "surrogatepass") + b"\n")
    assert run(["flowlogs", "show", str(path), *arguments]) == 0
    out = capsys.readouterr().out
    assert all(c == "\n" or c.isprintable() for c in out)
    assert len(out.splitlines()) == 1


def test_records_become_a_file_for_wireshark(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Whole or not at all; what frames are made of, tests/flowlogs/test_frames.py says."""
    path, out = tmp_path / "flows", tmp_path / "out.pcapng"
    path.write_text(f"{RECORD}\n{RECORD.replace('443', '80')}\n{SKIPPED}\n")
    assert run(["flowlogs", "pcap", str(path), "-w", str(out)]) == 0
    kinds = [block.kind for block in pcapng.read_blocks(out.read_bytes())]
    assert kinds == [pcapng.SECTION, pcapng.INTERFACE, pcapng.PACKET, pcapng.PACKET, pcapng.STATISTICS]
    assert run(["flowlogs", "pcap", str(path), "-w", str(out), "--match", "*->*:80"]) == 0
    assert [block.kind for block in pcapng.read_blocks(out.read_bytes())].count(pcapng.PACKET) == 1
    assert run(["flowlogs", "pcap", str(path), "-w", str(out), "--match", "*->*:81"]) == 3
    assert "No record is of this flow" in capsys.readouterr().err
    before = out.read_bytes()
    path.write_text(f"{RECORD}\n" * 9000 + "srcport dstport protocol\n1 2 3\n")
    assert run(["flowlogs", "pcap", str(path), "-w", str(out)]) == 2
    assert "no addresses" in capsys.readouterr().err
    assert (out.read_bytes(), sorted(each.name for each in tmp_path.iterdir())) == (before, ["flows", "out.pcapng"])
