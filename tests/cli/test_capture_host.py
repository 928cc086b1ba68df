"""The template of capture hosts is at hand without a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpcshark.cli import packaged
from vpcshark.cli.main import run
from vpcshark.errors import VpcsharkError

TEMPLATE = Path(__file__).parents[2] / "installer" / "cloudformation" / "capture-host.yaml"


def test_it_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """For aws cloudformation deploy."""
    assert run(["capture-host"]) == 0
    assert capsys.readouterr().out == TEMPLATE.read_text("utf-8")


def test_an_installation_that_lacks_a_file_says_so() -> None:
    """With what to do."""
    with pytest.raises(VpcsharkError, match=r"has no installer/none\.yaml\. Install vpcshark again"):
        packaged.find("installer/none.yaml")
