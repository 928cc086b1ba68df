"""Flow logs of the lab's VPC: from the first one on, groups and ACLs hold for all its packets and are told of each.

Without one, nothing of this runs. Must not know moto; whoever changes the account says so by ``look``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vpcshark.clock import Clock
from vpcshark.errors import VpcsharkError
from vpcshark.lab.firewalls import Firewall
from vpcshark.lab.flow_records.recorder import Account, Recorder, Running
from vpcshark.lab.vpc.firewall import Firewalls
from vpcshark.lab.vpc.packet_log import GROUP, PacketLog
from vpcshark.lab.vpc.plane import NamespacePlane

_log = logging.getLogger(__name__)
_SERVICES = ("169.254.0.0/16", "fd00:ec2::/32")  # metadata, time, DNS: neither filtered nor logged


class FlowLogging:
    """From its making to ``close``. ``firewalls`` reads what is to be enforced: of every VPC, if it is told True."""

    def __init__(
        self,
        plane: NamespacePlane,
        fabric: str,
        resolver: str,
        account: Account,
        firewalls: Callable[[bool], Sequence[Firewall]],
        clock: Clock,
    ) -> None:
        self._plane, self._fabric, self._clock = plane, fabric, clock
        self._services = (*_SERVICES, f"{resolver}/32")
        self._firewalls = firewalls
        self._enforcer = Firewalls(fabric, GROUP)
        self._running: Running | None = None
        self._log: PacketLog | None = None
        self._is_strict = False
        self.recorder = Recorder(account, clock)

    def look(self) -> None:
        """Something of the account changed: enforce and record what it says now."""
        is_on = self.recorder.refresh()
        wanted = self._firewalls(self._is_strict)
        if is_on and self._running is None:
            self._log = PacketLog(self._fabric, self._clock)
            self._running = Running(self.recorder, self._log)
        try:
            self._plane.at_ports(lambda ports: self._enforcer.enforce(wanted, ports, self._services))
        except VpcsharkError:
            _log.exception("groups and ACLs are not enforced")
            raise

    def control(self, **facts: Any) -> Mapping[str, Any]:
        """What a test asks for: "pace" (``recorder.Pace``), "lose" (ENI ids), "strict" (firewalls without flow
        logs)."""
        if "pace" in facts:
            self.recorder.set_pace(**facts["pace"])
        if "lose" in facts:
            self.recorder.lose(facts["lose"])
        if "strict" in facts:
            self._is_strict = bool(facts["strict"])
            self.look()
        return {}

    def close(self) -> None:
        """Record no more. The rules go with the namespace."""
        if self._running is not None:
            self._running.close()
        if self._log is not None:
            self._log.close()
