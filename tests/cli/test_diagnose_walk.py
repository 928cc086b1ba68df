"""``vpcshark diagnose`` with a walk: the hop, the rule, the size that packets alone can't name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import packets
import pytest
from packets import CLIENT, SERVER, Story, Tcp

from tests.support.walks import two_vpcs
from vpcshark.cli.main import run

ENDS = {CLIENT: "10.1.1.10", SERVER: "10.2.2.20"}
Diagnose = Callable[..., tuple[int, Any]]


def placed(story: Story) -> bytes:
    """Between the two hosts of ``two_vpcs``."""
    for packet in story.packets:
        layer = packet[packets.IP]
        layer.src, layer.dst = ENDS[layer.src], ENDS[layer.dst]
        for part in (layer, packet[packets.TCP]):
            del part.chksum
    return story.pcap()


def black_hole() -> Story:
    """9,001 bytes again and again, and nobody says why."""
    story = Story()
    tcp = Tcp(story, mss=8961).open().ask()
    tcp.say(SERVER, bytes(100))
    tcp.ack(CLIENT)
    seq = tcp.seq[CLIENT]
    for _ in range(5):
        tcp.raw(CLIENT, "PA", bytes(8961), seq=seq)
        story.wait(1.5)
        tcp.ack(SERVER, ack=seq)
    return story


def unanswered() -> Story:
    story = Story()
    for _ in range(4):
        Tcp(story, port=81).raw(CLIENT, "S")
        story.wait(1)
    return story


@pytest.fixture
def dump(tmp_path: Path) -> str:
    return str(two_vpcs().write(tmp_path / "dump"))


@pytest.fixture
def diagnose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Diagnose:
    def ask(story: Story, *words: str) -> tuple[int, Any]:
        path = tmp_path / "in.pcap"
        path.write_bytes(placed(story))
        status = run(["diagnose", str(path), "--json", *words])
        said = capsys.readouterr()
        return status, json.loads(said.out) if said.out else said.err

    return ask


def test_a_walk_names_the_hop_that_takes_less(diagnose: Diagnose, dump: str, tmp_path: Path, capsys) -> None:
    assert run(["walk", "client", "server:80", "--from-dump", dump, "--json"]) in (0, 1)
    walk = tmp_path / "walk.json"
    walk.write_text(capsys.readouterr().out)
    status, found = diagnose(black_hole(), "--walk", str(walk))
    (finding,) = found["findings"]
    assert (status, finding["class"]) == (1, "pmtu-black-hole")
    assert finding["next"].startswith("It is attachment tgw-attach-left")
    assert "it takes 8500 bytes, the least of this way for the 9001 bytes that are lost" in finding["next"]


def test_a_walk_that_is_made_now_names_the_rule(diagnose: Diagnose, dump: str) -> None:
    """Without ends, it is walked between those of the first finding."""
    for ends in ((), ("--between", "client", "server:81")):
        _, found = diagnose(unanswered(), "--from-dump", dump, *ends)
        (finding,) = found["findings"]
        assert finding["next"].startswith("By the walk security group sg-web (web) drops it on the way there:"), (
            finding["next"]
        )


def test_without_a_walk_it_says_which_one_would_tell(diagnose: Diagnose) -> None:
    _, found = diagnose(black_hole())
    assert "vpcshark walk 10.1.1.10 10.2.2.20:80 names it" in found["findings"][0]["next"]


def test_a_walk_that_cannot_be_made_hides_no_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(placed(unanswered()))
    assert run(["diagnose", str(path), "--from-dump", str(tmp_path / "nowhere")]) == 1
    said = capsys.readouterr().out
    assert "syn-unanswered" in said
    assert "the walk from 10.1.1.10 to 10.2.2.20:81 could not be made: " in said


@pytest.mark.parametrize("text", ["no json", "[]", '{"schema": 9, "forward": {"hops": [{"packet": {}}]}}', None])
def test_what_is_no_walk_is_refused(diagnose: Diagnose, tmp_path: Path, text: str | None) -> None:
    walk = tmp_path / "walk.json"
    if text is not None:
        walk.write_text(text)
    status, said = diagnose(unanswered(), "--walk", str(walk))
    assert status == 2
    assert "vpcshark:" in said


def test_one_walk_is_enough(diagnose: Diagnose, dump: str) -> None:
    status, said = diagnose(unanswered(), "--walk", "x", "--from-dump", dump)
    assert status == 2
    assert "Give one." in said
