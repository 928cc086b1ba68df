"""How to get the libraries that a part of vpcshark needs, in the way that vpcshark itself was installed.

vpcshark may come from a checkout or a wheel that no index has, so the libraries are named, never ``vpcshark[…]``. Must
not know what they are needed for.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

_EXTRA = re.compile(r"""extra\s*==\s*["']([\w-]+)["']""")


def wanted(extra: str, requirements: Iterable[str] | None = None) -> list[str]:
    """The requirements of an extra, as pip takes them."""
    import importlib.metadata  # 20 ms, which most runs do not need

    said = importlib.metadata.requires("vpcshark") or [] if requirements is None else requirements
    found = []
    for requirement in said:
        what, _, marker = requirement.partition(";")
        if (named := _EXTRA.search(marker)) and named[1] == extra:
            found.append(what.strip())
    return found


def advice(extra: str, requirements: Iterable[str] | None = None, prefix: Path | None = None) -> str:
    """The command that installs them: pipx and uv leave a file in the environments that they make."""
    where = prefix or Path(sys.prefix)
    packages = shlex.join(wanted(extra, requirements))
    if (where / "pipx_metadata.json").exists():
        return f"Run: pipx inject vpcshark {packages}"
    if (where / "uv-receipt.toml").exists():
        return f"Run: uv pip install --python {shlex.quote(sys.executable)} {packages}"
    return f"Run: {shlex.quote(sys.executable)} -m pip install {packages}"
