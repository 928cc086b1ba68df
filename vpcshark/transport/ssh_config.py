"""What the user's ~/.ssh/config says of a host (ssh_config(5)), as far as it makes a difference here.

Must not know how a connection is made of it.
"""

from __future__ import annotations

import getpass
import io
import logging
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import paramiko

from vpcshark.errors import Hopeless, InputError
from vpcshark.transport import quick
from vpcshark.transport.names import HostName, UserName

log = logging.getLogger(__name__)
_EXEC = re.compile(r"^\s*match\b.*\bexec\b", re.IGNORECASE | re.MULTILINE)
FILES = ("~/.ssh/config", "/etc/ssh/ssh_config")
_NOBODY = "\x01"  # a name that only patterns for every host match
_ADDRESS = re.compile(r"[0-9.]+|[0-9a-fA-F:]+:[0-9a-fA-F:.]*")
_WAYS = {"proxyjump", "proxycommand"}
_LISTS = ("identityfile",)
Found = dict[str, str | list[str]]


@dataclass(frozen=True)
class Settings:
    """Of one host; "" and () where the configuration says nothing. ``jumps`` are ``[user@]host[:port]``, the nearest
    first; ``proxy_command`` is an argument vector; ``host_key_alias`` is the host's name in known_hosts."""

    address: HostName | None = None
    user: UserName | None = None
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


def lookup(config: paramiko.SSHConfig, names: Sequence[HostName]) -> Settings:
    """The settings of the host that has all these ``names`` (its id, its Name tag, its address); what is said of the
    first name counts before what is said of the next, and what is said of every host (``Host *``) comes last."""
    everybody = _found(config, _NOBODY)
    answers = {name: _found(config, name) for name in names}
    specific = {name: _specific(found, everybody, name) for name, found in answers.items()}
    speaking = next((name for name in answers if specific[name]), None) or _first_address(answers)
    general = {} if speaking is None else answers[speaking]  # for its name is in a %h
    merged: Found = {}
    for found in specific.values():
        merged = {**found, **merged, **_joined(merged, found)}
    if _WAYS & merged.keys():  # ssh(1) takes the first of the two
        general = {key: value for key, value in general.items() if key not in _WAYS}
    return _settings({**general, **merged, **_joined(merged, general)})


def _found(config: paramiko.SSHConfig, name: str) -> Found:
    """What the configuration says if ``name`` is all that is known of a host."""
    try:
        found: Found = {key: value or "" for key, value in config.lookup(name).items()}  # None is "none"
    except (paramiko.SSHException, ValueError) as exc:
        log.warning("The SSH configuration for %s cannot be used: %s.", name, exc)
        return {}
    if found.get("hostname") == name:
        del found["hostname"]
    return found


def _specific(found: Found, everybody: Found, name: str) -> Found:
    """What ``found`` of the host ``name`` says otherwise than of ``everybody``: "" where it takes that back ("none");
    of keys, which add up, what it adds."""
    said: Found = {}
    for key in found.keys() | everybody.keys():
        value, usual = found.get(key, ""), everybody.get(key, "")
        if isinstance(value, list):
            common = [one.replace(_NOBODY, name) for one in usual]
            if more := [one for one in value if one not in common]:
                said[key] = more
        elif not isinstance(usual, list) and value != usual.replace(_NOBODY, name):
            said[key] = value
    return said


def _joined(first: Found, then: Found) -> Found:
    """The values that add up, of both."""
    joined = {key: list(dict.fromkeys([*first.get(key, ()), *then.get(key, ())])) for key in _LISTS}
    return {key: values for key, values in joined.items() if values}


def _first_address(names: Iterable[HostName]) -> HostName | None:
    """Of names that nothing is said of, the one that a proxy can do something with; None if there is no name."""
    named = list(names)
    return next((name for name in named if _ADDRESS.fullmatch(name)), named[0] if named else None)


def _settings(found: Found) -> Settings:
    jumps = [jump for jump in _text(found, "proxyjump").split(",") if jump and jump.lower() != "none"]
    command = _text(found, "proxycommand")
    return Settings(
        address=_named(HostName, "HostName", found),
        user=_named(UserName, "User", found),
        port=int(port) if (port := _text(found, "port")).isdecimal() else 0,
        key_files=tuple(found.get("identityfile") or ()),
        identities_only=_text(found, "identitiesonly").lower() == "yes",
        jumps=tuple(jumps),
        proxy_command=("sh", "-c", f"exec {command}") if command and command.lower() != "none" else (),
        known_hosts_files=tuple(shlex.split(_text(found, "userknownhostsfile"))),
        host_key_alias=_text(found, "hostkeyalias"),
    )


Name = TypeVar("Name", HostName, UserName)


def _named(kind: type[Name], keyword: str, found: Found) -> Name | None:
    """Hopeless if the configuration has a name there that is none."""
    text = _text(found, keyword.lower())
    try:
        return kind(text) if text else None
    except InputError as error:
        raise Hopeless(f"{keyword} in the SSH configuration: {error.problem}", "Correct it there.") from error


def _text(found: Found, name: str) -> str:
    value = found.get(name) or ""
    return value if isinstance(value, str) else value[0]


def split_jump(jump: str) -> tuple[UserName | None, HostName, int]:
    """``[user@]host[:port]`` (or ``ssh://…``) -> user or None, host, port or 0. Hopeless if those are no names."""
    user, host, port = _split(jump)
    try:
        return UserName(user) if user else None, HostName(host), port
    except InputError as error:
        raise Hopeless(f"ProxyJump in the SSH configuration: {error.problem}", "Correct it there.") from error


def _split(jump: str) -> tuple[str, str, int]:
    user, _, rest = jump.strip().removeprefix("ssh://").rpartition("@")
    host, colon, port = rest.rpartition(":")
    if colon and port.isdecimal() and (host.count(":") == 0 or host.endswith("]")):
        return user, host.strip("[]"), int(port)
    return user, rest.strip("[]"), 0


def local_user() -> UserName:
    """Who we are here, as ssh(1) takes it where nothing else is said. InputError if that is no name for SSH."""
    return UserName(getpass.getuser())
