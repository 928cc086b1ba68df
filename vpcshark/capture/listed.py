"""What a list of interfaces needs to know of each. Must not know who lists it, nor where it comes from."""

from __future__ import annotations

from typing import NamedTuple


class ListedInterface(NamedTuple):
    """One line of a list: ``value`` is the ENI id, ``display`` what a person recognises.

    The display's form is ``web-1 · eth0 · 10.1.0.105 · eni-0a…``; it may hold any text (Name tags are user text).
    """

    value: str
    display: str
