"""How the installed ``ssh`` is to log in, as keywords of ssh_config(5), from what the user's configuration says.

No configuration file is read once more: whatever counts is given, so that it holds for the same host by all of its
names. Pure. Must not know how ssh is started.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vpcshark.transport.ssh_auth import Keys
from vpcshark.transport.ssh_config import NONE, Settings

Option = tuple[str, "str | list[str]"]
"""A keyword with its text as it is, or with arguments that are quoted."""

CONNECT_TIMEOUT = 3  # seconds for TCP and the greeting
LINGER = 15  # seconds that a master waits for somebody who holds on to it
_ALWAYS = {
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "GlobalKnownHostsFile": "/dev/null",  # they are all in the other list
    "IgnoreUnknown": "KnownHostsCommand",  # which is OpenSSH 8.5's
    "ControlMaster": "yes",
    "ControlPersist": str(LINGER),
    "ConnectTimeout": str(CONNECT_TIMEOUT),
    "NumberOfPasswordPrompts": "1",
    "PasswordAuthentication": "no",
    "LogLevel": "VERBOSE",
}
_QUOTED = frozenset(("bindaddress", "bindinterface", "pkcs11provider", "securitykeyprovider", "revokedhostkeys"))


def options(settings: Settings, keys: Keys, dead_after: float) -> Iterator[Option]:
    """All but what is about this one connection: the first of the same keyword counts."""
    yield from _ALWAYS.items()
    yield "ServerAliveInterval", str(max(1, round(dead_after / 4)))
    yield "ServerAliveCountMax", "3"
    if settings.host_key_alias:
        yield "HostKeyAlias", [settings.host_key_alias]
    for keyword, value in settings.passed.items():
        yield keyword, ([value] if keyword in _QUOTED else value)
    yield from _of_keys(settings, keys)


def _of_keys(settings: Settings, keys: Keys) -> Iterator[Option]:
    if keys.only:  # which an agent of ours has
        yield "IdentitiesOnly", "no"
        yield "IdentityFile", NONE
        for key in (name for name in keys.certificates if Path(name).expanduser().exists()):
            yield "CertificateFile", [_path(key)]
        return
    if keys.agent:
        yield "IdentityAgent", [_path(keys.agent)]
    yield "IdentitiesOnly", "yes" if keys.files_only or keys.file else "no"
    for name in [keys.file] if keys.file else keys.files:
        yield "IdentityFile", [_path(name)]
    for name in keys.certificates:
        yield "CertificateFile", [_path(name)]


def _path(name: str) -> str:
    """ssh takes its user's home folder from the account, and ``%`` for a token."""
    return name if name.lower() == NONE else str(Path(name).expanduser()).replace("%", "%%")
