"""What the user's ~/.ssh/config says of a host (ssh_config(5)), as far as it makes a difference here.

Must not know how a connection is made of it.
"""

from __future__ import annotations

import getpass
import io
import logging
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paramiko

from vpcshark.transport import quick

log = logging.getLogger(__name__)
_EXEC = re.compile(r"^\s*match\b.*\bexec\b", re.IGNORECASE | re.MULTILINE)
FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")


@dataclass(frozen=True)
class Settings:
    """Of one host; "" and () where the configuration says nothing. ``jumps`` are ``[user@]host[:port]``, the nearest
    first; ``proxy_command`` is an argument vector; ``host_key_alias`` is the host's name in known_hosts."""

    address: str = ""
    user: str = ""
    port: int = 0
    key_files: tuple[str, ...] = ()
    identities_only: bool = False
    jumps: tuple[str, ...] = ()
    proxy_command: tuple[str, ...] = ()
    known_hosts_files: tuple[str, ...] = ()
    host_key_alias: str = ""


def read(files: Sequence[str] = FILES) -> paramiko.SSHConfig:
    """The files' directives; the first one that says something counts. What can't be read is left out, and logged."""
    config = paramiko.SSHConfig()
    for name in files:
        path = Path(name).expanduser()
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
            if _EXEC.search(text):
                quick.allow_exec()
            config.parse(io.StringIO(text))
        except OSError as exc:
            log.debug("%s is not read: %s.", path, exc.strerror)
        except (paramiko.SSHException, ValueError) as exc:
            log.warning("%s is left out: %s.", path, exc)
    return config


def lookup(config: paramiko.SSHConfig, names: Sequence[str]) -> Settings:
    """The settings of the host that has all these ``names`` (its id, its Name tag, its address); what is said of the
    first name counts before what is said of the next."""
    merged: dict[str, str | list[str]] = {}
    for name in names:
        if not name or any(character.isspace() for character in name):
            continue
        try:
            found = dict(config.lookup(name))
        except (paramiko.SSHException, ValueError) as exc:
            log.warning("The SSH configuration for %s cannot be used: %s.", name, exc)
            continue
        if found.get("hostname") == name:
            del found["hostname"]
        merged = {**found, **merged}
    return _settings(merged)


def _settings(found: dict[str, str | list[str]]) -> Settings:
    jumps = [jump for jump in _text(found, "proxyjump").split(",") if jump and jump.lower() != "none"]
    command = _text(found, "proxycommand")
    return Settings(
        address=_text(found, "hostname"),
        user=_text(found, "user"),
        port=int(port) if (port := _text(found, "port")).isdecimal() else 0,
        key_files=tuple(found.get("identityfile") or ()),
        identities_only=_text(found, "identitiesonly").lower() == "yes",
        jumps=tuple(jumps),
        proxy_command=("sh", "-c", f"exec {command}") if command and command.lower() != "none" else (),
        known_hosts_files=tuple(shlex.split(_text(found, "userknownhostsfile"))),
        host_key_alias=_text(found, "hostkeyalias"),
    )


def _text(found: dict[str, str | list[str]], name: str) -> str:
    value = found.get(name) or ""
    return value if isinstance(value, str) else value[0]


def split_jump(jump: str) -> tuple[str, str, int]:
    """``[user@]host[:port]`` (or ``ssh://…``) -> user or "", host, port or 0."""
    user, _, rest = jump.strip().removeprefix("ssh://").rpartition("@")
    host, colon, port = rest.rpartition(":")
    if colon and port.isdecimal() and (host.count(":") == 0 or host.endswith("]")):
        return user, host.strip("[]"), int(port)
    return user, rest.strip("[]"), 0


def local_user() -> str:
    """Who we are here, as ssh(1) takes it where nothing else is said."""
    return getpass.getuser()
