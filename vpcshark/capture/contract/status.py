"""The seam through which a capture tells how it goes. Must not know who reads it: toolbar, terminal, nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Status(Protocol):
    """Told what happens. Every method returns at once and never raises; any thread may call it.

    ``has_controls``: figures of a running capture are shown, and its filter may be changed (a toolbar, not a terminal).
    """

    has_controls: bool = False

    def say(self, text: str) -> None:
        """One short line for now, in place of the last: "Creating the mirror session ..."."""

    def log(self, line: str) -> None:
        """One line to keep, for who wants the details."""

    def show(self, text: str) -> None:
        """The state and figures of now, in place of the last."""
        return

    def on_filter(self, change: Callable[[str], None], now: str) -> None:
        """From now on, the filter being ``now``, call ``change`` with each one that the user enters; it returns at
        once."""
        return


class Silent(Status):
    """The status that nobody reads."""

    def say(self, text: str) -> None:
        """Drop ``text``."""

    def log(self, line: str) -> None:
        """Drop ``line``."""
