"""``vpcshark why`` as a user runs it: on folders of answers with captures, and against a small AWS in this process."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mending
import pytest
import regions
from botocore.config import Config
from packets import Tcp
from scenes import Scene, one_vpc
from sessions import session

from tests.support.walks import one_vpc as home
from tests.support.walks import two_vpcs
from tests.support.why_stories import capture, refused, sound, unanswered
from vpcshark.cli import parsing
from vpcshark.cli.main import run
from vpcshark.wire.bpf.libpcap import compile_filter

REGION = regions.WHY
ENDS = ("10.1.1.10", "10.2.2.20")


@pytest.fixture
def dump(tmp_path: Path) -> str:
    """Two VPCs and a transit gateway."""
    return str(two_vpcs().write(tmp_path / "dump"))


@pytest.fixture
def why(dump: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Ask in JSON: status, and what is said."""

    def asked(*words: str) -> tuple[int, Any]:
        status = run(["why", *words, "--from-dump", dump, "--json"])
        return status, json.loads(capsys.readouterr().out)

    return asked


def test_a_rule_that_blocks_is_the_cause_with_its_mend(why):
    status, found = why("client", "server:81")
    assert (status, found["schema"], len(found["steps"]), found["captures"]) == (1, 1, 1, [])
    assert found["conclusion"]["class"] == "ENI_SG_RULES_MISMATCH"
    assert found["conclusion"]["mend"].startswith("aws ec2 authorize-security-group-ingress --group-id sg-web")
    assert found["conclusion"]["proved"]


def test_where_packets_would_decide_it_says_how_to_get_them(why, dump: str):
    """At each interface once; where nobody can capture, records; then the same question with the packets."""
    status, found = why("client", "server:80")
    assert (status, found["conclusion"]["class"]) == (3, "undecided")
    *commands, again = found["captures"]
    rule = "'(host 10.1.1.10 and host 10.2.2.20 and tcp and port 80) or icmp'"
    assert commands[0] == f"vpcshark capture eni-client -f {rule} -w eni-client.pcapng"
    assert [each.split()[2] for each in commands if "--mode flowlogs" not in each] == ["eni-client", "eni-server"]
    assert len([each for each in commands if "--mode flowlogs --from 30m" in each]) == 4
    files = "--file eni-client.pcapng --file eni-server.pcapng"
    assert again == f"vpcshark why client server:80 --from-dump {dump} {files}"


def test_the_commands_that_are_printed_can_be_run(why):
    """By the parsers of this program and by libpcap."""
    for command in why("client", "server:80")[1]["captures"]:
        options = parsing.whole().parse_args(shlex.split(command)[1:])
        if getattr(options, "filter", ""):
            assert compile_filter(options.filter)


@pytest.mark.parametrize(
    ("tell", "status", "kind"),
    [(refused, 1, "refused"), (sound, 0, "works"), (unanswered, 1, "syn-unanswered")],
)
def test_packets_decide(why, tmp_path: Path, tell: Callable[[Tcp], None], status: int, kind: str):
    file = capture(tmp_path, "server.pcap", ENDS, tell)
    ended, found = why("client", "server:80", "--file", file)
    assert [each["step"] for each in found["steps"]] == ["walk", "diagnose"]
    assert (ended, found["conclusion"]["class"], found["conclusion"]["proved"]) == (status, kind, True)
    assert found["captures"] == []


def test_another_flows_trouble_is_not_the_answer(why, tmp_path: Path):
    """Another port, and other hosts: what is wrong there is counted, and decides nothing."""
    other = capture(tmp_path, "other.pcap", ENDS, refused, port=22)
    status, found = why("client", "server:80", "--file", other)
    assert (status, found["steps"][-1]["verdict"], found["conclusion"]["class"]) == (3, "not in the files", "undecided")
    assert "1 finding about other flows" in found["steps"][-1]["sentence"]
    assert found["captures"]
    hosts = capture(tmp_path, "hosts.pcap", ("10.1.1.11", ENDS[1]), refused)
    mine = capture(tmp_path, "mine.pcap", ENDS, sound)
    status, found = why("client", "server:80", "--file", hosts, "--file", mine)
    assert (status, found["conclusion"]["class"]) == (0, "works")


def test_behind_a_nat_gateway_it_is_the_same_flow(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The far end has the gateway's address in it, and the internet any."""
    folder = str(home().write(tmp_path / "home"))
    for ends in (("203.0.113.99", "192.0.2.7"), ("10.0.1.99", "192.0.2.7"), ("10.0.2.20", "192.0.2.7")):
        file = capture(tmp_path, "far.pcap", ends, refused, port=443)
        assert run(["why", "inner", "internet:443", "--from-dump", folder, "--file", file]) == 1
        assert "CAUSE  refused" in capsys.readouterr().out


def test_a_long_file_is_looked_through_as_columns(why, tmp_path: Path):
    """There the flow is one of many."""
    pytest.importorskip("numpy")

    def many(tcp: Tcp) -> None:
        for port in range(60):
            other = Tcp(tcp.story, port=8080, sport=10000 + port).open()
            for _ in range(4):
                other.ask(bytes(1200))
        sound(tcp)

    file = capture(tmp_path, "long.pcap", ENDS, many)
    assert Path(file).stat().st_size > 1 << 18
    status, found = why("client", "server:80", "--file", file)
    assert (status, found["steps"][-1]["verdict"]) == (0, "healthy")
    status, found = why("client", "server:443", "--protocol", "tcp", "--file", file, "--all")
    assert (status, found["steps"][-1]["verdict"]) == (1, "not in the files")


def test_all_goes_on_and_what_denies_a_proof_is_told(why, tmp_path: Path, dump: str, capsys):
    file = capture(tmp_path, "works.pcap", ENDS, sound, port=81)
    assert why("client", "server:81", "--file", file)[0] == 1
    status, found = why("client", "server:81", "--file", file, "--all")
    assert (status, found["conclusion"]["class"], len(found["steps"])) == (3, "contradiction", 2)


def test_the_screen_tells_each_step_and_what_the_next_one_costs(dump: str, tmp_path: Path, capsys):
    file = capture(tmp_path, "server.pcap", ENDS, refused)
    assert run(["why", "client", "server:80", "--from-dump", dump, "--file", file]) == 1
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "1  walk: reachable"
    assert "Next: diagnose, which costs nothing." in lines
    assert "2  diagnose: proved, proved" in lines or "2  diagnose: proved" in lines
    assert "CAUSE  refused" in lines


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["client", "nobody:80"], 'Nothing that was read is called "nobody"'),
        (["client", "server:80", "--file", "x.pcap", "--file", "x.pcap"], "The same file is named twice."),
        (["client", "server:80", "--file", "none.pcap"], "none.pcap"),
        (["client", "server:80", "--analyzer", "--yes"], "--analyzer asks AWS, and --from-dump does not."),
    ],
)
def test_what_cannot_be_asked_is_said(words: list[str], said: str, dump: str, capsys):
    assert run(["why", *words, "--from-dump", dump]) == 2
    assert said in capsys.readouterr().err


def test_a_price_that_nobody_can_agree_to_is_said_first(capsys):
    assert run(["why", "client", "server:80", "--analyzer"]) == 2
    assert "costs 0.10 USD, and nobody is here to agree" in capsys.readouterr().err


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The lab's API, and an environment that leads to it; yields how to make a client."""
    from vpcshark.lab.api.server import ApiServer

    server = ApiServer()
    server.start()
    mine = session("lab", "lab", REGION)
    keys = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_EC2_METADATA_DISABLED": "true"}
    places = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "CACHE", "STATE")}
    for name, value in {**keys, **places, "AWS_ENDPOINT_URL": server.endpoint, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    yield lambda service: mine.client(service, endpoint_url=server.endpoint, config=Config(max_pool_connections=32))
    server.stop()


def test_the_printed_mend_mends_it_in_the_account(account: Any, capsys: pytest.CaptureFixture[str]):
    """And then no rule is in the way; no flow log covers it, so that packets would decide."""
    scene = Scene(account("ec2"), account("elbv2"))
    one_vpc(scene, admitted=False)
    asked = ["why", scene.source, f"{scene.target}:80", "--region", REGION, "--json"]
    assert run(asked) == 1
    mend = json.loads(capsys.readouterr().out)["conclusion"]["mend"]
    mending.run(mend, account)
    assert run(asked) == 3
    found = json.loads(capsys.readouterr().out)
    assert [each["step"] for each in found["steps"]] == ["walk", "evidence"]
    assert "4 not covered" in found["steps"][1]["sentence"]
    assert [each.split()[2] for each in found["captures"][:2]] == [scene.source, scene.target]
    assert all(f"--region {REGION}" in each for each in found["captures"])
