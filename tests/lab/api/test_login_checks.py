"""What EC2 Instance Connect and Session Manager refuse of a login."""

from __future__ import annotations

import base64

import pytest

from vpcshark.lab.api.login_checks import is_push, session_problem

INSTANCE = "i-0123456789abcdef0"
KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()
PUSHES = [
    ((INSTANCE, "ec2-user", KEY), True),
    ((INSTANCE, "ec2-user", f"{KEY} a comment"), True),
    (("i-XYZ", "ec2-user", KEY), False),
    (("", "ec2-user", KEY), False),
    ((INSTANCE, "1user", KEY), False),
    ((INSTANCE, "u" * 33, KEY), False),
    ((INSTANCE, "ec2-user", "x" * 100), False),
    ((INSTANCE, "ec2-user", KEY.replace("ssh-ed25519 ", "ssh-dss ")), False),
    ((INSTANCE, "ec2-user", f"ssh-rsa {KEY.split()[1]}"), False),
    ((INSTANCE, "ec2-user", "ssh-ed25519 AAAA"), False),
]


@pytest.mark.parametrize(("push", "is_taken"), PUSHES)
def test_a_key_that_is_pushed_is_one(push: tuple[str, str, str], is_taken: bool) -> None:
    """For a user that Linux could have, of an instance: a public key in OpenSSH's form, of a kind that AWS takes."""
    assert is_push(*push) is is_taken


SESSIONS = [
    (INSTANCE, {}, ""),
    (INSTANCE, {"portNumber": ["22"]}, ""),
    (INSTANCE, {"portNumber": ["65535"]}, ""),
    (INSTANCE, {"portNumber": ["0"]}, "portNumber"),
    (INSTANCE, {"portNumber": ["65536"]}, "portNumber"),
    (INSTANCE, {"portNumber": ["22", "23"]}, "portNumber"),
    (INSTANCE, {"portNumber": ["ssh"]}, "portNumber"),
    (INSTANCE, {"command": ["ls"]}, "command"),
    ("web-1", {}, "target"),
]


@pytest.mark.parametrize(("target", "parameters", "word"), SESSIONS)
def test_session_manager_takes_ssh_to_a_port_alone(target: str, parameters: dict[str, list[str]], word: str) -> None:
    """The document's one parameter is a port; the target is an instance."""
    problem = session_problem(target, parameters)
    assert (word in problem) if word else problem == ""
