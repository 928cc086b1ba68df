"""Health checks of a topology's Network Load Balancers: each node connects to its targets. Must not know the API."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from vpcshark.lab.vpc import netns
from vpcshark.lab.vpc.routed import names
from vpcshark.lab.vpc.routed.plane import RoutedPlane

_PATIENCE = 0.5  # seconds; a packet needs less than a millisecond, and what was dropped does not come
Where = tuple[str, int]


def checked(plane: RoutedPlane) -> dict[Where, bool]:
    """(address, port) of each target -> whether it took a connection from any node."""
    asked = list(_asked(plane))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: _answers(*each), asked))
    found: dict[Where, bool] = {}
    for (_, where), is_well in zip(asked, answers, strict=True):
        found[where] = found.get(where, False) or is_well
    return found


def _asked(plane: RoutedPlane) -> Iterator[tuple[str, Where]]:
    """(namespace of a node, target). UDP has no check of its own here."""
    for eni in plane.cloud.enis.values():
        if eni.kind == "network_load_balancer":
            for listener in plane.cloud.balancers.get(eni.owner, ()):
                for where in listener.registered if listener.protocol == "tcp" else ():
                    yield plane.namespaces[names.space("node", eni.id)], where


def _answers(namespace: str, where: Where) -> bool:
    def ask() -> bool:
        try:
            socket.create_connection(where, _PATIENCE).close()
        except OSError:
            return False
        return True

    return netns.inside(namespace, ask)
