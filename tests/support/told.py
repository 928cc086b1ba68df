"""A status for tests of what a user is told."""

from __future__ import annotations


class Told:
    """A status that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.logged: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def log(self, line: str) -> None:
        self.logged.append(line)
