"""Questions to an account that cannot be asked at all end in one sentence, and status 3: 1 would be a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from refusing import Refusal

from vpcshark.cli.main import run
from vpcshark.errors import AwsError
from vpcshark.survey import asking

QUESTIONS = [("walk", "10.0.0.1", "10.0.0.2:80"), ("walk", "--from", "a", "--to", "b:80"), ("why", "a", "b:80")]
QUESTIONS += [(*words, "--json") for words in QUESTIONS]
KEYS = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "x"}
REGION = {"AWS_REGION": "eu-west-1"}


@pytest.fixture
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No credentials and no region, in the environment or in files."""
    import os

    for name in [name for name in os.environ if name.startswith(("AWS_", "VPCSHARK_"))]:
        monkeypatch.delenv(name)
    files = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "CACHE", "STATE")}
    files |= {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    for name, value in {**files, "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("words", QUESTIONS)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (REGION, "No AWS credentials were found."),
        (KEYS, "No AWS region is set."),
        ({**KEYS, **REGION, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "AWS cannot be reached at http://127.0.0.1:9"),
    ],
)
def test_a_question_without_a_way_to_aws_is_one_sentence_and_no_verdict(
    nothing_set: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], given, said: str
):
    """And not an answer that nobody can tell, with packets that would decide."""
    for name, value in given.items():
        nothing_set.setenv(name, value)
    assert run(words) == 3
    out, err = capsys.readouterr()
    assert (out, err.startswith(f"vpcshark: {said}"), err.count("\n")) == ("", True, 1), err


class Account:
    """Each service refuses with its code, or has nothing."""

    def __init__(self, **codes: str) -> None:
        self._codes = codes

    def client(self, service: str) -> Account:
        self._code = self._codes.get(service, "")
        return self

    def can_paginate(self, operation: str) -> bool:
        return False

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> dict[str, Any]:
            if self._code:
                raise Refusal(self._code, operation)
            return {}

        return call


@pytest.mark.parametrize("code", ["ExpiredToken", "RequestExpired", "AuthFailure"])
def test_credentials_that_are_no_good_are_no_unknown_part(code: str):
    with pytest.raises(AwsError):
        asking.put_or_fail([Account(ec2=code)], [("vpc", "vpc-1")])


def test_what_one_call_or_one_of_two_accounts_is_refused_stays_unknown():
    """The rest can be told."""
    _, unknown, _ = asking.put_or_fail([Account(ec2="UnauthorizedOperation")], [("vpc", "vpc-1")])
    assert unknown
    _, unknown, _ = asking.put_or_fail([Account(ec2="ExpiredToken"), Account()], [("vpc", "vpc-1")])
    assert unknown
