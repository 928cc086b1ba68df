"""``vpcshark walk`` as a user runs it, on a folder of answers: screen, JSON, statuses, errors that are sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.walks import entry, two_vpcs
from vpcshark.cli.main import run


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Two VPCs and a transit gateway."""
    return two_vpcs().write(tmp_path / "dump")


def test_reachable_is_status_0_and_one_screen(dump: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["walk", "client", "server:80", "--from-dump", str(dump)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("REACHABLE  client -> server  10.1.1.10:32768-60999 -> 10.2.2.20:80 tcp")
    assert len(lines) < 50


def test_blocked_is_status_1_with_the_command_that_mends(dump: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["walk", "i-client", "10.2.2.20:81", "--from-dump", str(dump)]) == 1
    assert "mend: aws ec2 authorize-security-group-ingress --group-id sg-web" in capsys.readouterr().out


def test_unknown_is_status_3_and_says_what_lacks(dump: Path, capsys: pytest.CaptureFixture[str]):
    next(dump.glob("NetworkAcls*")).unlink()
    assert run(["walk", "eni-client", "server:80", "--from-dump", str(dump)]) == 3
    assert "the folder has no answer of DescribeNetworkAcls" in capsys.readouterr().out


def test_scripts_get_the_contract(dump: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["walk", "client", "server:80", "--from-dump", str(dump), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["verdict"], found["blockers"], found["unknowns"]) == (1, "reachable", [], [])
    hop = {"kind", "resource", "name", "az", "vpc", "rule", "verdict", "reason", "packet", "mtu", "mend"}
    for way in ("forward", "return"):
        assert all(hop <= set(each) for each in found[way]["hops"])
    assert run(["walk", "client", "server:80", "--from-dump", str(dump), "--json", "--no-return"]) == 0
    assert json.loads(capsys.readouterr().out)["return"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["eni-0123456789abcdef0", "server:80"], "There is no network interface eni-0123456789abcdef0"),
        (["client", "nobody:80"], 'Nothing that was read is called "nobody"'),
        (["client", "server:99999"], '"99999" is no port'),
        (["client", "server:80", "--protocol", "icmp"], "icmp has no ports"),
        (["client", "server", "--protocol", "tpc"], '"tpc" is no protocol'),
        (["internet", "internet"], "Both ends are in the internet"),
        (["10.9.9.9", "server:80"], "No network interface and no subnet that was read has the address 10.9.9.9"),
    ],
)
def test_what_cannot_be_asked_is_said(arguments: list[str], words: str, dump: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["walk", *arguments, "--from-dump", str(dump)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("", "", "has no file with an answer"),
        ("vpcs.json", "{", "can't be read as JSON"),
        ("vpcs.json", '{"Vpcs": [{"CidrBlock": "10.0.0.0/16"}]}', "are not what AWS gives"),
        ("routes.json", '{"Routes": []}', "does not say what was asked"),
    ],
)
def test_a_folder_that_cannot_be_used_is_said(
    name: str, text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    if name:
        (tmp_path / name).write_text(text, "utf-8")
    assert run(["walk", "a", "b:80", "--from-dump", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["walk", "a", "b:80", "--from-dump", str(tmp_path / "none")]) == 2
    assert "is no folder" in capsys.readouterr().err


def test_many_walks_are_put_together_by_the_rule_that_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One is let in, one is not, one can't get back; each group has its own mend."""
    cloud = two_vpcs()
    for number, name in enumerate(("web-1", "web-2"), 11):
        cloud.instance(name, "subnet-left-a", f"10.1.1.{number}")
    cloud.instance("web-3", "subnet-left-b", "10.1.2.13")
    cloud.entries("subnet-left-b").insert(0, entry(50, "deny", "6", "10.2.0.0/16", (1024, 65535), egress=False))
    for row in cloud.answers["Reservations"]:
        instance = row["Instances"][0]
        if instance["InstanceId"].startswith("i-web"):
            instance["Tags"].append({"Key": "Role", "Value": "web"})
    folder = str(cloud.write(tmp_path / "many"))
    assert run(["walk", "--from", "tag:Role=web", "--to", "server:80", "--from-dump", folder, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    told = [
        (g["verdict"], g["decided_by"]["resource"], [w["from"]["interface"] for w in g["walks"]])
        for g in found["groups"]
    ]
    assert told == [("blocked", "acl-left-b", ["eni-web-3"]), ("reachable", "sg-web", ["eni-web-1", "eni-web-2"])]
    assert run(["walk", "--from", "tag:Role=web", "--to", "server:80", "--from-dump", folder]) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("1 blocked, 2 reachable.")
    assert "BLOCKED  1 by network acl acl-left-b, back: inbound 50 deny tcp 1024-65535 from 10.2.0.0/16" in shown
    for source in ("web-1", "web-3"):  # each as it is alone
        assert run(["walk", source, "server:80", "--from-dump", folder]) == (1 if source == "web-3" else 0)
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "client"], "--from and --to go together"),
        (["client", "server:80", "--from", "client", "--to", "server:80"], "--from and --to go together"),
        (["--from", "tag:Role=nobody", "--to", "server:80"], "Nothing that was read has the tag Role=nobody"),
        (["--from", "client", "--to", "server:80", "--to", "server:81"], "The ports of --to differ"),
        (["--from", "client", "--to", "client"], "From an end to itself there is no way"),
        (["client"], "A walk has two ends"),
    ],
)
def test_many_walks_that_cannot_be_asked_are_said(
    arguments: list[str], words: str, dump: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["walk", *arguments, "--from-dump", str(dump)]) == 2
    assert words in capsys.readouterr().err
