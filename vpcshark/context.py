"""Which prepared answers are the right ones here: those of the same environment. Read by the launcher's rules.

Imports nothing but ``os`` and ``sys``, for the answers must be there before anything else is. Knows no room.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing itself would cost as much as all of this
if TYPE_CHECKING:
    from collections.abc import Mapping

# All that changes an answer: whose account is asked, and what the dialog has as defaults. The launcher has the same
# list in the same order (tests/extcap/test_launcher.py holds them together).
VARIABLES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_EC2",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_VAULT",
    "AWS_ROLE_ARN",
    "XDG_CONFIG_HOME",
    "VPCSHARK_PROFILE",
    "VPCSHARK_REGION",
    "VPCSHARK_MODE",
    "VPCSHARK_DIRECTION",
    "VPCSHARK_NAMES",
    "VPCSHARK_DNS",
    "VPCSHARK_DECAP",
    "VPCSHARK_MIRROR_FILTER",
    "VPCSHARK_HOST",
    "VPCSHARK_CONNECTION",
    "VPCSHARK_HOST_PUBLIC_IP",
    "VPCSHARK_PREFLIGHT",
    "VPCSHARK_OPEN_SECURITY_GROUP",
    "VPCSHARK_LOG_LEVEL",
    "VPCSHARK_FOLLOW",
)
_LENGTH = 16  # characters of an access key's id that are left out: its tail tells accounts apart, and is no key


def context(environ: Mapping[str, str]) -> str:
    """One text that differs where answers may differ."""
    values = [environ.get(name, "") for name in VARIABLES]
    key = environ.get("AWS_ACCESS_KEY_ID", "")
    return "|".join([*values, key[_LENGTH:] if len(key) >= _LENGTH else key])


def slot(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """The folder of this context's answers; "" if there is no home."""
    import hashlib  # here: reading answers goes by their index instead

    root = folder(environ, platform)
    name = hashlib.sha256(context(environ).encode(errors="replace")).hexdigest()[:16]
    return os.path.join(root, name) if root else ""


def folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Where prepared answers are: ``folders.cache()/answers``, found without appdirs; "" if there is no home."""
    home = environ.get("HOME", "")
    if platform == "win32":
        base = environ.get("LOCALAPPDATA", "")
        return os.path.join(base, "vpcshark", "Cache", "answers") if base else ""
    if platform == "darwin":
        return f"{home}/Library/Caches/vpcshark/answers" if home else ""
    named = environ.get("XDG_CACHE_HOME", "")
    base = named if named.startswith("/") else (f"{home}/.cache" if home else "")
    return f"{base}/vpcshark/answers" if base else ""
