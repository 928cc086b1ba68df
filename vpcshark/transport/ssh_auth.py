"""Proves to an SSH server who we are: a key file, the agent's keys, or the user's default keys.

Must not know host keys or commands. No key, passphrase or signature is ever logged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

from vpcshark.errors import TransportError

log = logging.getLogger(__name__)
DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


def authenticate(transport: paramiko.Transport, user: str, key_file: str, host: str) -> None:
    """Log in as ``user`` on ``host`` (for messages). With a ``key_file`` only that key is shown, else those of the
    agent and then the default ones. TransportError if the server takes none."""
    tried = 0
    for key, origin in _keys(key_file):
        tried += 1
        try:
            transport.auth_publickey(user, key)
        except paramiko.BadAuthenticationType as exc:
            raise TransportError(f"{host} does not let {user} in by key.", f"It takes {_listed(exc)}.") from exc
        except paramiko.AuthenticationException:
            log.info("%s does not take the key %s for %s.", host, origin, user)
            continue
        except (paramiko.SSHException, EOFError, OSError) as exc:  # servers hang up after too many keys
            raise _refused(host, user, key_file, tried) from exc
        if transport.is_authenticated():
            return
        raise TransportError(f"{host} wants more than a key from {user}.", "Use a user without a second factor.")
    raise _refused(host, user, key_file, tried)


def _keys(key_file: str) -> Iterator[tuple[paramiko.PKey, str]]:
    """Keys with what to call them in the log."""
    if key_file:
        yield load_key(key_file), key_file
        return
    for agent_key in _agent_keys():
        yield agent_key, "of the agent"
    for name in DEFAULT_KEYS:
        if Path(name).expanduser().exists():
            try:
                yield load_key(name), name
            except TransportError as error:  # one that can't be used must not keep the others from being tried
                log.info("%s", error.problem)


def load_key(name: str) -> paramiko.PKey:
    """The private key in the file ``name``. TransportError if it is missing, encrypted or no private key."""
    path = Path(name).expanduser()
    try:
        return paramiko.PKey.from_path(path)
    except OSError as exc:
        raise TransportError(f"The SSH key {name} cannot be read: {exc.strerror}.", "Name another file.") from exc
    except (paramiko.PasswordRequiredException, TypeError) as exc:
        raise _encrypted(name) from exc
    except (ValueError, paramiko.SSHException, UnknownKeyType) as exc:
        # cryptography says it in words only: a ValueError with "Password was not given" or "Key is password-protected"
        if "password" in str(exc).lower():
            raise _encrypted(name) from exc
        raise TransportError(f"{name} is not a private SSH key that can be used.", "Name another file.") from exc


def _agent_keys() -> tuple[paramiko.AgentKey, ...]:
    try:
        return paramiko.Agent().get_keys()
    except (paramiko.SSHException, OSError, EOFError) as exc:
        log.info("The SSH agent does not answer: %s", exc)
        return ()


def _encrypted(name: str) -> TransportError:
    return TransportError(f"The SSH key {name} is protected by a passphrase.", f"Add it to the agent: ssh-add {name}")


def _refused(host: str, user: str, key_file: str, tried: int) -> TransportError:
    if not tried:
        return TransportError(
            f"There is no SSH key to log in to {host} with.",
            "Name one with --ssh-key, or add one to the agent (ssh-add).",
        )
    shown = f"the key {key_file}" if key_file else f"any of the {tried} keys of the agent and ~/.ssh"
    return TransportError(
        f"{host} does not let {user} in with {shown}.", "Check the user with --ssh-user and the key with --ssh-key."
    )


def _listed(exc: paramiko.BadAuthenticationType) -> str:
    return " or ".join(exc.allowed_types) or "nothing"
