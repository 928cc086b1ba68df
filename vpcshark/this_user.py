"""Who runs this program on this machine. Must not know what the name is for."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable


def name(look: Callable[[], str] = getpass.getuser) -> str:
    """As the environment (LOGNAME, USER, …) or the machine's list of users has it; where that has none, as in a
    container that runs as any number (``docker run -u``), the number."""
    try:
        return look()
    except (KeyError, OSError, ImportError):  # no such user, before Python 3.13 and from it on; no pwd on Windows
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
