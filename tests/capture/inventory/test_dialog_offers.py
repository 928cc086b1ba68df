"""What a selector of the dialog offers, of the real services: for an ENI, for a named capture, for the entry that
chooses an ENI."""

from __future__ import annotations

import pytest

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.services import Services

PROFILES = """\
[default]
region = eu-west-1
[profile prod]
region = cn-north-1
"""
SETTINGS = "[capture web]\nenis = eni-0a\nprofile = prod\n"


@pytest.fixture
def offered(tmp_path, monkeypatch):
    """The values that a selector offers for an interface, to a user who has two profiles and a named capture. AWS is
    asked for none of it."""
    for name in ("CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "profiles"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    (tmp_path / "profiles").write_text(PROFILES)
    keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = not a secret\n"
    (tmp_path / "credentials").write_text(f"[default]\n{keys}[prod]\n{keys}")
    settings = tmp_path / "CONFIG" / "vpcshark" / "config.ini"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS)

    def offered(name: str, interface: str, **options: str) -> list[str]:
        return [value for value, _ in Services().values(name, interface, CaptureOptions(**options))]

    return offered


@pytest.mark.parametrize("interface", ["aws-choose", "aws-web", "eni-0a"])
def test_whatever_the_interface_a_selector_offers_its_own_values(offered, interface):
    """The profiles under "profile", not nothing."""
    assert offered("profile", interface) == ["default", "prod"]


def test_the_regions_are_those_of_the_place_that_is_meant(offered):
    """What the dialog says, else the named capture's own profile, else as the AWS command line chooses. China's regions
    are another partition's."""
    assert {"eu-west-1", "us-east-1"} <= set(offered("region", "aws-choose"))
    assert "cn-north-1" in offered("region", "aws-choose", profile="prod")
    assert "cn-north-1" in offered("region", "aws-web")
    assert "cn-north-1" not in offered("region", "aws-web", profile="default")
