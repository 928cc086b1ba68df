"""Questions to resolvers, and which names were found: by client and name, or form of the name.

A broken resolver is asked some ten thousand times: nothing here looks at all questions for each one. Must not know
verdicts.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.packet import Packet
from vpcshark.diagnose.readers import dns
from vpcshark.text import line


class Query(NamedTuple):
    """One question: as often as it was sent, and its answer."""

    flow: Flow
    message: dns.Message
    sent: list[Packet]
    answers: list[tuple[Packet, dns.Message]]

    @property
    def name(self) -> str:
        """Fit to be shown."""
        return line(self.message.name, 100) or "."

    @property
    def is_right(self) -> bool:
        """Was the name found?"""
        return any(message.code == dns.NOERROR for _, message in self.answers)


class Known:
    """The names that were found, and when."""

    def __init__(self, queries: Iterable[Query]) -> None:
        self._last: dict[tuple[bytes, str], int] = {}
        self._names: dict[tuple[bytes, str], list[int]] = defaultdict(list)
        self._hosts: dict[tuple[bytes, str], list[int]] = defaultdict(list)
        for query in queries:
            if query.is_right:
                client, name = query.flow.source, query.message.name
                self._last[client, name] = max(self._last.get((client, name), 0), query.sent[-1].at)
                self._names[client, name].append(query.sent[0].at)
                self._hosts[client, _host(name)].append(query.sent[0].at)
        for times in (*self._names.values(), *self._hosts.values()):
            times.sort()

    def is_right_later(self, query: Query) -> bool:
        """Was the same name found later, perhaps by another resolver?"""
        return self._last.get((query.flow.source, query.message.name), -1) >= query.sent[0].at

    def has_near_form(self, query: Query, within: int) -> bool:
        """Was by another question, so near in time, another form of the name found? ``www.corp.example`` and ``www``;
        or the same host in another suffix of a search list."""
        client, name, at = query.flow.source, query.message.name, query.sent[0].at
        forms = [self._names.get((client, form), ()) for form in _shorter(name)]
        mine = [self._names.get((client, name), ()), self._hosts.get((client, _host(name)), ()) if _host(name) else ()]
        if any(_near(times, at, within) for times in forms):
            return True
        return any(_near(times, at, within) > query.is_right for times in mine)


def _near(times: list[int] | tuple[()], at: int, within: int) -> int:
    """How many of them are."""
    return bisect.bisect_right(times, at + within) - bisect.bisect_left(times, at - within)


def _shorter(name: str) -> Iterator[str]:
    """``a.b.c``: ``a.b`` and ``a``."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name:
            yield name


def _host(name: str) -> str:
    return name.partition(".")[0]
