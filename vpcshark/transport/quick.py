"""Imports paramiko without invoke, which it needs for ``Match exec`` in an SSH configuration and for nothing else.

invoke is two fifths of paramiko's import, for which a capture's first packet waits. paramiko itself does without where
it is not installed. Import this module before anything that imports paramiko.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

if "paramiko" not in sys.modules and "invoke" not in sys.modules:
    sys.modules["invoke"] = None  # type: ignore[assignment]  # "import invoke" raises ImportError
    try:
        importlib.import_module("paramiko")
    finally:
        sys.modules.pop("invoke", None)


def allow_exec() -> None:
    """Let paramiko read configurations with ``Match exec``."""
    config: Any = importlib.import_module("paramiko.config")
    if config.invoke is None:
        config.invoke = importlib.import_module("invoke")
