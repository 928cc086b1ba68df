"""Every command, with an account and a host whose every word is hostile: what reaches stdout, stderr and the log."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import hostile
import packets
import pytest
import walk as walking

from vpcshark.cli.commands import COMMANDS
from vpcshark.wire.capture_files import pcapng

REGION = "eu-central-1"
SERVE = """
import dataclasses, json, sys
import boto3
from vpcshark.lab.api import moto_ec2
from vpcshark.lab.api.server import ApiServer
from vpcshark.lab.seed import Seeder

server = ApiServer()
server.start()
keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not a secret"}
ec2 = boto3.client("ec2", region_name=sys.argv[1], endpoint_url=server.endpoint, **keys)
world = Seeder(ec2, moto_ec2.mark_managed).loopback()
print(json.dumps({"endpoint": server.endpoint, "world": dataclasses.asdict(world)}), flush=True)
sys.stdin.read()
server.stop()
"""
SHOWN = 20_000
"""No command shows more bytes than that of an account and a host that have little to say."""


UNFIT = [
    ("negative", "mirror"),
    ("time", "mirror"),
    ("endless", "mirror"),
    ("endless", "tcpdump"),
    ("asked", "tcpdump"),
]
"""(what a host says, the mode of the capture)"""


@dataclass
class Shown:
    """What one step showed."""

    status: int
    out: bytes
    err: bytes


@dataclass
class Walked:
    """What all steps showed, the log of all of them, and what they left in the account."""

    steps: dict[str, Shown]
    log: bytes
    left: list[str]

    def of(self, command: str) -> dict[str, Shown]:
        """The steps of one command."""
        return {name: shown for name, shown in self.steps.items() if name.partition(".")[0] == command}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """The walk over all commands."""
    folder = tmp_path_factory.mktemp("walk")
    with hostile.account(SERVE, REGION) as (account, lab):
        source, other = lab["world"]["instances"][:2]
        colleague(lab["endpoint"])
        with hostile.host(source["enis"][0]["mac"]) as host:
            account.on_host = host.say
            steps = planned(folder, source, other, host)
            done = subprocess.run(
                [sys.executable, walking.__file__],
                cwd=folder,
                env=environment(folder, account.endpoint),
                input=json.dumps(steps),
                text=True,
                capture_output=True,
                timeout=400,
            )
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        left = standing(lab["endpoint"])
    log = read(folder.glob("**/vpcshark.log*"))
    return Walked({name: shown(folder, name) for name, _, _ in steps}, log, left)


def colleague(endpoint: str) -> None:
    """A capture of somebody else's whose tags are hostile, but for its id: other text there makes no capture."""
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not a secret"}
    ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=endpoint, **keys)
    said = {"Name": "", "vpcshark:owner": "", "vpcshark:expires": "2020-01-01T00:00:00Z "}
    tags = [{"Key": key, "Value": (value + hostile.IN_XML)[:250]} for key, value in said.items()]
    tags.append({"Key": "vpcshark:capture", "Value": "c-hostile"})
    ec2.create_traffic_mirror_filter(
        Description=hostile.IN_XML, TagSpecifications=[{"ResourceType": "traffic-mirror-filter", "Tags": tags}]
    )


def standing(endpoint: str) -> list[str]:
    """The mirror resources that there are."""
    keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not a secret"}
    ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=endpoint, **keys)
    kinds = ("Session", "Target", "Filter")
    answers = [(kind, getattr(ec2, f"describe_traffic_mirror_{kind.lower()}s")()) for kind in kinds]
    return [one[f"TrafficMirror{kind}Id"] for kind, answer in answers for one in answer[f"TrafficMirror{kind}s"]]


def planned(folder: Path, source: dict, other: dict, host: hostile.HostileHost) -> list[tuple[str, str, list[str]]]:
    """(name, mode of the account, argv) of each step; a name begins with its command."""
    eni, instance = source["enis"][0]["id"], other["id"]
    ssh = ["--connection", "ssh", "--ssh-port", str(host.port), "--ssh-key", str(host.key), "--ssh-user", me()]
    ssh += ["--ssh-known-hosts", str(host.known_hosts)]
    capture = ["capture", eni, "-w", "out.pcapng", *ssh]
    asking = {
        "interfaces": ["interfaces"],
        "interfaces.json": ["interfaces", "--json"],
        "preflight": ["preflight", eni, "--host", instance],
        "preflight.json": ["preflight", eni, "--json"],
        "walk": ["walk", eni, f"{other['id']}:80"],
        "walk.json": ["walk", eni, f"{other['id']}:80", "--no-return", "--json"],
        "why": ["why", eni, f"{other['id']}:80", "--all", "--file", odd_answers(folder)],
        "why.missing": ["why", f"{hostile.EVIL}".replace("\0", ""), f"{other['id']}:80"],
        "why.json": ["why", eni, f"{other['id']}:80", "--json"],
        "flowlogs.where": ["flowlogs", "where", eni],
        "flowlogs.where.json": ["flowlogs", "where", eni, "--json"],
        "metrics": ["metrics", "tgw-0123456789abcdef0"],
        "ps": ["ps"],
        "ps.json": ["ps", "--json"],
        "cleanup": ["cleanup", "--expired", "--dry-run"],
        "trust": ["trust", instance, "--port", str(host.port)],
        "cleanup.json": ["cleanup", "--expired", "--dry-run", "--json"],
        "doctor": ["doctor"],
        "setup": ["setup", "--eni", eni, "--host", instance],
        "selftest": ["selftest", "--clean"],
        "doctor.json": ["doctor", "--json"],
        "capture.tcpdump": [*capture, "--mode", "tcpdump"],
        "capture.mirror": [*capture, "--mode", "mirror", "--host", instance, "--no-preflight"],
        "demo": ["demo", "--inside", "--seconds", "10"],
        "extcap.list": ["extcap", "--list"],
        "extcap.reload": ["extcap", "--extcap-interface", eni, "--extcap-config", "--extcap-reload-option", "host"],
    }
    alone = {
        "lab": ["lab", "status"],
        "install": ["install", "--dir", str(folder / "extcap")],
        "install.asking": ["install"],
        "uninstall": ["uninstall"],
        "config": ["config"],
        "iam-policy": ["iam-policy"],
        "capture-host": ["capture-host"],
        "completion": ["completion", "bash"],
        "explain": ["explain", "tcp", "port", "80"],
        "flowlogs": ["flowlogs", "show", odd_records(folder)],
        "decap": ["decap", odd_file(folder), "decap.pcapng"],
        "diagnose": ["diagnose", odd_answers(folder)],
        "diagnose.json": ["diagnose", "--json", odd_answers(folder)],
        "diagnose.missing": ["diagnose", f"{hostile.EVIL}".replace("\0", "")],
        "decap.missing": ["decap", f"{hostile.EVIL}".replace("\0", ""), "decap.pcapng"],
    }
    refusing = {name: argv for name, argv in asking.items() if name not in ("demo", "capture.tcpdump", "extcap.list")}
    refusing = {name: argv for name, argv in refusing.items() if not name.endswith(".json")}
    modes = {"refusing": refusing, "endless": {name: asking[name] for name in ("ps", "capture.mirror")}}
    modes["garbage"] = {"interfaces": asking["interfaces"]}
    steps = [(name, "tags", argv) for name, argv in {**alone, **asking}.items()]
    for kind, mode in UNFIT:
        steps.append((f"capture.{mode}.host-{kind}", f"tags.{kind}", asking[f"capture.{mode}"]))
    return steps + [(f"{name}.{mode}", mode, argv) for mode, some in modes.items() for name, argv in some.items()]


def odd_file(folder: Path) -> str:
    """A capture without VXLAN, by a hostile name, all of whose texts are hostile."""
    file = folder / f"{hostile.MARK}[\x2fx]".replace("/", "\u2215")
    text = hostile.EVIL.encode()
    options = b"".join(pcapng.option(code, text) for code in (1, 2, 3))
    section = pcapng.block(pcapng.SECTION, pcapng.struct.pack("<IHHq", pcapng.BYTE_ORDER_MAGIC, 1, 0, -1) + options)
    file.write_bytes(section + pcapng.interface_description("x") + pcapng.enhanced_packet(0, 1, bytes(60), 60))
    return str(file)


def odd_records(folder: Path) -> str:
    """A flow log all of whose words are hostile, and a line that is none."""
    file = folder / "flows.log"
    word = "".join(hostile.EVIL.split())
    record = f"2 1 {word} 10.0.0.1 {word} 1 2 6 {word} 4 5 6 {word} OK"
    file.write_bytes(f"{record}\n{hostile.EVIL}\n".encode())
    return str(file)


def odd_answers(folder: Path) -> str:
    """A capture of DNS answers about a name that is hostile."""
    name = hostile.EVIL.encode()[:120]
    labels = b"".join(bytes([len(part)]) + part for part in (name[at : at + 40] for at in range(0, len(name), 40)))
    question = labels + b"\0\0\x01\0\x01"
    story = packets.Story()
    story.udp(packets.CLIENT, packets.SERVER, (4000, 53), struct.pack(">6H", 7, 0x0100, 1, 0, 0, 0) + question)
    story.wait(0.01).udp(
        packets.SERVER, packets.CLIENT, (53, 4000), struct.pack(">6H", 7, 0x8182, 1, 0, 0, 0) + question
    )
    file = folder / "answers.pcap"
    file.write_bytes(story.pcap())
    return str(file)


def me() -> str:
    """Whoever runs this."""
    return subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()


def environment(folder: Path, endpoint: str) -> dict[str, str]:
    """Of somebody whose files are all in ``folder``, and whose tshark is hostile as well."""
    programs = folder / "bin"
    programs.mkdir()
    said = folder / "said"
    said.write_bytes(hostile.EVIL.encode())
    tshark = programs / "tshark"
    tshark.write_text(
        f'#!/bin/sh\ncase "$*" in\n*-w*) : >demo.pcapng ;;\n*-r*) cat "{said}" ;;\n'
        f'*--version*) cat "{said}" ;;\n*) cat "{said}" >&2; exit 1 ;;\nesac\n'
    )
    tshark.chmod(0o755)
    (folder / ".ssh").mkdir(mode=0o700)
    (folder / ".ssh" / "config").write_text("Host *\n  HostName 127.0.0.1\n")
    settings = folder / "config" / "vpcshark"
    settings.mkdir(parents=True)
    (settings / "config.ini").write_text(f"# {hostile.MARK}\x1b]0;owned\x07\x9b\u202e\n[defaults]\n", "utf-8")
    places = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("CONFIG", "CACHE", "STATE")}
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "VPCSHARK_", "SSH_"))},
        **places,
        "HOME": str(folder),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "not a secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }


def shown(folder: Path, name: str) -> Shown:
    status = int((folder / f"{name}.status").read_text().split()[0])
    return Shown(status, (folder / f"{name}.out").read_bytes(), (folder / f"{name}.err").read_bytes())


def read(files: Iterator[Path]) -> bytes:
    return b"".join(file.read_bytes() for file in files)


@pytest.mark.parametrize("command", [*COMMANDS, "extcap"])
def test_no_hostile_text_reaches_a_terminal(walked: Walked, command: str) -> None:
    """No control, no direction, no invisible character, no markup that acts, nothing endless, no traceback."""
    steps = walked.of(command)
    assert steps, f"the walk passes by vpcshark {command}"
    for name, step in steps.items():
        for stream in (step.out, step.err):
            assert not hostile.harm(stream), name
            assert command == "demo" or not hostile.forged(stream), name  # it shows the lines of tshark
            assert len(stream) < SHOWN, name
        assert not any(
            word in step.err for word in (b"Traceback", b"MarkupError", b"bug in vpcshark", b"unexpectedly")
        ), name


def test_the_walk_meets_what_is_hostile(walked: Walked) -> None:
    """Else it would prove nothing: each of these commands shows some of it, markup as it is written."""
    silent = {"lab", "install", "uninstall", "iam-policy", "capture-host", "explain", "completion"}
    silent.add("metrics")  # numbers under names of ours; this account has none
    for command in {*COMMANDS, "extcap"} - silent:
        texts = b"".join(step.out + step.err for step in walked.of(command).values()).decode()
        assert hostile.MARK in texts, command
    assert hostile.MARKUP in walked.steps["interfaces"].out.decode()
    assert hostile.MARKUP in walked.steps["ps"].out.decode()


def test_no_hostile_text_reaches_the_log(walked: Walked) -> None:
    """Nor does one look like a message of ours."""
    assert hostile.MARK.encode() in walked.log
    assert not hostile.harm(walked.log)
    assert not hostile.forged(walked.log)
    assert b"unexpectedly" not in walked.log


@pytest.mark.parametrize("name", ["interfaces.json", "ps.json"])
def test_json_is_harmless_and_says_all(walked: Walked, name: str) -> None:
    """Scripts get every character, as an escape where a terminal must not."""
    assert "\x9b2J\x85\u202edb\u2066" in json.dumps(json.loads(walked.steps[name].out), ensure_ascii=False)


@pytest.mark.parametrize(("kind", "mode"), UNFIT)
def test_a_capture_ends_with_the_host_that_says_what_does_not_fit(walked: Walked, kind: str, mode: str) -> None:
    """With its name and a status, and the account as it was: only the colleague's filter stands."""
    step = walked.steps[f"capture.{mode}.host-{kind}"]
    assert step.status == 1
    assert re.search(rb"vpcshark: .*ssh \S+@127\.0\.0\.1\S* (sends what no|answers what no)", step.err), step.err
    assert len(walked.left) == 1
