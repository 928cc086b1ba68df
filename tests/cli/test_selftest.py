"""``vpcshark selftest`` asks before it makes anything, and says what it needs."""

from __future__ import annotations

import io

import pytest

from vpcshark.cli.main import run

LIVE = ("selftest", "--live")
KEYS = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is at a terminal, and AWS is where nothing answers."""
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_nothing_is_made_without_a_yes(capsys: pytest.CaptureFixture[str]):
    """The price and the time are said first."""
    assert run([*LIVE, "--ssh-from", "203.0.113.7/32"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "$" in told
    assert "deletes itself" in told
    assert "was not agreed to" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--ssh-from"),
        (("--ssh-from", "home"), "no IPv4 block"),
        (("--ssh-from", "203.0.113.7/32", "--minutes", "5"), "--minutes 5"),
        (("--ssh-from", "203.0.113.7/32", "--cidr", "10.0.0.0/24"), "two subnets"),
    ],
)
def test_what_it_needs_is_said(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]):
    assert run([*LIVE, "--yes", *words]) == 2
    assert said in capsys.readouterr().err
