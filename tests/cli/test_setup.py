"""``vpcshark setup``: what is asked, what a flag answers, and that nothing is written or made without a yes."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
import regions
from botocore.exceptions import ClientError
from scenes import Scene, one_vpc

from vpcshark.cli import parsing, rights, statuses
from vpcshark.cli.install import run_command
from vpcshark.cli.questions import Questions
from vpcshark.cli.setup import Seams, Setup
from vpcshark.errors import InputError
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers

REGION = regions.SETUP
NAME = f"web-{uuid.uuid4().hex[:8]}"  # other tests of this process have ENIs in the same account
MOST = 40  # questions, of one conversation
KEYS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not a secret"}


@pytest.fixture(scope="module")
def scene() -> Iterator[tuple[str, Scene]]:
    """An EC2 API, and in it a source with a tagged capture host that its frames reach."""
    from vpcshark.lab.api.server import ApiServer

    server = ApiServer()
    server.start()
    made = one_vpc(Scene(boto3.client("ec2", region_name=REGION, endpoint_url=server.endpoint, **KEYS)))
    made.ec2.create_tags(Resources=[made.source_instance], Tags=[{"Key": "Name", "Value": NAME}])
    made.tag_as_host(made.host)
    yield server.endpoint, made
    server.stop()


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: tuple[str, Scene]) -> Path:
    """A home of its own with two profiles, by the environment that a user would set."""
    own = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("CONFIG", "CACHE", "STATE")}
    said = "".join(f"{name} = {value}\n" for name, value in KEYS.items())
    (tmp_path / "aws").write_text(f"[default]\nregion = us-east-1\n{said}[profile work]\nregion = {REGION}\n{said}")
    aws = {"AWS_ENDPOINT_URL": scene[0], "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": str(tmp_path / "aws")}
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**own, **aws, "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mirroring(made: Scene) -> list[object]:
    """What is there of it. Other tests of this process may have left some in the same account."""
    answers = [getattr(made.ec2, f"describe_traffic_mirror_{kind}")() for kind in ("filters", "targets", "sessions")]
    return [one for answer in answers for one in answer.values() if isinstance(one, list)]


class Assistant:
    """A run with answers of a person's (None: nobody is there) to questions by a word in them."""

    def __init__(self, home: Path, answers: dict[str, str] | None) -> None:
        self.answers, self.said, self.asked = answers, [""], [""]
        self.captured: list[list[str]] = []
        self._home = home

    def run(self, *flags: str) -> int:
        """The status."""
        options: argparse.Namespace = parsing.parser("setup").parse_args(["setup", *flags])
        read = None if self.answers is None else self._read
        seams = Seams(self._tshark, self._home, lambda address, mac: False, self._capture)
        return Setup(options, Questions(read, self.said.append), seams).run()

    def _read(self, question: str) -> str:
        self.asked.append(question)
        assert self.answers is not None
        assert len(self.asked) < 20, self.text
        return next(answer for word, answer in self.answers.items() if word in question)

    def _tshark(self, command: Sequence[str]) -> str:
        if "--version" in command:
            return "TShark (Wireshark) 4.4.2.\n"
        return f"Personal Extcap path:\t{self._home / 'extcap'}\n" if "-G" in command else run_command(command)

    def _capture(self, words: Sequence[str]) -> int:
        self.captured.append([*words])
        return 0

    @property
    def text(self) -> str:
        """All that was said."""
        return "\n".join(self.said)


def files(home: Path) -> set[str]:
    """What there is below the home, but for what every command keeps (log and caches)."""
    found = {str(file.relative_to(home)) for file in home.rglob("*") if file.is_file()}
    return {name for name in found if not name.startswith(("cache/", "state/", "aws"))}


HOW = {"Which profile": "work", "Which region": "", "which ENI": NAME, "packets go": ""}
NO = {**HOW, "Put vpcshark": "n", "Keep": "n", "Capture": "n"}
YES = {**HOW, "Which profile": "2", "Put vpcshark": "y", "Keep": "", "packets go": "1", "Capture": "y"}


def test_who_says_no_to_everything_has_nothing_written_or_made(user: Path, scene: tuple[str, Scene]) -> None:
    """All is told nevertheless: Wireshark, who is signed in, what may be done, what it would cost, and the command."""
    before = mirroring(scene[1])
    assistant = Assistant(user, NO)
    assert assistant.run() == statuses.OK
    assert files(user) == set()
    assert assistant.captured == []
    for said in ("4.4.2", "Signed in as arn:aws:", f"in {REGION}", "yes   mirror an ENI", "About $0.015 an hour"):
        assert said in assistant.text
    assert f"--mode mirror --host {scene[1].host} --profile work -a duration:10 -w first.pcapng" in assistant.text
    assert mirroring(scene[1]) == before


def test_who_says_yes_has_the_launcher_the_settings_the_list_and_a_capture(
    user: Path, scene: tuple[str, Scene]
) -> None:
    """The capture is the one of the command that was shown, behind its price."""
    assistant = Assistant(user, YES)
    assert assistant.run() == statuses.OK
    assert files(user) == {"extcap/vpcshark", "config/vpcshark/config.ini"}
    assert "profiles = work\n" in (user / "config/vpcshark/config.ini").read_text()
    assert f"{{display={NAME} · " in (Answers(os.environ).read(reader.INTERFACES) or "")
    assert [words[:5] for words in assistant.captured] == [
        [scene[1].source, "--mode", "mirror", "--host", scene[1].host],
    ]
    assert assistant.text.index("$0.015 an hour") < assistant.text.index("Look at it with")


def test_every_answer_can_be_a_flag(user: Path) -> None:
    """Then nothing is asked, whether or not somebody is there."""
    flags = ("--install", "--profile", "work", "--region", REGION, "--no-save", "--eni", NAME, "--host", "launch")
    for answers in ({}, None):
        assistant = Assistant(user, answers)
        assert assistant.run(*flags, "--capture", "-w", "x.pcapng") == statuses.OK
        assert assistant.asked == [""]
        assert assistant.captured[0][-1] == "x.pcapng"
        assert "launch" in assistant.captured[0]
    assert files(user) == {"extcap/vpcshark"}


def test_where_nobody_is_nothing_is_written_and_nothing_captured(user: Path) -> None:
    """What may be done is told all the same."""
    assistant = Assistant(user, None)
    assert assistant.run("--profile", "work") == statuses.OK
    assert (files(user), assistant.captured) == (set(), [])
    assert "yes   launch a capture host" in assistant.text


def test_a_capture_that_would_stay_empty_is_not_offered(user: Path, scene: tuple[str, Scene]) -> None:
    """The finding and the command that mends it are."""
    _, made = scene
    made.ec2.revoke_security_group_ingress(GroupId=made.target_group, SecurityGroupRuleIds=[made.rule])
    try:
        assistant = Assistant(user, YES)
        assert assistant.run() == statuses.FAILED
        assert assistant.captured == []
        assert "aws ec2 authorize-security-group-ingress" in assistant.text
    finally:
        made.rule = made.admit(made.target_group, cidr="0.0.0.0/0")


def test_an_answer_that_does_not_fit_is_asked_for_again(user: Path) -> None:
    """With what is wrong with it."""
    wrong = iter(("eu-west-9", REGION))
    assistant = Assistant(user, NO)
    read = assistant._read
    assistant._read = lambda question: next(wrong) if "Which region" in question else read(question)  # type: ignore[method-assign]
    assert assistant.run("--no-capture") == statuses.OK
    assert 'There is no AWS region "eu-west-9". Did you mean' in assistant.text


def test_the_end_of_the_input_is_an_error_with_its_remedy() -> None:
    """Ctrl-D."""

    def read(question: str) -> str:
        raise EOFError

    with pytest.raises(InputError, match="vpcshark setup --help"):
        Questions(read, print).agree("Go on?", None)


@pytest.mark.parametrize(("word", "value"), [("", "b"), ("1", "a"), ("b", "b")])
def test_a_choice_is_a_number_a_word_or_the_usual(word: str, value: str) -> None:
    """And nothing else: 0 and 3 are no numbers of these, c is none of them."""
    typed = iter(["0", "3", "c", word])
    said: list[str] = []
    questions = Questions(lambda question: next(typed), said.append)
    assert questions.choose("Which", "--which", [("a", "A"), ("b", "B")], "b") == value
    assert sum("is none of these" in each for each in said) == 3


def test_who_is_not_asked_has_not_agreed() -> None:
    """Even where Enter would mean yes; a choice without a usual value names its flag."""
    nobody = Questions(None, print)
    assert not nobody.agree("Write it?", None, usual=True)
    assert nobody.agree("Write it?", True)
    with pytest.raises(InputError, match="Give --which"):
        nobody.choose("Which", "--which", [("a", "A"), ("b", "B")])


class Limited:
    """An EC2 that knows one user, who may not do what is in ``denied``."""

    def __init__(self, *denied: str) -> None:
        self.ec2 = self
        self._denied = denied

    def __getattr__(self, name: str) -> Any:
        def call(DryRun: bool, **parameters: Any) -> None:
            assert DryRun is True
            action = "ec2:" + "".join(word.capitalize() for word in name.split("_"))
            code = "UnauthorizedOperation" if name in self._denied else "DryRunOperation"
            said = f"You are not authorized to perform: {action} on resource: arn:aws:ec2:x:1:instance/*"
            raise ClientError({"Error": {"Code": code, "Message": said}}, name)

        return call


@pytest.mark.parametrize(
    ("denied", "refused"),
    [
        ((), {}),
        (("describe_instances",), {"list": ("ec2:DescribeInstances",)}),
        (("create_traffic_mirror_session",), {"mirror": ("ec2:CreateTrafficMirrorSession",)}),
        (("run_instances",), {"launch": ("ec2:RunInstances",)}),
    ],
)
def test_what_is_refused_is_told_of_the_feature_that_needs_it(denied: tuple[str, ...], refused: dict) -> None:
    """By the action's name, as an administrator knows it."""
    judged = rights.judge(Limited(*denied), 0.0)  # type: ignore[arg-type]
    assert {right.feature: right.missing for right in judged if right.missing} == refused
    assert all(right.sentence.startswith("NO" if right.missing else "yes") for right in judged)


def test_the_policies_to_ask_for_are_all_that_is_on_standard_output(
    user: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is a JSON document that IAM takes, for the one account: mirrors, and launched hosts."""
    Assistant(user, None).run("--profile", "work", "--policy")
    text, sids = capsys.readouterr().out, []
    while text.strip():
        document, end = json.JSONDecoder().raw_decode(text)
        text = text[end:].lstrip()
        assert len(json.dumps(document, separators=(",", ":"))) <= 6144
        sids.append({one["Sid"] for one in document["Statement"]})
        assert ":123456789012:" in json.dumps(document)
    assert [("MakeTaggedSessions" in one, "LookAround" in one) for one in sids] == [(True, True), (False, True)]


@pytest.mark.parametrize(("missing", "groups"), [("", 0), ("list", 1), ("mirror", 1), ("launch", 1)])
def test_a_policy_is_asked_for_where_something_is_missing(missing: str, groups: int) -> None:
    """And for that alone."""
    judged = [rights.Right(name, ("x",) if name == missing else ()) for name in ("list", "mirror", "launch")]
    wanted = rights.wanted(judged)
    assert len(wanted) == groups
    assert all(missing in group for group in wanted)


def test_at_a_terminal_it_asks_and_takes_answers(user: Path) -> None:
    """The real command on a pseudo-terminal, and a tshark that is a script."""
    programs = user / "bin"
    programs.mkdir()
    (programs / "tshark").write_text(
        f'#!/bin/sh\ncase "$*" in *folders*) echo "Personal Extcap path: {user}/extcap" ;;\n'
        '*) echo "TShark (Wireshark) 4.4.2." ;; esac\n'
    )
    (programs / "tshark").chmod(0o755)
    command = [sys.executable, "-c", "import sys; from vpcshark.cli import main; sys.exit(main())", "setup"]
    environ = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TERM": "dumb"}
    here, there = pty.openpty()
    process = subprocess.Popen(command, stdin=there, stdout=there, stderr=there, env=environ, close_fds=True)
    os.close(there)
    answers = {
        "interface list? [Y/n]": "n",
        "Which profile": "work",
        "Which region": "",
        "Wireshark's list? [Y/n]": "n",
    }
    try:
        said = _converse(here, {**answers, "From which ENI": NAME, "packets go": "", "[y/N]": "n"})
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert "Nothing was made" in said
    assert files(user) == {"bin/tshark"}


def _converse(terminal: int, answers: dict[str, str]) -> str:
    """Answer each question once it stands there, up to ``MOST``; returns all that was shown."""
    shown, begin, count = "", 0, 0
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while data := os.read(terminal, 4096):
            shown += data.decode(errors="replace")
            asked = shown[begin:] if shown.endswith((": ", "] ")) else ""
            if answer := next((f"{answer}\n" for question, answer in answers.items() if question in asked), ""):
                os.write(terminal, answer.encode())
                begin = len(shown)
                count += 1
                assert count < MOST, shown[-2000:]
    os.close(terminal)
    return shown
