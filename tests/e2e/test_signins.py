"""A sign-in that does not work any more, as real tshark shows it: in the list, and as the reason why a capture ends."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hands import Lab, wait_until
from signins import KINDS, SHORT, Home, Kind

pytestmark = pytest.mark.e2e
OWN = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
AT_ONCE = ("helper that fails", "role that wants a code")
CLASSES = [
    pytest.param(one, id=one.name, marks=() if one.name in AT_ONCE else pytest.mark.long)
    for one in KINDS
    if one.name in SHORT
]


@pytest.fixture(scope="module")
def home(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Of a user whose keys came by a profile, once."""
    made = Home(tmp_path_factory.mktemp("home"))
    key, secret = (lab.environment[name] for name in OWN)
    made.has(f"aws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    return made


@pytest.fixture(scope="module")
def listed(lab: Lab, home: Home) -> Lab:
    """The lab for that user, who has seen its ENIs in the list."""
    kept = {name: value for name, value in lab.environment.items() if name not in (*OWN, "HOME")}
    return replace(lab, environment={**kept, **home.environment}).listed()


@pytest.mark.thin(8)
@pytest.mark.parametrize("kind", CLASSES)
def test_tshark_tells_why_a_capture_ends(listed: Lab, lab: Lab, home: Home, tmp_path: Path, kind: Kind):
    """On its stderr, whole."""
    eni = lab.eni("web-1")["NetworkInterfaceId"]
    kind.breaks(home)
    done = listed.run("tshark", "-i", eni, "-w", str(tmp_path / "x.pcapng"), timeout=180)
    said = " ".join(done.stderr.split())
    assert "0 packets captured" in said
    for part in kind.parts:
        assert part in said
    assert lab.is_clean()


@pytest.mark.long
def test_tshark_lists_it(listed: Lab, home: Home):
    """As an entry beside what was last known, with the helper's last words."""
    home.has_helper("#!/bin/sh\necho the vault is sealed >&2\nexit 1\n")

    def text() -> str:  # what was answered within the last second is not asked for anew
        listed.run(sys.executable, "-m", "vpcshark.extcap", "--vpcshark-refresh=wait")
        return listed.run("tshark", "-D").stdout

    wait_until(lambda: "the vault is sealed" in text(), "it is listed")
    assert "web-1" in text()
