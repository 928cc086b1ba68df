"""What the doctor says of a healthy machine, and of each thing that can be broken."""

import argparse
import io
import json
import os
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from vpcshark import logs
from vpcshark.cli.doctor import Doctor, run
from vpcshark.cli.findings import examine
from vpcshark.cli.install import filled_in, install, packaged, run_command
from vpcshark.cli.installation import Installation
from vpcshark.errors import AwsError, VpcsharkError


class Healthy(Doctor):
    """All checks up to AWS are real; the sign-in is invented."""

    def __init__(self, folder, skew=0.0, denied=()):
        super().__init__(run=self.tshark, connect=self.connect)
        self.folder = folder
        self.skew = skew
        self.denied = denied
        self.missing = False
        self.real = set()
        self.refusal = None

    def tshark(self, command):
        """A tshark of 4.2, else the real world."""
        if self.missing and command[0] == "tshark":
            raise VpcsharkError("tshark could not be run: not found.")
        if command[0] in self.real:
            return run_command(command)
        if "--version" in command:
            return "TShark (Wireshark) 4.2.0\n"
        if "-G" in command:
            return f"Personal Extcap path:\t{self.folder / 'extcap'}\n"
        return run_command(command)

    def connect(self, profile, region):
        """An account that needs no network, or the refusal to sign in."""
        if isinstance(self.refusal, AwsError):
            raise self.refusal
        return self

    region = "eu-west-1"

    @property
    def ec2(self):
        """EC2, which judges DryRun."""
        return self

    @property
    def sts(self):
        """STS, which says what time it is also where it refuses."""
        return self

    def get_caller_identity(self):
        """The answer, or what boto3 raises for a refusal with the code ``refusal``."""
        answer = {"Arn": "somebody", "ResponseMetadata": {"HTTPHeaders": {"date": formatdate(time.time() - self.skew)}}}
        if self.refusal:
            raise ClientError({**answer, "Error": {"Code": self.refusal}}, "GetCallerIdentity")
        return answer

    def __getattr__(self, name):
        if not name.startswith(("describe_", "create_", "delete_", "modify_")):
            raise AttributeError(name)

        def call(**parameters):
            assert parameters["DryRun"] is True
            code = "UnauthorizedOperation" if name in self.denied else "DryRunOperation"
            raise AwsError("x", code=code)

        return call


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home of its own, by the environment that a user would set."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def doctor(home):
    """A doctor who finds everything in order."""
    one = Healthy(home)
    install(None, io.StringIO(), one.tshark)
    return one


def problems(doctor):
    """subject -> problem and remedy, of what is wrong."""
    return {found.subject: f"{found.problem} {found.remedy}" for found in examine(doctor.checks()) if found.problem}


def skipped(doctor):
    """The subjects that were not looked at."""
    return {found.subject for found in examine(doctor.checks()) if found.level == "skipped"}


def wireshark(folder, version):
    """Another Wireshark, in a folder of its own."""
    folder.mkdir(parents=True)
    (folder / "wireshark").write_text(f"#!/bin/sh\necho 'Wireshark {version}.'\n")
    (folder / "wireshark").chmod(0o755)


def test_another_wireshark_that_looks_elsewhere_is_told_with_the_command_that_serves_it(doctor, home, monkeypatch):
    """Its version says where it looks; the one that looks where the launcher is has nothing to mend."""
    wireshark(home / "new", "4.6.1")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{home / 'new'}")
    doctor.real = {str(home / "new" / "wireshark")}
    said = problems(doctor)["other Wiresharks"]
    there = home / ".local" / "lib" / "wireshark" / "extcap"
    assert str(there) in said
    assert said.endswith("Run: vpcshark install")
    install(None, io.StringIO(), doctor.tshark)
    assert (there / "vpcshark").exists()
    assert "other Wiresharks" not in problems(doctor)


def test_a_launcher_whose_python_is_gone_is_told_where_another_one_is_in_use(doctor, home):
    """An install for an older Wireshark left it."""
    left = home / ".local" / "lib" / "wireshark" / "extcap" / "vpcshark"
    left.parent.mkdir(parents=True)
    left.write_text(filled_in(packaged().read_text("utf-8"), "/no/such/python"))
    assert "/no/such/python" in problems(doctor)["other launchers"]
    left.write_text(filled_in(packaged().read_text("utf-8"), sys.executable))
    assert "other launchers" not in problems(doctor)


def test_a_packages_launcher_serves_whoever_has_none_of_his_own(doctor, home, tmp_path):
    """It is in Wireshark's own folder, whose name goes by the machine; the user's own is taken first."""
    own = home / "extcap" / "vpcshark"
    for folder in ("usr/lib/x86_64-linux-gnu", "usr/libexec"):
        shared = tmp_path / folder / "wireshark" / "extcap" / "vpcshark"
        shared.parent.mkdir(parents=True)
        here = Installation(doctor.tshark, home, tmp_path)
        assert here.launcher() == f"{own} answers"
        own.rename(shared)
        assert here.launcher() == f"{shared} answers"
        shared.rename(own)
        shared.parent.rmdir()


def test_the_log_is_named(doctor):
    """For whoever is asked for it."""
    said = {found.subject: found.remark for found in examine(doctor.checks())}
    assert said["log"] == logs.used()


def test_a_program_gets_all_findings_as_json(home, capsys, monkeypatch):
    """An object for each check, with its level; the status says that something is to be mended."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(home / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert run(argparse.Namespace(profile="nobody", region="", json=True)) == 1
    found = {one["subject"]: one for one in json.loads(capsys.readouterr().out)}
    assert found["sign-in"]["level"] == "failed"
    assert "nobody" in found["sign-in"]["problem"]
    assert found["permissions"] == {**found["permissions"], "level": "skipped", "problem": ""}


def test_a_healthy_machine_has_nothing_to_mend(doctor):
    """Every check has a remark."""
    found = list(examine(doctor.checks()))
    assert problems(doctor) == {}
    assert len(found) == 12
    assert all(one.remark for one in found)
    assert "14 calls" in found[-1].remark
    assert {one.level for one in found} <= {"ok", "skipped"}
    assert skipped(doctor) <= {"Session Manager"}


def old(launcher):
    launcher.write_text(launcher.read_text() + "# old\n")


def foreign(launcher):
    launcher.write_text("#!/bin/sh\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (Path.unlink, "vpcshark install"),
        (old, "another vpcshark"),
        (foreign, "Move it away"),
        (lambda launcher: launcher.chmod(0o600), "not executable"),
    ],
)
def test_a_launcher_that_will_not_do_is_told_with_its_remedy(doctor, home, damage, words):
    """Missing, old, another's, not executable."""
    damage(home / "extcap" / "vpcshark")
    assert words in problems(doctor)["launcher"]


def test_a_python_that_has_gone_is_told(doctor, home):
    """Upgrades of Python do that."""
    text = filled_in(packaged().read_text("utf-8"), "/no/such/python")
    (home / "extcap" / "vpcshark").write_text(text)
    assert "/no/such/python" in problems(doctor)["Python"]


def test_without_wireshark_the_rest_is_checked_all_the_same(doctor):
    """One failure ends nothing."""
    doctor.missing = True
    assert next(iter(problems(doctor))) == "Wireshark"
    assert len(list(examine(doctor.checks()))) == 12


def test_broken_settings_are_told_with_their_line(doctor, home):
    """As the list would."""
    (home / "vpcshark").mkdir(exist_ok=True)
    (home / "vpcshark" / "config.ini").write_text("[list]\nlimit = x\n")
    assert "line 2" in problems(doctor)["settings"]


def test_what_the_last_list_said_is_told(doctor):
    """With the command that mends it."""
    from vpcshark.extcap.prepared.writer import Answers

    Answers(os.environ).write(
        {"interfaces": "interface {value=aws-problem}{display=AWS: Expired. Run: aws sso login --profile prod}\n"}
    )
    assert "aws sso login --profile prod" in problems(doctor)["prepared answers"]


@pytest.mark.parametrize(("skew", "is_wrong"), [(0, False), (200, False), (300, True), (-7200, True)])
def test_a_clock_that_is_off_is_told(doctor, skew, is_wrong):
    """AWS refuses five minutes."""
    doctor.skew = skew
    assert ("clock" in problems(doctor)) is is_wrong


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "RequestExpired"])
@pytest.mark.parametrize(("skew", "is_wrong"), [(0, False), (3600, True), (-600, True)])
def test_a_sign_in_that_the_clock_spoils_is_not_blamed_on_the_credentials(doctor, code, skew, is_wrong):
    """AWS accepts no signature of a wrong time; its refusal says what time it is."""
    doctor.refusal, doctor.skew = code, skew
    said = problems(doctor)
    assert ("clock" in said) is is_wrong
    assert ("credentials" in said["sign-in"]) is not is_wrong
    assert "clock" in said["sign-in"] if is_wrong else "aws" in said["sign-in"]


def test_missing_permissions_are_named_as_iam_names_them(doctor):
    """So that they can be asked for."""
    doctor.denied = ("create_traffic_mirror_session", "describe_instances")
    said = problems(doctor)["permissions"]
    assert "ec2:DescribeInstances, ec2:CreateTrafficMirrorSession" in said


def test_what_cannot_be_judged_without_a_tagged_mirror_is_no_problem(doctor):
    """A policy that goes by tags, as ours do, refuses the DryRun of what does not exist."""
    doctor.denied = ("delete_traffic_mirror_filter",)
    assert "permissions" not in problems(doctor)
    said = next(finding.remark for finding in examine(doctor.checks()) if finding.subject == "permissions")
    assert "13 calls of a capture are allowed" in said
    assert "ec2:DeleteTrafficMirrorFilter" in said


def test_without_a_sign_in_what_needs_one_says_so(doctor):
    """And the sign-in says why."""
    doctor.refusal = AwsError("The AWS SSO sign-in has expired.", "Run: aws sso login")
    assert set(problems(doctor)) == {"sign-in"}
    assert {"clock", "permissions"} <= skipped(doctor)
    assert "aws sso login" in problems(doctor)["sign-in"]
