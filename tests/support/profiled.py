"""Wireshark's own folder with our profile in it, for tests that look at real windows."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from pathlib import Path

import gui

from vpcshark.cli import wireshark_profile


def with_profile(folder: Path, hidden: Mapping[str, str]) -> Path:
    """Wireshark's own folder, with our profile in it; what the tests hide from the list is hidden there too."""
    shipped = subprocess.run(["tshark", "-G", "folders"], capture_output=True, text=True, check=True).stdout
    told = [line for line in shipped.splitlines() if line.startswith("Global configuration")]
    said = "\n".join([f"Personal configuration:\t{folder / 'profile'}", *told])
    profile = wireshark_profile.install(io.StringIO(), lambda command: said)
    with (profile / "preferences").open("a") as file:
        file.writelines(f"{name}: {value}\n" for name, value in {**gui.PREFERENCES, **hidden}.items())
    return folder
