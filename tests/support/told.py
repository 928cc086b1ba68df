"""What a user is told: a status for tests, and where in tshark's own words an extcap's message stands."""

from __future__ import annotations

import re

from vpcshark.capture.contract.status import Status

# Wireshark 4.0 says "by", 4.4 says "from".
BY_EXTCAP = re.compile(r"Error (?:by|from) extcap pipe: ")


def by_extcap(stderr: str) -> str:
    """What an extcap said, as tshark shows it, and all that follows; "" if it shows none."""
    found = BY_EXTCAP.search(stderr)
    return stderr[found.end() :] if found else ""


class Told(Status):
    """A status that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.logged: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def log(self, line: str) -> None:
        self.logged.append(line)
