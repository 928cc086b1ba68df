"""``vpcshark diagnose`` as a user runs it: screen, JSON by its contract, statuses, annotated copies, no captures."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from packets import CLIENT, SERVER, Story, Tcp
from scapy.layers.l2 import ARP, Ether

from vpcshark.cli.main import run


def _unanswered(client: Story | None = None) -> Story:
    story = client or Story()
    tcp = Tcp(story)
    for _ in range(4):
        tcp.raw(CLIENT, "S", options=[("MSS", 1460)])
        story.wait(1)
    return story


def _healthy() -> Story:
    story = Story()
    tcp = Tcp(story).open().ask()
    tcp.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    tcp.ack(CLIENT)
    return story


def _open() -> Story:
    """A request that is sent again and again, and no more."""
    story = Story()
    tcp = Tcp(story)
    for _ in range(4):
        tcp.raw(CLIENT, "PA", bytes(600))
        story.wait(1)
    return story


@pytest.fixture
def file(tmp_path: Path):
    """Write a story into a file."""

    def write(story: Story, name: str = "in.pcap") -> str:
        path = tmp_path / name
        path.write_bytes(gzip.compress(story.pcap()) if name.endswith("gz") else story.pcap())
        return str(path)

    return write


def test_json_is_as_scripts_rely_on(file, capsys: pytest.CaptureFixture[str]) -> None:
    path = file(_unanswered())
    assert run(["diagnose", path, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["schema", "findings", "healthy"]
    assert (answer["schema"], answer["healthy"]) == (1, False)
    (found,) = answer["findings"]
    assert list(found) == ["class", "confidence", "sentence", "flows", "frames", "checked", "next", "filter"]
    assert (found["class"], found["confidence"]) == ("syn-unanswered", "proved")
    assert found["frames"] == [{"file": path, "number": number} for number in (1, 2, 3, 4)]


def test_a_sound_capture_is_healthy(file, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", file(_healthy())]) == 0
    assert capsys.readouterr().out.startswith("HEALTHY")


def test_what_nobody_can_tell_has_its_own_status(file, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", file(_open())]) == 3
    assert capsys.readouterr().out.startswith("CAN'T TELL")


def test_a_packed_file_is_read(file, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", file(_unanswered(), "in.pcap.gz")]) == 1
    assert "syn-unanswered" in capsys.readouterr().out


def test_what_is_cut_off_is_judged_as_far_as_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(_unanswered().pcap()[:-10])
    assert run(["diagnose", str(path)]) == 1
    assert "3 packets before that are judged" in capsys.readouterr().err


def test_a_file_that_is_no_capture_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none"
    path.write_bytes(b"no capture at all")
    assert run(["diagnose", str(path)]) == 2
    assert "neither a pcap nor a pcapng" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["-", "--annotate", "out"], ["a", "a"], ["a", "--annotate", "a"]])
def test_what_cannot_be_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diagnose", *arguments]) == 2
    assert "vpcshark:" in capsys.readouterr().err


def _tshark(path: Path, fields: list[str], chosen: str = "") -> list[str]:
    words = ["tshark", "-n", "-r", str(path), "-T", "fields", *(w for f in fields for w in ("-e", f))]
    done = subprocess.run(words + (["-Y", chosen] if chosen else []), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("is_pcapng", [False, True])
def test_tshark_shows_the_findings_at_their_frames(file, tmp_path: Path, is_pcapng: bool) -> None:
    path, out = Path(file(_unanswered())), tmp_path / "out.pcapng"
    if is_pcapng:
        subprocess.run(["editcap", "-F", "pcapng", str(path), str(tmp_path / "in.pcapng")], check=True)
        path = tmp_path / "in.pcapng"
    assert run(["diagnose", str(path), "--annotate", str(out)]) == 1
    rows = _tshark(out, ["frame.number", "frame.comment"], "frame.comment")
    assert [row.split("\t")[0] for row in rows] == ["1", "2", "3", "4"]
    assert all("vpcshark: syn-unanswered (proved)" in row for row in rows)
    same = ["frame.time_epoch", "frame.len", "tcp.seq_raw", "ip.id"]
    assert _tshark(out, same) == _tshark(path, same)


def test_two_points_say_where_the_loss_is(file, capsys: pytest.CaptureFixture[str]) -> None:
    near, far = Story(ttls={CLIENT: 64, SERVER: 63}), Story(ttls={CLIENT: 63, SERVER: 64}, now=1_700_000_000.0 + 300)
    for story in (near, far):
        tcp = Tcp(story).open()
        for number in range(60):
            story.wait(0.01)
            lost = number % 10 == 4
            tcp.say(CLIENT, bytes(1000))
            if lost and story is far:
                story.packets.pop()
            if lost:
                story.wait(0.3)
                tcp.raw(CLIENT, "PA", bytes(1000), seq=tcp.seq[CLIENT] - 1000)
            tcp.ack(SERVER)
    files = [file(near, "near.pcap"), file(far, "far.pcap")]
    assert run(["diagnose", *files, "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert found["class"] == "loss"
    told = " ".join((found["sentence"], *found["checked"]))
    assert "6 of 67 packets from 10.0.0.1 to 10.0.1.2 are lost between the two capture points" in told
    assert run(["diagnose", *files]) == 1
    assert "the second clock is +300000" in capsys.readouterr().out


def test_names_from_packets_are_data(file, capsys: pytest.CaptureFixture[str]) -> None:
    story = Story()
    name = b"\x0fwww\x1b[31m.\xe2\x80\xaeevi\x03com\x00"
    query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x00\x01\x00\x01"
    story.udp(CLIENT, SERVER, (50000, 53), query)
    story.wait(0.01).udp(SERVER, CLIENT, (53, 50000), query[:2] + b"\x81\x83" + query[4:])
    assert run(["diagnose", file(story)]) == 1
    said = capsys.readouterr().out
    assert "dns-nxdomain" in said
    assert "\x1b" not in said
    assert run(["diagnose", file(story), "--json"]) == 1
    assert "\x1b" not in capsys.readouterr().out


def _of_arp(count: int) -> Story:
    story = Story()
    for _ in range(count):
        story.put(Ether() / ARP(pdst=SERVER))
    return story


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (Story(), "There is no packet in this capture"),
        (_of_arp(3), "Of the 3 packets in this capture none is an IP packet"),
    ],
)
@pytest.mark.parametrize("files", [1, 2])
def test_of_a_file_without_an_ip_packet_nobody_says_that_it_is_healthy(
    files: int, story: Story, said: str, file, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [file(story, f"{number}.pcap") for number in range(files)]
    assert run(["diagnose", *paths]) == 3
    assert f"CAN'T TELL  nothing-to-tell\n  {said}" in capsys.readouterr().out
    assert run(["diagnose", "--json", *paths]) == 3
    assert json.loads(capsys.readouterr().out)["healthy"] is False


def test_a_file_without_a_packet_beside_another_one_hides_nothing(file, capsys: pytest.CaptureFixture[str]) -> None:
    empty = file(Story(), "empty.pcap")
    assert run(["diagnose", file(_healthy()), empty]) == 0
    assert run(["diagnose", empty, file(_unanswered(), "other.pcap")]) == 1
    assert "PROVED  syn-unanswered" in capsys.readouterr().out
