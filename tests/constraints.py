"""Prints the versions of all that is installed beside vpcshark: constraints.txt, with which CI installs."""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions

OURS = {"vpcshark", "pip", "setuptools", "wheel"}
NOT_ON_310 = {"networkx", "numpy"}  # their newest needs Python 3.11; there any version will do
HEAD = """\
# What CI installs: the versions with which this revision is known to pass on Python 3.11 and 3.13. "make check-latest"
# tries the newest instead; "make constraints" writes this file.
"""


def lines() -> list[str]:
    """``name==version``, sorted."""
    found = {re.sub(r"[-_.]+", "-", each.name).lower(): each.version for each in distributions()}
    return [
        f"{name}=={version}" + ('; python_version >= "3.11"' if name in NOT_ON_310 else "")
        for name, version in sorted(found.items())
        if name not in OURS
    ]


if __name__ == "__main__":
    sys.stdout.write(HEAD + "\n".join(lines()) + "\n")
