"""Packets with their verdicts, as rules written by ``firewall.log_rule`` tell of them in one network namespace.

Must not know who adds them up.
"""

from __future__ import annotations

from vpcshark.clock import Clock
from vpcshark.lab.flow_records import packets
from vpcshark.lab.flow_records.packets import Seen
from vpcshark.lab.vpc import netns
from vpcshark.lab.vpc.netlink_log import Listener

GROUP = 4789
"""The netlink log's group in which the lab's rules speak."""


class PacketLog:
    """From its making to ``close``. ``namespace`` "" is this machine's own. VpcsharkError, OSError."""

    def __init__(self, namespace: str, clock: Clock, group: int = GROUP) -> None:
        self._clock = clock
        self._listener = netns.inside(namespace, lambda: Listener(group)) if namespace else Listener(group)

    def fileno(self) -> int:
        """For a selector."""
        return self._listener.fileno()

    def read(self) -> tuple[list[Seen], bool]:
        """(what was told since the last time, whether something before it or among it was lost)."""
        found, has_gap, when = [], False, self._clock.now()
        for each in self._listener.read():
            has_gap |= each.is_after_gap
            verdict, direction, eni = each.prefix.split()
            packet = packets.read(each.data)
            if packet is not None:
                found.append(Seen(eni, direction, verdict, when, packet))
        return found, has_gap

    def close(self) -> None:
        """Hear no more."""
        self._listener.close()
