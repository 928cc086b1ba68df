"""Is this the host that the user trusts? Looks host keys up in known_hosts files, whose format is in sshd(8).

Reads hashed names, patterns, ports, @revoked and @cert-authority; an unknown or changed key is refused, nothing is ever
added here. Must not know how the key came over the wire.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import hmac
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpcshark.errors import TransportError
from vpcshark.transport.host_certificates import CERTIFICATE, SIGNED_TYPES, Shown

log = logging.getLogger(__name__)
_INSTANCE = re.compile(r"i-[0-9a-f]{8,}|\[i-[0-9a-f]{8,}\]:\d+")
USER_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
MACHINE_FILES = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


class UnknownHostKey(TransportError):
    """No known_hosts file has the host. It may still be vouched for in another way: the key is here."""

    def __init__(self, problem: str, remedy: str, key_type: str, key: bytes) -> None:
        super().__init__(problem, remedy)
        self.key_type = key_type
        self.key = key


@dataclass(frozen=True)
class Entry:
    """One line: the names it is for, the key's type and its blob (RFC 4253, section 6.6), and whether it is revoked,
    or that of an authority, which signs the keys of hosts."""

    names: tuple[str, ...]
    key_type: str
    key: bytes
    revoked: bool = False
    authority: bool = False

    def is_for(self, host: str) -> bool:
        """Does the line speak of ``host``? A name that a ``!`` pattern excludes is excluded altogether."""
        matches = [name for name in self.names if _matches(name.lstrip("!"), host)]
        return bool(matches) and not any(name.startswith("!") for name in matches)


class KnownHosts:
    """The entries of all known_hosts files, for asking about one host at a time."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = list(entries)

    def key_types(self, names: Sequence[str], plain: Sequence[str] = ()) -> list[str]:
        """The types of key that are known for the host, to ask it for one of those; [] if it is unknown. See check."""
        signed = [kind + CERTIFICATE for kind in SIGNED_TYPES] if self.authorities(names) else []
        known = self._known(names) or self._known(plain)
        return [*signed, *dict.fromkeys(entry.key_type for entry in known)]

    def check(self, names: Sequence[str], shown: Shown, accept: str = "", plain: Sequence[str] = ()) -> None:
        """Return if the host that ``names`` are for may show this key; else TransportError with its fingerprint, and
        with the command ``accept`` that accepts an unknown one ("": ssh does).

        ``names`` go from the most to the least specific: an instance id before an address that another instance may
        have had before. The first that is known at all decides. ``plain`` are names without a port, under which ssh(1)
        looks a key up too: the same key there is good, another one says nothing of this port.
        """
        host, key = names[-1], shown.key
        what = f"{_short(shown.key_type)} key {fingerprint(key)}"
        self._check_revoked(host, key, what)
        if authorities := [one.key for one in self.authorities(names)]:
            for authority in authorities:
                self._check_revoked(host, authority, f"key of the authority {fingerprint(authority)}")
            if shown.is_signed_by(authorities, names, plain):
                return
        known = self._known(names)
        if any(entry.key == key for entry in known or self._known(plain)):
            return
        if known:
            expected = " or ".join(dict.fromkeys(fingerprint(entry.key) for entry in known))
            raise TransportError(
                f"The host key of {host} has changed: it shows the {what}, but known_hosts has {expected}.",
                f"If the host was rebuilt, run: {_how_to_replace(self._known_as(names), accept)}; "
                "else somebody may be listening.",
            )
        raise UnknownHostKey(
            f"The host key of {host} is not known: it shows the {what}.",
            "Compare it with the host's console output; to accept it, "
            + (f"run: {accept}" if accept else "connect once with ssh"),
            shown.key_type,
            key,
        )

    def decisive(self, names: Sequence[str]) -> str:
        """The first of the ``names`` that is known, whose entries decide (see ``check``); "" if none is."""
        return next((name for name in names if self.entries(name)), "")

    def entries(self, name: str) -> list[Entry]:
        """The keys that are known for ``name``."""
        return [entry for entry in self._entries if not (entry.revoked or entry.authority) and entry.is_for(name)]

    def authorities(self, names: Sequence[str]) -> list[Entry]:
        """The keys that sign those of the host with these ``names``."""
        return [one for one in self._entries if one.authority and any(one.is_for(name) for name in names)]

    def revoked(self) -> list[Entry]:
        """The keys that no host may show."""
        return [entry for entry in self._entries if entry.revoked]

    def _check_revoked(self, host: str, key: bytes, what: str) -> None:
        if any(entry.key == key for entry in self.revoked()):
            raise TransportError(f"{host} shows the {what}, which known_hosts says is revoked.", "Don't trust it.")

    def _known(self, names: Sequence[str]) -> list[Entry]:
        name = self.decisive(names)
        return self.entries(name) if name else []

    def _known_as(self, names: Sequence[str]) -> str:
        """The first of the names that is known, else the last."""
        return self.decisive(names) or names[-1]


def _how_to_replace(name: str, accept: str) -> str:
    """A host that is known by its instance's id is accepted anew by ``accept``; another name is ssh's matter."""
    if accept and _INSTANCE.fullmatch(name):
        return accept
    return f"ssh-keygen -R '{name}', then connect once with ssh"


def load(
    files: Sequence[str] = (), further: Sequence[str] = (), usual: Sequence[str] | None = None, revoked: str = ""
) -> KnownHosts:
    """The given ``files``, or the ``usual`` ones (None: the user's and the machine's own); and ``further`` ones. A file
    that does not exist is empty, unless it was given: TransportError. ``revoked``: a file of keys that no host may
    show."""
    usual = (*USER_FILES, *MACHINE_FILES) if usual is None else usual
    given = [entry for name in files for entry in _read(name, must_exist=True)]
    others = [*further] if files else [*usual, *further]
    found = [entry for name in others for entry in _read(name, must_exist=False)]
    return KnownHosts([*given, *found, *(_revoked(revoked) if revoked else [])])


def _revoked(name: str) -> list[Entry]:
    """RevokedHostKeys of ssh_config(5): public keys, one a line. ssh-keygen's binary lists (KRL) are not read here, so
    nobody is let through: TransportError."""
    try:
        lines = Path(name).expanduser().read_bytes().decode("ascii").splitlines()
        kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        entries = [parse_line(f"@revoked * {line}") for line in kept]
    except (OSError, ValueError) as exc:
        entries, why = [None], str(exc)
    else:
        why = "it has more than public keys"
    if None in entries:
        raise TransportError(f"The file {name} of revoked host keys cannot be used: {why}.", "Correct RevokedHostKeys.")
    return [entry for entry in entries if entry is not None]


def host_names(address: str, port: int, aliases: Sequence[str] = ()) -> list[str]:
    """How known_hosts may call a host: by alias (an instance id), by address with its port unless that is 22."""
    plain = address if port == 22 else f"[{address}]:{port}"
    return [*aliases, plain]


def fingerprint(key: bytes) -> str:
    """``SHA256:…`` as ssh-keygen -l shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def parse_line(line: str) -> Entry | None:
    """One line of known_hosts; None for comments and lines that can't be read."""
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#") or marker not in ("", "@revoked", "@cert-authority"):
        return None
    try:
        key = base64.b64decode(fields[2], validate=True)
    except ValueError:
        return None
    return Entry(tuple(fields[0].split(",")), fields[1], key, marker == "@revoked", marker == "@cert-authority")


def _read(name: str, *, must_exist: bool) -> list[Entry]:
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        if must_exist:
            raise TransportError(f"The known_hosts file {name} cannot be read: {exc.strerror}.") from exc
        log.debug("%s is not read: %s.", name, exc.strerror)
        return []
    return [entry for line in text.splitlines() if (entry := parse_line(line)) is not None]


def _matches(name: str, host: str) -> bool:
    if name.startswith("|1|"):
        return _matches_hash(name, host)
    if "*" in name or "?" in name:
        return fnmatch.fnmatchcase(host.casefold(), name.casefold().replace("[", "[[]"))
    return name.casefold() == host.casefold()


def _matches_hash(name: str, host: str) -> bool:
    """``|1|salt|HMAC-SHA1(salt, host)``, as ssh-keygen -H writes it."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in name.split("|")[2:4])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, host.casefold().encode(), hashlib.sha1).digest(), digest)


def _short(key_type: str) -> str:
    return key_type.removeprefix("ssh-").removeprefix("ecdsa-sha2-").upper()
