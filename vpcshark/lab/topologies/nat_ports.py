"""ErrorPortAllocation of a topology's NAT gateways: connections that the kernel had no port for, counted by itself.

Such a packet's translation clashes with another's, and the kernel drops it (proc file nf_conntrack, insert_failed).
Unlike AWS's, counts are there after a second. Must not know moto.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from vpcshark.errors import VpcsharkError
from vpcshark.lab.flow_records.gateway_counts import Metric
from vpcshark.lab.flow_records.recorder import Account
from vpcshark.lab.vpc import netns
from vpcshark.lab.vpc.routed import names
from vpcshark.lab.vpc.routed.plane import RoutedPlane

_log = logging.getLogger(__name__)
_PERIOD = 1.0
_COUNTS = Path("/proc/thread-self/net/stat/nf_conntrack")
_FAILED = "insert_failed"


class NatPorts:
    """From its making to ``close``."""

    def __init__(self, plane: RoutedPlane, account: Account) -> None:
        self._plane, self._account = plane, account
        self._told: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lab-nat-ports", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Count no more; returns when it has ended."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_PERIOD):
            try:
                self._account.count(self._anew())
            except (OSError, VpcsharkError) as error:  # a gateway that is just being taken away
                _log.info("ports of NAT gateways could not be counted: %s", error)

    def _anew(self) -> list[Metric]:
        """What each gateway has counted since the last time."""
        found = []
        for nat in list(self._plane.cloud.nats):
            namespace = self._plane.namespaces.get(names.space("nat", nat), "")
            count = netns.inside(namespace, _failed) if namespace else 0
            if count > self._told.get(nat, 0):
                anew = count - self._told.get(nat, 0)
                found.append(Metric("AWS/NATGateway", "ErrorPortAllocation", (("NatGatewayId", nat),), anew))
            self._told[nat] = count
        return found


def _failed() -> int:
    """Of this thread's network namespace, of all CPUs: columns with a name each, in hexadecimal."""
    head, *rows = _COUNTS.read_text("ascii").splitlines()
    place = head.split().index(_FAILED)
    return sum(int(row.split()[place], 16) for row in rows)
