"""What a server's certificate says of names and time (RFC 5280, RFC 6125). Must not know TLS nor flows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime, timezone

from vpcshark.text import line


@dataclass(frozen=True)
class Certificate:
    """Times in seconds since the epoch; names in lower case."""

    since: int
    until: int
    names: tuple[str, ...]

    def is_for(self, name: str) -> bool:
        """A wildcard stands for one label, the first."""
        wanted = name.lower().rstrip(".")
        rest = wanted.partition(".")[2]
        return any(each == wanted or (each.startswith("*.") and rest and each[2:] == rest) for each in self.names)

    @property
    def until_text(self) -> str:
        """The day on which it ends."""
        return self.text(self.until)

    @property
    def names_text(self) -> str:
        """Fit to be shown."""
        return line(", ".join(self.names[:4]), 200) + (" and others" if len(self.names) > 4 else "")

    @staticmethod
    def text(when: int) -> str:
        """A day in UTC."""
        try:
            return datetime.fromtimestamp(when, timezone.utc).date().isoformat()
        except (OverflowError, ValueError, OSError):
            return f"second {when}"


def certificate_of(der: bytes) -> Certificate | None:
    """None: it cannot be read."""
    if not der:
        return None
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old certificates that break rules, which is not the question
            found = x509.load_der_x509_certificate(der)
            before, after = _times(found)
            return Certificate(before, after, tuple(_names(found)))
    except Exception:  # noqa: BLE001 - whatever a hostile certificate makes of the parser, it cannot be read
        return None


def _times(found: object) -> tuple[int, int]:
    """cryptography 42 has times with a zone, 41 naive ones in UTC."""
    sides = []
    for name in ("not_valid_before", "not_valid_after"):
        when = getattr(found, f"{name}_utc", None) or getattr(found, name).replace(tzinfo=timezone.utc)
        sides.append(int(when.timestamp()))
    return sides[0], sides[1]


def _names(found: object) -> list[str]:
    from cryptography import x509

    assert isinstance(found, x509.Certificate)
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        common = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [str(each.value).lower() for each in common]
