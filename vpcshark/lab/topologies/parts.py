"""The mappings of a topology's file, taken apart with words for what is wrong in them.

Must not know what a topology has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from vpcshark.errors import InputError

ADVICE = "docs/how-to/lab-topologies.md has the form; vpcshark lab topologies lists those that are shipped."


class Part:
    """One mapping of the file. What is taken out of it is known; the rest is an error."""

    def __init__(self, where: str, raw: Any, name: str = "") -> None:
        if not isinstance(raw, dict):
            raise InputError(f"{where} is no mapping.", ADVICE)
        self.where, self.raw, self.name = where, {str(key): value for key, value in raw.items()}, name
        self._taken: set[str] = set()

    def take(self, key: str, default: Any = None) -> Any:
        """A value, whatever it is."""
        self._taken.add(key)
        return self.raw.get(key, default)

    def parts(self, key: str) -> Iterator[Part]:
        """The named mappings below a key, each done with when the next begins."""
        below = Part(f"{self.where}, {key},", self.take(key) or {})
        for name, raw in below.raw.items():
            part = Part(f"{self.where}, {key} {name}", raw or {}, name)
            yield part
            part.done()

    def text(self, key: str, default: str | None = None) -> str:
        """A word."""
        found = self.take(key, default)
        if found is None or isinstance(found, (dict, list)):
            raise InputError(f"{self.where} does not say its {key}.", ADVICE)
        return str(found)

    def texts(self, key: str) -> Sequence[str]:
        """A list of words."""
        found = self.take(key) or []
        if not isinstance(found, list):
            raise InputError(f"{self.where}: {key} is no list.", ADVICE)
        return [str(each) for each in found]

    def strings(self, key: str) -> Mapping[str, str]:
        """Words by name."""
        return Part(f"{self.where}, {key},", self.take(key) or {}).all_strings()

    def all_strings(self) -> Mapping[str, str]:
        """All that it has, as words."""
        self._taken |= {*self.raw}
        return {key: str(value) for key, value in self.raw.items()}

    def pairs(self, key: str) -> Mapping[str, tuple[str, str]]:
        """Two words by name."""
        found = {}
        for name, value in Part(f"{self.where}, {key},", self.take(key) or {}).raw.items():
            if not isinstance(value, list) or len(value) != 2:
                raise InputError(f"{self.where}, {key} {name}: that takes two names.", ADVICE)
            found[name] = (str(value[0]), str(value[1]))
        return found

    def network(self, key: str) -> str:
        """A block."""
        text = self.text(key)
        try:
            return str(ip_network(text))
        except ValueError as error:
            raise InputError(f"{self.where}: {key} {text} is no network ({error}).", ADVICE) from error

    def address(self, key: str, default: str | None = None) -> str:
        """An address."""
        text = self.text(key, default)
        try:
            return str(ip_address(text)) if text else ""
        except ValueError as error:
            raise InputError(f"{self.where}: {key} {text} is no address.", ADVICE) from error

    def done(self) -> None:
        """InputError for what nobody took."""
        unknown = sorted(set(self.raw) - self._taken)
        if unknown:
            raise InputError(f"{self.where} has {', '.join(unknown)}, which a topology does not know.", ADVICE)
