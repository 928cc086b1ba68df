"""Proves to an SSH server who we are: a key file, the agent's keys, or the user's default keys.

Must not know host keys or commands. No key, passphrase or signature is ever logged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from paramiko.pkey import UnknownKeyType

from vpcshark.errors import Keyless, Refused, TransportError
from vpcshark.transport import askpass

log = logging.getLogger(__name__)
PASSPHRASES = 3  # as often as ssh(1) asks
DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


@dataclass(frozen=True)
class Keys:
    """What to show a server. ``only``: keys in memory, and no others. ``file``: that one, and no others. Else those of
    the agent (unless ``files_only``), ``files``, and the user's default ones if there are no ``files``."""

    file: str = ""
    files: tuple[str, ...] = ()
    files_only: bool = False
    only: tuple[tuple[paramiko.PKey, str], ...] = ()


def authenticate(transport: paramiko.Transport, user: str, keys: Keys, host: str) -> None:
    """Log in as ``user`` on ``host`` (for messages) with one of ``keys``. Refused if the server takes none."""
    tried = 0
    for key, origin in _keys(keys):
        tried += 1
        try:
            transport.auth_publickey(user, key)
        except paramiko.BadAuthenticationType as exc:
            raise Refused(f"{host} does not let {user} in by key.", f"It takes {_listed(exc)}.") from exc
        except paramiko.AuthenticationException:
            log.info("%s does not take the key %s for %s.", host, origin, user)
            continue
        except (paramiko.SSHException, EOFError, OSError) as exc:  # servers hang up after too many keys
            raise _refused(host, user, keys, tried) from exc
        if transport.is_authenticated():
            return
        raise TransportError(f"{host} wants more than a key from {user}.", "Use a user without a second factor.")
    raise _refused(host, user, keys, tried)


def _keys(keys: Keys) -> Iterator[tuple[paramiko.PKey, str]]:
    """Keys with what to call them in the log."""
    if keys.only:
        yield from keys.only
        return
    if keys.file:
        yield load_key(keys.file), keys.file
        return
    for agent_key in () if keys.files_only else _agent_keys():
        yield agent_key, "of the agent"
    for name in keys.files or DEFAULT_KEYS:
        if Path(name).expanduser().exists():
            try:
                yield load_key(name), name
            except TransportError as error:  # one that can't be used must not keep the others from being tried
                log.info("%s", error.problem)


def load_key(name: str, ask: Callable[[str], str | None] = askpass.ask) -> paramiko.PKey:
    """The private key in the file ``name``; ``ask`` is asked for its passphrase. TransportError if it is missing, no
    private key, or encrypted and nobody gives the passphrase."""
    passphrase: str | None = None
    for attempt in range(PASSPHRASES + 1):
        try:
            return _loaded(name, passphrase)
        except _Encrypted:
            if attempt < PASSPHRASES:
                passphrase = ask(f"Enter passphrase for key '{name}':")
            if passphrase is None:
                break
    raise TransportError(
        f"The SSH key {name} is protected by a passphrase.",
        f"Add it to the agent: ssh-add {name} (or install ssh-askpass, which is asked for it).",
    )


class _Encrypted(Exception):
    """The passphrase is missing or wrong."""


def _loaded(name: str, passphrase: str | None) -> paramiko.PKey:
    try:
        secret: Any = None if passphrase is None else passphrase.encode()  # cryptography takes nothing but bytes
        return paramiko.PKey.from_path(Path(name).expanduser(), secret)
    except OSError as exc:
        raise TransportError(f"The SSH key {name} cannot be read: {exc.strerror}.", "Name another file.") from exc
    except (paramiko.PasswordRequiredException, TypeError) as exc:
        raise _Encrypted from exc
    except (ValueError, paramiko.SSHException, UnknownKeyType) as exc:
        # cryptography says it in words only: "Password was not given", "Key is password-protected", "Invalid password"
        if "password" in str(exc).lower() or passphrase is not None:
            raise _Encrypted from exc
        raise TransportError(f"{name} is not a private SSH key that can be used.", "Name another file.") from exc


def _agent_keys() -> tuple[paramiko.AgentKey, ...]:
    try:
        return paramiko.Agent().get_keys()
    except (paramiko.SSHException, OSError, EOFError) as exc:
        log.info("The SSH agent does not answer: %s", exc)
        return ()


def _refused(host: str, user: str, keys: Keys, tried: int) -> Refused:
    if not tried:
        return Keyless(
            f"There is no SSH key to log in to {host} with.",
            "Name one with --ssh-key, or add one to the agent (ssh-add).",
        )
    shown = f"any of the {tried} keys of the agent and ~/.ssh"
    if keys.file or keys.only:
        shown = f"the key {keys.file or keys.only[0][1]}"
    return Refused(
        f"{host} does not let {user} in with {shown}.", "Check the user with --ssh-user and the key with --ssh-key."
    )


def _listed(exc: paramiko.BadAuthenticationType) -> str:
    return " or ".join(exc.allowed_types) or "nothing"
