"""Imports paramiko without invoke, which it needs only to read SSH configurations, and we have ``ssh_config`` for that.

invoke is two fifths of paramiko's import, for which a capture's first packet waits. paramiko itself does without where
it is not installed. Import this module before anything that imports paramiko.
"""

from __future__ import annotations

import importlib
import sys

if "paramiko" not in sys.modules and "invoke" not in sys.modules:
    sys.modules["invoke"] = None  # type: ignore[assignment]  # "import invoke" raises ImportError
    try:
        importlib.import_module("paramiko")
    finally:
        sys.modules.pop("invoke", None)
