"""A sign-in that does not work, as real tshark shows it: in the list, and as the reason why a capture ends."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hands import Lab
from signins import KINDS, SHORT, Home, Kind

pytestmark = pytest.mark.e2e
CLASSES = [one for one in KINDS if one.name in SHORT]


@pytest.fixture
def signed_in_by_profile(clean_lab: Lab, tmp_path: Path) -> tuple[Lab, Home]:
    """The lab for a user whose keys come by a profile."""
    home = Home(tmp_path)
    tmp_path.chmod(0o755)
    bare = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HOME")
    kept = {name: value for name, value in clean_lab.environment.items() if name not in bare}
    return replace(clean_lab, environment={**kept, **home.environment}), home


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.name)
def test_tshark_tells_why_a_capture_ends(clean_lab: Lab, signed_in_by_profile, tmp_path: Path, kind: Kind):
    """On its stderr, whole."""
    lab, home = signed_in_by_profile
    eni = clean_lab.eni("web-1")["NetworkInterfaceId"]
    kind.breaks(home)
    done = lab.run("tshark", "-i", eni, "-w", str(tmp_path / "x.pcapng"), timeout=180)
    said = " ".join(done.stderr.split())
    assert done.returncode != 0
    for part in kind.parts:
        assert part in said


def test_tshark_lists_it(signed_in_by_profile):
    """As an entry, with the helper's last words."""
    lab, home = signed_in_by_profile
    home.has_helper("#!/bin/sh\necho the vault is sealed >&2\nexit 1\n")
    lab.run(sys.executable, "-m", "vpcshark.extcap", "--vpcshark-refresh=wait")
    assert "the vault is sealed" in lab.run("tshark", "-D").stdout
