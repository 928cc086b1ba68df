"""Is this the host that the user trusts? Looks host keys up in known_hosts files, whose format is in sshd(8).

Reads hashed names, patterns, ports and @revoked; an unknown or changed key is refused, nothing is ever added here.
Must not know how the key came over the wire.
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

log = logging.getLogger(__name__)
DEFAULT_FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,}|\[i-[0-9a-f]{8,}\]:\d+")


class UnknownHostKey(TransportError):
    """No known_hosts file has the host. It may still be vouched for in another way: the key is here."""

    def __init__(self, problem: str, remedy: str, key_type: str, key: bytes) -> None:
        super().__init__(problem, remedy)
        self.key_type = key_type
        self.key = key


@dataclass(frozen=True)
class Entry:
    """One line: the names it is for, the key's type and its blob (RFC 4253, section 6.6), and whether it is revoked."""

    names: tuple[str, ...]
    key_type: str
    key: bytes
    revoked: bool = False

    def is_for(self, host: str) -> bool:
        """Does the line speak of ``host``? A name that a ``!`` pattern excludes is excluded altogether."""
        matches = [name for name in self.names if _matches(name.lstrip("!"), host)]
        return bool(matches) and not any(name.startswith("!") for name in matches)


class KnownHosts:
    """The entries of all known_hosts files, for asking about one host at a time."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = list(entries)

    def key_types(self, names: Sequence[str]) -> list[str]:
        """The types of key that are known for the host, to ask it for one of those; [] if it is unknown."""
        return list(dict.fromkeys(entry.key_type for entry in self._known(names)[1] if not entry.revoked))

    def check(self, names: Sequence[str], key_type: str, key: bytes, accept: str = "") -> None:
        """Return if the host that ``names`` are for may show this key; else TransportError with its fingerprint, and
        with the command ``accept`` that accepts an unknown one ("": ssh does).

        ``names`` go from the most to the least specific: an instance id before an address that another instance may
        have had before. The first that is known at all decides.
        """
        host, shown = names[-1], f"{_short(key_type)} key {fingerprint(key)}"
        if any(entry.revoked and entry.key == key for entry in self._entries):
            raise TransportError(f"{host} shows the {shown}, which known_hosts says is revoked.", "Don't trust it.")
        name, entries = self._known(names)
        known = [entry for entry in entries if not entry.revoked]
        if any(entry.key == key for entry in known):
            return
        if known:
            expected = " or ".join(dict.fromkeys(fingerprint(entry.key) for entry in known))
            raise TransportError(
                f"The host key of {host} has changed: it shows the {shown}, but known_hosts has {expected}.",
                f"If the host was rebuilt, run: {_how_to_replace(name, accept)}; else somebody may be listening.",
            )
        raise UnknownHostKey(
            f"The host key of {host} is not known: it shows the {shown}.",
            "Compare it with the host's console output; to accept it, "
            + (f"run: {accept}" if accept else "connect once with ssh"),
            key_type,
            key,
        )

    def _known(self, names: Sequence[str]) -> tuple[str, list[Entry]]:
        """The first name that is known at all, with its entries."""
        for name in names:
            found = [entry for entry in self._entries if entry.is_for(name)]
            if found:
                return name, found
        return names[-1], []


def _how_to_replace(name: str, accept: str) -> str:
    """A host that is known by its instance's id is accepted anew by ``accept``; another name is ssh's matter."""
    if accept and _INSTANCE.fullmatch(name):
        return accept
    return f"ssh-keygen -R '{name}', then connect once with ssh"


def load(files: Sequence[str] = (), further: Sequence[str] = ()) -> KnownHosts:
    """The given files, or the user's and the machine's own; and ``further`` ones. A file that does not exist is empty,
    unless it was given: TransportError."""
    entries = [entry for name in files or DEFAULT_FILES for entry in _read(name, must_exist=bool(files))]
    return KnownHosts([*entries, *(entry for name in further for entry in _read(name, must_exist=False))])


def host_names(address: str, port: int, aliases: Sequence[str] = ()) -> list[str]:
    """How known_hosts may call a host: by alias (an instance id), by address with its port unless that is 22."""
    plain = address if port == 22 else f"[{address}]:{port}"
    return [*aliases, plain]


def fingerprint(key: bytes) -> str:
    """``SHA256:…`` as ssh-keygen -l shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def parse_line(line: str) -> Entry | None:
    """One line of known_hosts; None for comments, @cert-authority and lines that can't be read."""
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#") or marker not in ("", "@revoked"):
        return None
    try:
        key = base64.b64decode(fields[2], validate=True)
    except ValueError:
        return None
    return Entry(tuple(fields[0].split(",")), fields[1], key, revoked=bool(marker))


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
