"""A shell that still has the variables of a lab that was stopped: that is said, and not that a path is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpcshark.aws import client
from vpcshark.aws.errors import of_gone_lab
from vpcshark.aws.inventory import interfaces
from vpcshark.errors import AwsError
from vpcshark.lab import environment

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a lab sets, and nothing of the lab itself; where its folder was."""
    folder = tmp_path / "lab-1"
    for name, value in environment.variables(folder, NOWHERE, "A", "x").items():
        monkeypatch.setenv(name, value)
    return folder


def ask() -> AwsError:
    with pytest.raises(AwsError) as told:
        interfaces.list_enis(client.connect().ec2)
    return told.value


@pytest.mark.parametrize("has_bundle", [True, False])
def test_a_lab_that_was_stopped_is_named_with_what_to_do(left: Path, monkeypatch, has_bundle: bool):
    """By its certificates, where it has some, else by its endpoint, where nobody is."""
    if has_bundle:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(left / "ca.pem"))
    error = ask()
    assert error.problem == "The lab lab-1, to which this shell's environment leads, is not running any more."
    remedy, _, names = error.remedy.partition(" unset ")
    assert remedy == "Open a new shell, or:"
    assert set(environment.variables(left, NOWHERE, "A", "x")) <= set(names.split())


def test_a_lab_whose_folder_is_there_is_not_called_gone(left: Path):
    """Its endpoint may have its reasons."""
    left.mkdir()
    assert ask().problem.startswith(f"AWS cannot be reached at {NOWHERE}")


def test_another_endpoint_or_bundle_is_not_the_labs(left: Path, monkeypatch, tmp_path: Path):
    """Whoever has set his own since is told of that."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "mine.pem"))
    assert "mine.pem (AWS_CA_BUNDLE) cannot be read" in ask().problem
    monkeypatch.delenv("AWS_CA_BUNDLE")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:10")
    assert ask().problem.startswith("AWS cannot be reached at http://127.0.0.1:10")


def test_without_a_lab_nothing_is_said_of_one():
    assert of_gone_lab({}) is None
