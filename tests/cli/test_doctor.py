"""What the doctor says of a healthy machine, and of each thing that can be broken."""

import io
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from vpcshark.cli.doctor import Doctor, examine
from vpcshark.cli.install import filled_in, install, packaged, run_command
from vpcshark.errors import AwsError, VpcsharkError


class Healthy(Doctor):
    """All checks up to AWS are real; the sign-in is invented."""

    def __init__(self, folder, skew=0.0, denied=()):
        super().__init__(run=self.tshark, connect=self.connect)
        self.folder = folder
        self.skew = skew
        self.denied = denied
        self.missing = False
        self.refusal = None

    def tshark(self, command):
        """A tshark of 4.2, else the real world."""
        if self.missing and command[0] == "tshark":
            raise VpcsharkError("tshark could not be run: not found.")
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
    return {found.subject: f"{found.problem} {found.remedy}" for found in examine(doctor) if found.problem}


def test_a_healthy_machine_has_nothing_to_mend(doctor):
    """Every check has a remark."""
    found = list(examine(doctor))
    assert problems(doctor) == {}
    assert len(found) == 8
    assert all(one.remark for one in found)
    assert "14 calls" in found[-1].remark


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
    assert len(list(examine(doctor))) == 8


def test_broken_settings_are_told_with_their_line(doctor, home):
    """As the list would."""
    (home / "vpcshark").mkdir(exist_ok=True)
    (home / "vpcshark" / "config.ini").write_text("[list]\nlimit = x\n")
    assert "line 2" in problems(doctor)["settings"]


def test_what_the_last_list_said_is_told(doctor):
    """With the command that mends it."""
    import os

    from vpcshark.extcap.answers import Answers

    Answers(os.environ).write(
        {"interfaces": "interface {value=vpcshark-problem}{display=AWS: Expired. Run: aws sso login --profile prod}\n"}
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
    said = next(finding.remark for finding in examine(doctor) if finding.subject == "permissions")
    assert "13 calls of a capture are allowed" in said
    assert "ec2:DeleteTrafficMirrorFilter" in said


def test_without_a_sign_in_what_needs_one_says_so(doctor):
    """And the sign-in says why."""
    doctor.refusal = AwsError("The AWS SSO sign-in has expired.", "Run: aws sso login")
    assert set(problems(doctor)) == {"sign-in", "clock", "permissions"}
    assert "aws sso login" in problems(doctor)["sign-in"]
