"""The ways to log in to a host, as far as they lead through the user's SSH configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.capture.connection.ssh_methods import Logins
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.errors import AwsError, TransportError
from vpcshark.transport import ssh_config
from vpcshark.transport.known_hosts import fingerprint

NOWHERE = "127.0.0.2"  # nobody listens there
HOST = CaptureHost("i-0123456789abcdef0", "web-1", "eni-1", NOWHERE)


def logins(folder: Path, text: str = "", **options: object) -> Logins:
    """For the instance web-1, with the SSH configuration ``text``."""
    (folder / "config").write_text(text)
    return Logins(HOST, [NOWHERE], CaptureOptions(**options), config=ssh_config.read([str(folder / "config")]))  # type: ignore[arg-type]


@pytest.fixture
def inetd(tmp_path: Path) -> tuple[str, str]:
    """A real sshd that speaks on its stdin and stdout: its command, and its key's fingerprint."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail("sshd is not installed") if os.environ.get("CI") else pytest.skip("sshd is not installed")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where Debian's sshd drops its privileges to
    key = tmp_path / "host"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (tmp_path / "sshd_config").write_text(f"HostKey {key}\n")
    shown = subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True).stdout
    return f"{program} -i -f {tmp_path / 'sshd_config'}", shown.split()[1]


def test_the_key_to_accept_is_asked_for_by_the_way_that_a_capture_takes(inetd: tuple[str, str], tmp_path: Path) -> None:
    """The SSH configuration's: the address alone may lead nowhere, or to another machine."""
    command, expected = inetd
    key_type, key = logins(tmp_path, f"Host web-1\n  ProxyCommand {command}\n").shown_key()
    assert (key_type, fingerprint(key)) == ("ssh-ed25519", expected)


def test_without_a_configuration_the_address_is_asked(tmp_path: Path) -> None:
    """And if nobody is there, that is said."""
    with pytest.raises(TransportError, match=NOWHERE):
        logins(tmp_path, ssh_port=9).shown_key()


class Ssm:
    """Session Manager for somebody who may start sessions, and not list what it manages."""

    def __init__(self, code: str) -> None:
        self._code = code
        self.asked: list[str] = []

    def describe_instance_information(self, **_: object) -> object:
        raise ClientError({"Error": {"Code": self._code, "Message": "m"}}, "DescribeInstanceInformation")

    def start_session(self, **parameters: object) -> object:
        self.asked.append(str(parameters["Target"]))
        raise ClientError({"Error": {"Code": "TargetNotConnected", "Message": "i-0 is not connected"}}, "StartSession")


@pytest.mark.parametrize(("code", "asked"), [("AccessDeniedException", [HOST.instance]), ("ThrottlingException", [])])
def test_who_may_not_ask_session_manager_may_start_a_session_all_the_same(
    code: str, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then its answer is the reason; any other failure of the question is told."""
    (tmp_path / "session-manager-plugin").write_text("#!/bin/sh\n")
    (tmp_path / "session-manager-plugin").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    service = Ssm(code)
    aws = SimpleNamespace(ssm=service)
    made = Logins(HOST, [NOWHERE], CaptureOptions(ssh_key=str(key)), lambda: aws)  # type: ignore[arg-type,return-value]
    with pytest.raises(AwsError):
        made.session_manager().open()
    assert service.asked == asked


@pytest.mark.parametrize(
    ("config", "options", "command"),
    [
        ("", {}, f"vpcshark trust {HOST.instance}"),
        (
            "",
            {"profile": "my team", "region": "eu-west-1", "ssh_port": 2222, "ssh_known_hosts": "/k"},
            f"vpcshark trust {HOST.instance} --port 2222 --profile 'my team' --region eu-west-1",
        ),
        (
            "Host web-1\n  ProxyJump bastion\n",
            {"ssh_known_hosts": "/k"},
            f"vpcshark trust {HOST.instance} --ssh-known-hosts /k",
        ),
        ("Host web-1\n  HostKeyAlias web\n", {}, f"vpcshark trust {HOST.instance}"),
    ],
)
def test_the_command_that_accepts_a_key_names_what_the_capture_was_given(
    config: str, options: dict[str, object], command: str, tmp_path: Path
) -> None:
    """Else it would look for the instance in another account, or at another port."""
    assert logins(tmp_path, config, **options).accept_command() == command


def test_a_proxys_command_may_lead_to_a_host_without_an_address(tmp_path: Path) -> None:
    """By the instance's id, as Session Manager's does; without such a command there is no way by SSH."""
    (tmp_path / "config").write_text("ProxyCommand exit 3\n")
    bare = CaptureHost(HOST.instance, "web-1", "eni-1", "")
    there = Logins(bare, [], CaptureOptions(), config=ssh_config.read([str(tmp_path / "config")]))
    with pytest.raises(TransportError, match=HOST.instance):
        there.direct()[0].open()
    assert Logins(bare, [], CaptureOptions(), config=ssh_config.read([])).direct() == []
