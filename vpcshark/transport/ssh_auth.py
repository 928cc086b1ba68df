"""Proves to an SSH server who we are: a key file, the agent's keys, or the user's default keys.

Must not know host keys or commands. No key, passphrase or signature is ever logged.
"""

from __future__ import annotations

import base64
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from paramiko.pkey import UnknownKeyType

from vpcshark.errors import Keyless, Refused, SecondFactor, TransportError
from vpcshark.transport import askpass
from vpcshark.transport.ssh_agent import agent_keys
from vpcshark.transport.ssh_config import Settings
from vpcshark.transport.ssh_greeting import reason
from vpcshark.transport.ssh_keyfile import certified, read_key

log = logging.getLogger(__name__)
PASSPHRASES = 3  # as often as ssh(1) asks
DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa", "~/.ssh/id_ed25519_sk", "~/.ssh/id_ecdsa_sk")
NO_SECOND_FACTOR = "Use a user without one, or log in before with ssh and ControlMaster: that connection is used then."
_MAGIC = b"openssh-key-v1\0"


@dataclass(frozen=True)
class Keys:
    """What to show a server. ``only``: keys in memory, and no others. ``file``: that one, and no others. Else
    ``files`` (without any, the user's default ones) and, unless ``files_only``, whatever the agent has. Of a key in a
    file the agent's is used if it has it. ``agent``: its socket, "none", or "" for the environment's;
    ``certificates``: files with what an authority signed, besides those that lie beside a key's file. ``accepted``: the
    algorithms that may be used, () for all."""

    file: str = ""
    files: tuple[str, ...] = ()
    files_only: bool = False
    only: tuple[tuple[paramiko.PKey, str], ...] = ()
    agent: str = ""
    certificates: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()


def configured(settings: Settings) -> Keys:
    """What the SSH configuration says of keys."""
    return Keys(
        files=settings.key_files,
        files_only=settings.identities_only,
        agent=settings.agent,
        certificates=settings.certificate_files,
        accepted=settings.algorithms.public_keys,
    )


def authenticate(transport: paramiko.Transport, user: str, keys: Keys, host: str) -> None:
    """Log in as ``user`` on ``host`` (for messages) with one of ``keys``. Refused if the server takes none."""
    tried = 0
    for key, origin in certified(_keys(keys), (*keys.certificates, *(f"{name}-cert.pub" for name in _files(keys)))):
        if not _is_accepted(key, keys.accepted):
            log.info("The SSH configuration does not let the key %s be used.", origin)
            continue
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
        except Exception as exc:
            raise TransportError(
                f"{host} broke the login of {user} off: {reason(exc)}.", "Check that its SSH server is a usual one."
            ) from exc
        if transport.is_authenticated():
            return
        raise SecondFactor(f"{host} wants more than a key from {user}.", NO_SECOND_FACTOR)
    raise _refused(host, user, keys, tried)


def _keys(keys: Keys) -> Iterator[tuple[paramiko.PKey, str]]:
    """Keys with what to call them in the log; as ssh(1) has it, first those of the agent that a file names."""
    if keys.only:
        yield from keys.only
        return
    agent = {key.blob: key for key in agent_keys(keys.agent)}
    if keys.file:
        yield load_key(keys.file, agent=agent), keys.file
        return
    names = [name for name in _files(keys) if _exists(name) or _exists(f"{name}.pub")]
    held = {name: agent.pop(half) for name in names if (half := _public_half(name)) in agent}
    for name, agent_key in held.items():
        yield agent_key, f"{name} of the agent"
    for agent_key in () if keys.files_only else agent.values():
        yield agent_key, "of the agent"
    for name in names:
        if name not in held:
            try:
                yield load_key(name, agent={}), name
            except TransportError as error:  # one that can't be used must not keep the others from being tried
                log.info("%s", error.problem)


def _files(keys: Keys) -> list[str]:
    """Where a key may be that nobody named alone; "IdentityFile none" is no file."""
    if keys.only or keys.file:
        return [keys.file] if keys.file else []
    return [name for name in keys.files or DEFAULT_KEYS if name.lower() != "none"]


def _is_accepted(key: paramiko.PKey, accepted: Sequence[str]) -> bool:
    """An RSA key signs with SHA-2, under names of their own (RFC 8332)."""
    blob = getattr(key, "public_blob", None)
    kind = blob.key_type if blob else key.get_name()
    names = [kind.replace("ssh-rsa", f"rsa-sha2-{size}") for size in (256, 512)]
    return not accepted or any(name in accepted for name in names)


def load_key(
    name: str,
    ask: Callable[[str], str | None] = askpass.ask,
    agent: Mapping[bytes, paramiko.PKey] | None = None,
) -> paramiko.PKey:
    """The agent's key if it has the one in the file ``name``, which may be a public key then; else the private key in
    the file, for whose passphrase ``ask`` is asked. ``agent``: its keys by their public halves, if they are known.
    TransportError if it is missing, no private key, or encrypted and nobody gives the passphrase."""
    agent = {key.blob: key for key in agent_keys()} if agent is None else agent
    if (half := _public_half(name)) in agent:
        return agent[half]
    if name.endswith(".pub") and half:
        name = _beside(name)
    return _load_file(name, ask)


def _beside(public: str) -> str:
    """The private key's file beside the one of a ``public`` key. TransportError if there is none."""
    private = public.removesuffix(".pub")
    if not _exists(private):
        raise TransportError(
            f"The SSH agent does not have the key {public}, and its private half is not beside it.",
            "Add it to the agent (ssh-add), or name the private key's file.",
        )
    return private


def _load_file(name: str, ask: Callable[[str], str | None]) -> paramiko.PKey:
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


def _exists(name: str) -> bool:
    return Path(name).expanduser().exists()


def _public_half(name: str) -> bytes:
    """The public key (RFC 4253, section 6.6) of the key in the file ``name``, without its passphrase: OpenSSH has it in
    clear in the private key's file, and beside it in NAME.pub. b"" if it is not to be had."""
    for file, read in ((name, _header), (name, _public), (f"{name}.pub", _public)):
        with contextlib.suppress(OSError, ValueError, IndexError):
            return read(Path(file).expanduser().read_text(encoding="ascii"))
    return b""


def is_security_key(name: str) -> bool:
    """Is the private key in a FIDO token, and only what finds it there in the file ``name``?"""
    return _public_half(name)[4:7] == b"sk-"


def _header(text: str) -> bytes:
    """PROTOCOL.key of OpenSSH: magic, three strings on the encryption, a count, the public key."""
    _, head, rest = text.partition("-----BEGIN OPENSSH PRIVATE KEY-----")
    data = base64.b64decode(rest.partition("-----END")[0])
    if not head or not data.startswith(_MAGIC):
        raise ValueError("no OpenSSH private key")
    message = paramiko.Message(data[len(_MAGIC) :])
    for _ in range(3):
        message.get_binary()
    message.get_int()
    return message.get_binary()


def _public(text: str) -> bytes:
    """``ssh-ed25519 AAAA… comment``, as sshd(8) has it."""
    return base64.b64decode(text.split()[1], validate=True)


class _Encrypted(Exception):
    """The passphrase is missing or wrong."""


def _loaded(name: str, passphrase: str | None) -> paramiko.PKey:
    try:
        secret: Any = None if passphrase is None else passphrase.encode()  # cryptography takes nothing but bytes
        return read_key(Path(name).expanduser(), secret)
    except OSError as exc:
        raise TransportError(f"The SSH key {name} cannot be read: {exc.strerror}.", "Name another file.") from exc
    except (paramiko.PasswordRequiredException, TypeError) as exc:
        raise _Encrypted from exc
    except (ValueError, paramiko.SSHException, UnknownKeyType) as exc:
        # cryptography says it in words only: "Password was not given", "Key is password-protected", "Invalid password"
        if "password" in str(exc).lower() or passphrase is not None:
            raise _Encrypted from exc
        if is_security_key(name):
            raise TransportError(
                f"The SSH key {name} is a security key's (FIDO), which only the SSH agent can ask.",
                f"Add it to the agent: ssh-add {name}",
            ) from exc
        raise TransportError(f"{name} is not a private SSH key that can be used.", "Name another file.") from exc


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
