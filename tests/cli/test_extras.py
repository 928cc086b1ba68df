"""What is to be installed for a part that needs more, by pip, pipx and uv."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vpcshark.cli import extras, lab
from vpcshark.errors import VpcsharkError

REQUIREMENTS = ("boto3>=1.34", "lz4>=4.3; extra == 'packed'", 'moto[ec2,iam]>=5.2; extra == "lab"')


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("", f"{sys.executable} -m pip install 'moto[ec2,iam]>=5.2'"),
        ("pipx_metadata.json", "pipx inject vpcshark 'moto[ec2,iam]>=5.2'"),
        ("uv-receipt.toml", f"uv pip install --python {sys.executable} 'moto[ec2,iam]>=5.2'"),
    ],
)
def test_the_command_is_of_what_vpcshark_was_installed_with(tmp_path: Path, file: str, command: str):
    """Each leaves its own file in the environment."""
    if file:
        (tmp_path / file).touch()
    assert extras.advice("lab", REQUIREMENTS, tmp_path) == f"Run: {command}"


@pytest.mark.parametrize("extra", ["lab", "packed"])
def test_the_packages_are_those_of_our_own_metadata(extra: str):
    """And none of them is vpcshark, which no index has."""
    packages = extras.wanted(extra)
    assert packages
    assert not [one for one in packages if one.startswith("vpcshark")]


@pytest.mark.parametrize("missing", ["moto", "flask", "flask_cors"])
def test_a_lab_without_its_packages_says_how_to_get_them(missing: str):
    """Before its process is started, which alone imports them."""
    with pytest.raises(VpcsharkError, match=f"not installed .{missing}.*moto") as caught:
        lab.check_packages(lambda name: None if name == missing else name)
    assert caught.value.remedy == extras.advice("lab")
    lab.check_packages()


def test_no_message_names_a_package_that_is_not_published():
    """``pip install vpcshark`` would fetch somebody else's."""
    root = Path(extras.__file__).parents[2]
    texts = [*(root / "vpcshark").rglob("*.py"), *(root / "extcap").iterdir()]
    for path in texts:
        said = path.read_text("utf-8")
        assert "pip install vpcshark" not in said, path
        assert "Install vpcshark[" not in said, path
