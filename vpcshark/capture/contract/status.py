"""The seam through which a capture tells how it goes. Must not know who reads it: toolbar, terminal, nobody."""

from __future__ import annotations

from typing import Protocol


class Status(Protocol):
    """Told what happens. Every method returns at once and never raises."""

    def say(self, text: str) -> None:
        """One short line for now, in place of the last: "Creating the mirror session ..."."""

    def log(self, line: str) -> None:
        """One line to keep, for who wants the details."""


class Silent:
    """The status that nobody reads."""

    def say(self, text: str) -> None:
        """Drop ``text``."""

    def log(self, line: str) -> None:
        """Drop ``line``."""
