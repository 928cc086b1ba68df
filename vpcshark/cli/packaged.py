"""Files that come with vpcshark beside its package: launcher, templates. Must not know what is in them."""

from __future__ import annotations

from pathlib import Path

import vpcshark
from vpcshark.errors import VpcsharkError


def find(place: str) -> Path:
    """The file that a checkout has at ``place`` (extcap/vpcshark), and an installation in share/vpcshark.
    VpcsharkError."""
    checkout = Path(vpcshark.__file__).parents[1]
    if (checkout / "setup.cfg").is_file() and (checkout / place).is_file():
        return checkout / place
    import importlib.metadata  # reads ZIP files and letters too; every command comes by here

    for file in importlib.metadata.files("vpcshark") or []:
        if str(file.as_posix()).endswith(f"share/vpcshark/{place}"):
            return Path(str(file.locate()))
    raise VpcsharkError(f"This installation of vpcshark has no {place}.", "Install vpcshark again with pip.")
