"""Planted faults are there, as tshark sees, their labels are of the contract, and the judge by them judges right."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import frame_facts
import pytest
from plants import make, proofs
from plants.all import KINDS
from plants.kinds import HEALTHY
from plants.lab import Lab, NotPlantedError

from tests import judge_plants
from vpcshark.cli.main import run

CONTRACT = [
    "pmtu-black-hole",
    "mss-clamp-one-way",
    "syn-unanswered",
    "synack-unanswered",
    "ack-unanswered",
    "backlog-full",
    "refused",
    "icmp-refused",
    "idle-timeout",
    "nat-ports-exhausted",
    "one-direction",
    "zero-window",
    "slow-server",
    "slow-network",
    "slow-client",
    "loss",
    "policer",
    "shaper",
    "reordering",
    "duplicates",
    "routing-loop",
    "dns-unanswered",
    "dns-servfail",
    "dns-nxdomain",
    "dns-rate-limited",
    "dns-truncated",
    "tls-alert",
    "tls-expired",
    "tls-version",
    "tls-cipher",
    "tls-name",
    "tls-no-server-hello",
    "tls-plaintext",
    "http-502",
    "http-504",
    "rtp-loss",
    "rtp-jitter",
    "rtp-one-way",
    "marks-changed",
    "fragments-lost",
    "corruption",
    "reset-by-middlebox",
    "reset-by-peer",
    "capture-lost-packets",
    "capture-duplicated",
    "mirror-artefact",
]
CHEAP = {"plain_web", "refused_by_firewall", "reset_by_content", "dns_nxdomain"}
ROWS = [name if name in CHEAP else pytest.param(name, marks=pytest.mark.long) for name in KINDS]
TOOLS = ("ip", "nft", "tc", "tcpdump", "tshark", "nstat")


@pytest.fixture
def planting():
    """Skips where nothing can be planted; in CI it can."""
    if os.geteuid() != 0 or not all(map(shutil.which, TOOLS)):
        if os.environ.get("CI"):
            pytest.fail(f"planting needs root and {', '.join(TOOLS)}")
        pytest.skip("planting needs root and the tools of a network")


@pytest.mark.parametrize("name", ROWS)
def test_a_planted_case_is_there_at_the_points_where_its_kind_says(planting, tmp_path, name):
    """tshark, nft's counters and the errors of sockets are the judges; one that the machine disturbs is made again."""
    rows, error = make.tried(tmp_path, name, 1)
    assert not error
    assert [row.point for row in rows] == ["client", "server", "both"]
    assert proofs.missing(KINDS[name], tmp_path / f"{name}-s1") == []


@pytest.mark.long
@pytest.mark.parametrize("name", KINDS)
def test_every_frame_of_what_is_said_of_a_planted_case_is_what_it_says(planting, tmp_path, name, capsys):
    """By tshark's fields, at one point and at both."""
    rows, error = make.tried(tmp_path, name, 17)
    assert not error
    for row in rows:
        files = [str(tmp_path / each) for each in row.name.split(" ")]
        run(["diagnose", "--json", *files])
        assert frame_facts.wrong(json.loads(capsys.readouterr().out)["findings"]) == []


def test_a_kind_whose_fault_is_not_there_is_seen_to_be_missing(planting, tmp_path):
    """The signs of a refusal are not in a healthy case."""
    make.tried(tmp_path, "plain_web", 2)
    found = proofs.missing(KINDS["refused_by_firewall"], tmp_path / "plain_web-s2")
    assert len(found) == 2
    assert all("frames are" in each for each in found)


def test_nothing_is_left_of_a_case_that_fails(planting, tmp_path):
    """Its namespaces go by their names, whatever happens in them."""
    lab = Lab(tmp_path, "none", 1)
    try:
        lab.build(is_tapped=False)
        assert all(Path("/run/netns", name).exists() for name in lab.spaces)
        with pytest.raises(NotPlantedError):
            lab.must(False, "it is not there")
    finally:
        lab.end()
    assert not any(Path("/run/netns", name).exists() for name in lab.spaces)


def test_no_tcpdump_is_left_where_one_of_them_fails(planting, tmp_path):
    """The others are ended too."""
    lab = Lab(tmp_path, "none", 1)
    lab.build()
    taps = [tap for taps in lab.taps.values() for tap in taps]
    taps[0].file.rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError):
        lab.end()
    assert len(taps) > 1
    assert [tap.process.returncode for tap in taps if tap.process.returncode is None] == []


def test_kinds_are_of_the_contract_and_every_class_is_planted():
    """At least 55 kinds; a label promises nothing that diagnose has no name for."""
    assert len(KINDS) >= 55
    named = {
        word
        for kind in KINDS.values()
        for words in (*kind.proves.values(), *kind.admits.values(), (kind.fault,))
        for group in words
        for word in group.split("|")
    }
    assert named <= {*CONTRACT, HEALTHY}
    assert set(CONTRACT) <= {kind.fault for kind in KINDS.values()}
    assert sum(kind.fault == HEALTHY for kind in KINDS.values()) >= 25


def test_a_label_says_of_a_point_no_more_than_of_both_together():
    """What one point proves is true, and so at least admitted, where both are read; the fault itself is."""
    for kind in KINDS.values():
        told = {word for words in (*kind.proves["both"], *kind.admits["both"], HEALTHY) for word in words.split("|")}
        for point in ("client", "server"):
            assert all(told & set(group.split("|")) for group in kind.proves[point]), (kind.name, point)
        assert kind.fault in told, kind.name


def test_labels_are_read_as_they_are_written(tmp_path):
    rows = [make.Row("a-s1/client.pcapng", "planted a seed 1", "client", "it is so", "-", "loss", "loss|policer", "-")]
    make.write(tmp_path / "LABELS.tsv", rows)
    assert make.read(tmp_path / "LABELS.tsv") == rows
    case = judge_plants.read(tmp_path / "LABELS.tsv")[0]
    assert case == judge_plants.Case(("a-s1/client.pcapng",), "loss", (frozenset({"loss", "policer"}),), frozenset())


def case(fault: str, proves: str, admits: str = "") -> judge_plants.Case:
    groups = tuple(frozenset(word.split("|")) for word in proves.split())
    return judge_plants.Case(("f",), fault, groups, frozenset(admits.split()))


def answer(*claims: str, is_healthy: bool = False) -> judge_plants.Answer:
    findings = [dict(zip(("class", "confidence"), claim.split(), strict=True)) for claim in claims]
    return {"findings": findings, "healthy": is_healthy}


JUDGED = [
    (case("loss", "loss"), answer("loss proved"), "right"),
    (case("loss", "loss|policer"), answer("policer likely"), "right"),
    (case("loss", "loss", "reordering"), answer("loss likely", "reordering likely"), "right"),
    (case("loss", "loss"), answer("loss proved", "refused likely"), "wrong"),
    (case("loss", "loss"), answer(is_healthy=True), "missed"),
    (case("loss", "loss"), answer("loss cannot-tell"), "cannot tell, provable"),
    (case("loss", ""), answer("loss cannot-tell"), "cannot tell, not provable"),
    (case("loss", ""), answer("loss proved"), "wrong"),
    (case("loss", "", "loss"), answer("loss proved"), "cannot tell, not provable"),
    (case(HEALTHY, HEALTHY), answer(is_healthy=True), "right"),
    (case(HEALTHY, HEALTHY, "zero-window"), answer("zero-window likely"), "right"),
    (case(HEALTHY, HEALTHY), answer("zero-window likely"), "wrong"),
    (case(HEALTHY, HEALTHY), answer("loss cannot-tell"), "cannot tell, provable"),
    (case("shaper", "shaper|healthy"), answer(is_healthy=True), "right"),
    (case("loss", "loss"), None, "no answer"),
]


@pytest.mark.parametrize(("label", "said", "outcome"), JUDGED)
def test_an_answer_is_worth_what_the_label_lets_it_be(label, said, outcome):
    assert judge_plants.judge(label, said).outcome == outcome


def test_the_judge_prints_classes_and_alarms_and_fails_below_the_goals(tmp_path, capsys):
    """A command that finds loss in everything."""
    rows = [
        make.Row("a/client.pcapng", "-", "client", "-", "-", "loss", "loss", "-"),
        make.Row("b/client.pcapng", "-", "client", "-", "-", "healthy", "healthy", "-"),
    ]
    make.write(tmp_path / "LABELS.tsv", rows)
    told = tmp_path / "told.py"
    told.write_text('print(\'{"findings": [{"class": "loss", "confidence": "proved"}], "healthy": false}\')')
    assert judge_plants.main([str(tmp_path), "--command", f"{sys.executable} {told}"]) == 1
    said = capsys.readouterr().out
    assert "wrong: b/client.pcapng: expected healthy, got loss" in said
    assert "false alarms on sound ones: 1 of 1" in said
    assert re.search(r"precision of loss +1 of +2  0\.500", said)
    assert re.search(r"recall of loss +1 of +1  1\.000", said)
