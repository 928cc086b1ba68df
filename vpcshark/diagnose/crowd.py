"""Very many connections that never got beyond their opening: all but the first ones to each server are counted, not
looked at (NumPy). A scan or a flood has millions of them, and they all say the same. Must not know findings.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from vpcshark.diagnose.columns import Columns, hosts
from vpcshark.diagnose.conversations import Conversations
from vpcshark.diagnose.flows import SECOND
from vpcshark.diagnose.headers import Array
from vpcshark.diagnose.packet import RST, SYN
from vpcshark.diagnose.sound import Server

_MOST_ALIKE = 200
"""Connections of one server that ended in one way and are looked at."""
_MOST = 4000
"""Of all servers: those with the most such connections come first."""
_WATCHED = 2.5 * SECOND
"""As ``verdicts.opening`` has it."""
_SILENT, _REFUSED, _ANSWERED = range(3)


class Crowd:
    """``counted``: which connections of ``chosen`` are not looked at. Of these ``unheard`` and ``refused`` are told by
    server, of servers of which others are looked at; ``count`` are all of them that are old enough to tell."""

    def __init__(self, columns: Columns, talk: Conversations, chosen: Array, end: int) -> None:
        self.counted = np.zeros(talk.count, bool)
        self.unheard, self.refused = Counter[Server](), Counter[Server]()
        self.count = 0
        rows = np.bincount(talk.of, minlength=talk.count)
        only = chosen & (talk.number(talk.flags & (SYN | RST) > 0) == rows)
        if only.sum() <= _MOST_ALIKE:
            return
        end_of = _endings(talk)
        is_old = (end - talk.at[talk.starts] >= _WATCHED) | (end_of != _SILENT)
        self.counted |= only & ~is_old & (rows == 1)  # too young to tell
        places = np.flatnonzero(only & is_old)
        if len(places):
            self._count(columns.ways.keys[client_ways(columns, talk)[places]], places, end_of[places])

    def _count(self, keys: Array, places: Array, ends: Array) -> None:
        server, sizes = _servers(keys)
        alike = server * 3 + ends
        rank = _ranks(alike)
        looked = rank < _MOST_ALIKE
        order = np.lexsort((np.arange(len(places)), -sizes))
        order = order[looked[order]]
        looked[order[_MOST:]] = False
        self.counted[places[~looked]] = True
        self.count = int((~looked).sum())
        known = np.isin(alike, alike[looked])
        for ending, into in ((_SILENT, self.unheard), (_REFUSED, self.refused)):
            told = keys[~looked & known & (ends == ending)]
            ports = np.frombuffer(told["ports"].tobytes(), ">u2")[1::2].tolist()
            into.update(zip(hosts(told)[1], ports, strict=True))


def client_ways(columns: Columns, talk: Conversations) -> Array:
    """The way of each connection's client."""
    back = columns.ways.back
    first = talk.way[talk.starts]
    found: Array = np.where(talk.is_of_client[talk.starts] | (back[first] < 0), first, back[first])
    return found


def _endings(talk: Conversations) -> Array:
    of_server = ~talk.is_of_client
    is_reset = talk.any((talk.flags & RST > 0) & of_server)
    found: Array = np.where(talk.any(of_server), np.where(is_reset, _REFUSED, _ANSWERED), _SILENT)
    found[talk.any(talk.is_answer)] = _ANSWERED
    return found


def _servers(keys: Array) -> tuple[Array, Array]:
    """(the number of each key's server, how many keys have the same)."""
    words = np.zeros((len(keys), 24), np.uint8)
    raw = keys.view(np.uint8).reshape(len(keys), -1)
    words[:, :16], words[:, 16:18] = raw[:, 16:32], raw[:, 34:36]
    mixed = np.zeros(len(keys), np.uint64)
    for column in words.view(np.uint64).T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    _, inverse, counts = np.unique(mixed, return_inverse=True, return_counts=True)
    return inverse, counts[inverse]


def _ranks(groups: Array) -> Array:
    """The how manieth of its group each one is, from 0 on."""
    order = np.argsort(groups, kind="stable")
    first = np.append(True, groups[order][1:] != groups[order][:-1])
    found = np.empty(len(groups), np.int64)
    found[order] = np.arange(len(order)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    return found
