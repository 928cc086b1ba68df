"""What a list of interfaces needs to know of each. Must not know who lists it, nor where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vpcshark.errors import VpcsharkError


class ListedInterface(NamedTuple):
    """One line of a list: ``value`` is the ENI id, ``display`` what a person recognises.

    The display's form is ``web-1 · eth0 · 10.1.0.105 · eni-0a…``; it may hold any text (Name tags are user text).
    """

    value: str
    display: str


class Offer(NamedTuple):
    """What can be captured from, best candidate first, as far as it is known; why it may not be all of it, and how many
    more there are than a list should have."""

    listed: Sequence[ListedInterface]
    problems: Sequence[VpcsharkError] = ()
    more: int = 0
