"""What EC2 Instance Connect and Session Manager refuse of a login. Pure; must not know moto nor machines.

Patterns and lengths as botocore's models of ec2-instance-connect and ssm have them; the parameter of
AWS-StartSSHSession as its document says (``aws ssm get-document --name AWS-StartSSHSession``).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

SSH_DOCUMENT = "AWS-StartSSHSession"
_INSTANCE = re.compile(r"i-[a-f0-9]+")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9@._-]{0,30}[A-Za-z0-9$_-]?")
_KEYS = {"ssh-ed25519", "ssh-rsa"}  # EC2 User Guide, "Push your own public SSH key to an instance"
_PORT = re.compile(r"([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])")
_TARGET = re.compile(r"(i|mi)-[0-9a-f]{8,17}")


def is_push(instance: Any, user: Any, key: Any) -> bool:
    """Does EC2 Instance Connect take such a key for such a user of such an instance?"""
    texts = [str(one or "") for one in (instance, user, key)]
    return bool(_INSTANCE.fullmatch(texts[0]) and _USER.fullmatch(texts[1])) and _is_key(texts[2])


def _is_key(text: str) -> bool:
    kind, _, rest = text.strip().partition(" ")
    if not 80 <= len(text) <= 4096 or kind not in _KEYS:
        return False
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        return False
    return blob[4 : 4 + len(kind)] == kind.encode()


def session_problem(target: Any, parameters: Mapping[str, Sequence[str]]) -> str:
    """Why a session for SSH's bytes is refused, but for who is connected; "" if it is not."""
    if not _TARGET.fullmatch(str(target or "")):
        return "Invalid format for the target."
    unknown = parameters.keys() - {"portNumber"}
    if unknown:
        return f"The document {SSH_DOCUMENT} does not have the parameter {sorted(unknown)[0]}."
    ports = parameters.get("portNumber", ["22"])
    if len(ports) != 1 or not _PORT.fullmatch(ports[0]):
        return "The parameter portNumber does not match its allowedPattern."
    return ""
