"""Which user logged in to an instance the last time, in a file of the user's cache.

Must not know how anybody logs in.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from vpcshark import folders

log = logging.getLogger(__name__)
_MOST_USERS = 200


def user_of(instance: str, file: Path | None = None) -> str:
    """Who logged in there the last time; "" if nobody did."""
    return _users(file or _users_file()).get(instance, "")


def note_user(instance: str, user: str, file: Path | None = None) -> None:
    """``user`` logged in there. A disk that takes no note is done without."""
    file = file or _users_file()
    known = _users(file)
    if known.get(instance) == user:
        return
    known = {instance: user, **{one: name for one, name in known.items() if one != instance}}
    try:
        folders.write_whole(file, json.dumps(dict([*known.items()][:_MOST_USERS])).encode())
    except OSError as error:
        log.info("The login user is not remembered: %s", error)


def _users_file() -> Path:
    return folders.cache() / "users"


def _users(file: Path) -> dict[str, str]:
    try:
        return {str(instance): str(user) for instance, user in json.loads(file.read_bytes()).items()}
    except (OSError, ValueError, AttributeError):
        return {}
