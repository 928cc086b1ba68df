"""What may be a host's or a user's name."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from properties import examples

from vpcshark.errors import InputError
from vpcshark.transport import names

HOSTS = ["web-1", "i-0123456789abcdef0", "10.1.0.5", "2001:db8::1", "fe80::1%eth0", "a_b.example.com", "büro"]
USERS = ["ec2-user", "jane@corp.example.com", "CORP\\jane", "_apt", "a.b"]
NEITHER = [
    "",
    "-x",
    "a b",
    "a\tb",
    "a\nb",
    "a\x00",
    "a\x9b",
    "$(x)",
    "`x`",
    "${x}",
    "a;b",
    "a|b",
    "a&b",
    "a>b",
    "a<b",
    "a'b",
    'a"b',
    "*",
    "?",
    "[a]",
    "~",
    "~a",
    "#a",
    "a/b",
    "..",
    ".",
    "a\\",
    "a\u202e",
    "a\xa0b",
    "\udc80",
    "a" * 256,
]


@pytest.mark.parametrize("text", HOSTS)
def test_a_host_s_name_is_taken(text: str) -> None:
    """As it stands."""
    assert names.HostName(text) == text
    assert names.hosts(text, text) == (text,)


@pytest.mark.parametrize("text", USERS)
def test_a_user_s_name_is_taken(text: str) -> None:
    """As it stands."""
    assert names.UserName(text) == text


@pytest.mark.parametrize("text", NEITHER)
def test_other_text_is_refused_in_one_line(text: str) -> None:
    """Shown so that it does nothing to a terminal."""
    assert names.hosts(text) == ()
    for kind in (names.HostName, names.UserName):
        with pytest.raises(InputError) as caught:
            kind(text)
        assert caught.value.problem.isascii()
        assert caught.value.problem.isprintable()


@settings(max_examples=examples(40), deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6))
@example("a,b")
@example("a@b")
@example("a\\b")
def test_nothing_is_taken_that_openssh_refuses(text: str) -> None:
    """``ssh -G`` says "hostname contains invalid characters", or takes what begins with a minus for an option."""
    if (ssh := shutil.which("ssh")) is None:
        pytest.skip("ssh is not installed")
    if names.is_host(text):
        asked = [ssh, "-G", "-F", "none", text]
        assert subprocess.run(asked, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
