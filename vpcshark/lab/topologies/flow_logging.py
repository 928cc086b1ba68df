"""Flow logs of a topology: hears in each VPC's router what became of packets at logged ENIs, and has it recorded.

What is told is the plane's (``vpc/routed/recording``); nothing runs without a flow log. Must not know moto.
"""

from __future__ import annotations

import select
from collections.abc import Mapping
from typing import Any

from vpcshark.clock import Clock
from vpcshark.lab.flow_records.packets import Seen
from vpcshark.lab.flow_records.recorder import Account, Recorder, Running
from vpcshark.lab.vpc.packet_log import PacketLog
from vpcshark.lab.vpc.routed import names
from vpcshark.lab.vpc.routed.plane import RoutedPlane


class Ears:
    """Packet logs of several namespaces as one; see ``recorder.Source``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready = select.epoll()
        self._logs: dict[str, PacketLog] = {}

    def listen(self, namespace: str) -> None:
        """There too, from now on. VpcsharkError, OSError."""
        if namespace not in self._logs:
            self._logs[namespace] = log = PacketLog(namespace, self._clock)
            self._ready.register(log.fileno(), select.EPOLLIN)

    def fileno(self) -> int:
        """For a selector."""
        return self._ready.fileno()

    def read(self) -> tuple[list[Seen], bool]:
        """(what was told since the last time, whether something before it or among it was lost)."""
        told = [log.read() for log in list(self._logs.values())]
        return [each for seen, _ in told for each in seen], any(has_gap for _, has_gap in told)

    def close(self) -> None:
        """Hear no more."""
        for log in self._logs.values():
            log.close()
        self._ready.close()


class FlowLogging:
    """From its making to ``close``."""

    def __init__(self, plane: RoutedPlane, account: Account, clock: Clock) -> None:
        self._plane = plane
        self._ears = Ears(clock)
        self._running: Running | None = None
        self.recorder = Recorder(account, clock)

    def look(self) -> None:
        """The account may have changed, and the plane has followed."""
        for vpc in set(self._plane.cloud.logged.values()):
            self._ears.listen(self._plane.namespaces[names.space("vpc", vpc)])
        if self.recorder.refresh() and self._running is None:
            self._running = Running(self.recorder, self._ears)

    def control(self, **facts: Any) -> Mapping[str, Any]:
        """What a test asks for: "pace" (``recorder.Pace``), "lose" (ENI ids)."""
        if "pace" in facts:
            self.recorder.set_pace(**facts["pace"])
        if "lose" in facts:
            self.recorder.lose(facts["lose"])
        return {}

    def close(self) -> None:
        """Record no more. The rules go with the namespaces."""
        if self._running is not None:
            self._running.close()
        self._ears.close()
