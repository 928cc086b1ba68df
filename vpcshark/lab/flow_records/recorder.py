"""Keeps the account's flow logs: hears of packets, adds them up for each flow log, delivers what is due.

Where packets are heard and where records go are handed in. Must not know moto or namespaces.
"""

from __future__ import annotations

import logging
import os
import random
import select
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vpcshark.clock import Clock
from vpcshark.lab.flow_records import formats
from vpcshark.lab.flow_records.delivery import Events, Line, Object, Queue
from vpcshark.lab.flow_records.flow_log import DELAYS, FlowLog
from vpcshark.lab.flow_records.formats import EniFacts
from vpcshark.lab.flow_records.gateway_counts import PERIOD, Gateway, GatewayCounts, Metric
from vpcshark.lab.flow_records.intervals import Intervals, Record
from vpcshark.lab.flow_records.packets import Seen

_log = logging.getLogger(__name__)
_TICK = 0.25


class Source(Protocol):
    """Where packets are heard (``vpc.packet_log``)."""

    def fileno(self) -> int:
        """For a selector."""

    def read(self) -> tuple[list[Seen], bool]:
        """(what was told, whether something was lost)."""


class Account(Protocol):
    """Whose flow logs they are."""

    def flow_logs(self) -> Mapping[FlowLog, Mapping[str, EniFacts]]:
        """Those that deliver now, each with the ENIs that it covers."""

    def gateways(self) -> Mapping[str, Gateway]:
        """The interfaces of gateways at which CloudWatch counts, by ENI id."""

    def deliver(self, parcel: Events | Object, log: FlowLog) -> None:
        """Put it where it belongs."""

    def count(self, metrics: Sequence[Metric]) -> None:
        """Put the counts of a minute into CloudWatch."""


@dataclass
class Pace:
    """What a test may ask for: seconds (None: as AWS does it), order, ENIs whose packets are lost."""

    interval: float | None = None
    delay: float | None = None
    is_shuffled: bool = True
    seed: int = 0


@dataclass
class Recorder:
    """``refresh`` after each change of the account, ``run`` in a thread of its own, or ``hear`` and ``tick``."""

    account: Account
    clock: Clock
    pace: Pace = field(default_factory=Pace)
    _known: dict[FlowLog, tuple[Intervals, Mapping[str, EniFacts]]] = field(default_factory=dict)
    _gateways: Mapping[str, Gateway] = field(default_factory=dict)
    _counts: GatewayCounts = field(default_factory=GatewayCounts)
    _counted: float = 0.0
    _queue: Queue = field(default_factory=lambda: Queue(random.Random(0)))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def set_pace(self, **facts: object) -> None:
        """From now on: see ``Pace``. Intervals that are open end."""
        with self._lock:
            self.pace = Pace(**facts)  # type: ignore[arg-type]
            self._queue.is_shuffled = self.pace.is_shuffled
            self._queue.chance = random.Random(self.pace.seed)
            self._known = {}
            self.refresh()

    def refresh(self) -> bool:
        """Ask which flow logs there are; whether there is one."""
        with self._lock:
            found, now = self.account.flow_logs(), self.clock.now()
            known = {}
            for log, enis in found.items():
                intervals = self._known[log][0] if log in self._known else Intervals(self._interval(log), now)
                known[log] = (intervals, enis)
            self._known, self._gateways = known, self.account.gateways()
            return bool(known)

    def _interval(self, log: FlowLog) -> float:
        return self.pace.interval if self.pace.interval is not None else log.interval

    def hear(self, seen: Iterable[Seen], *, has_gap: bool = False) -> None:
        """Packets, and whether others were lost."""
        with self._lock:
            for each in seen:
                for log, (intervals, enis) in self._known.items():
                    if each.eni in enis and log.traffic in ("ALL", each.verdict):
                        intervals.note(each)
                if each.eni in self._gateways:
                    self._counts.note(each, self._gateways[each.eni])
            if has_gap:
                self.lose()

    def lose(self, enis: Sequence[str] = ()) -> None:
        """Packets of these (none named: of all) were lost in the interval that is open."""
        with self._lock:
            for intervals, covered in self._known.values():
                intervals.lose([eni for eni in enis or covered if eni in covered], self.clock.now())

    def tick(self) -> None:
        """Close what has ended, deliver what is due."""
        with self._lock:
            now = self.clock.now()
            for log, (intervals, enis) in self._known.items():
                lines = [_line(log, record, enis) for record in intervals.take(now, enis) if record.eni in enis]
                delay = DELAYS[log.destination_type] if self.pace.delay is None else self.pace.delay
                self._queue.add(now + delay, delay / 2, log, lines)
            parcels, metrics = self._queue.take(now), self._minute(now)
        if metrics:
            self.account.count(metrics)
        for log, parcel in parcels:
            self.account.deliver(parcel, log)

    def _minute(self, now: float) -> list[Metric]:
        """The counts, once a minute or as often as intervals end."""
        length = PERIOD if self.pace.interval is None else min(PERIOD, self.pace.interval)
        if now - self._counted < length:
            return []
        self._counted = now
        return self._counts.take()

    def run(self, source: Source, ending: int) -> None:
        """Until ``ending`` (a descriptor) has something to read or is closed."""
        while True:
            readable, _, _ = select.select([source.fileno(), ending], [], [], _TICK)
            if ending in readable:
                return
            seen, has_gap = source.read()
            self.hear(seen, has_gap=has_gap)
            try:
                self.tick()
            except Exception:  # noqa: BLE001 - the next tick goes on, and the lab's log has it
                _log.exception("flow log records could not be delivered")


def _line(log: FlowLog, record: Record, enis: Mapping[str, EniFacts]) -> Line:
    eni = enis[record.eni]
    stream = f"{dict(record.told).get('tgw-attachment-id', record.eni)}-{log.traffic.lower()}"
    return Line(record.start, record.end, formats.line(log.fields, record, eni), stream)


class Running:
    """A recorder in its thread, from its making to ``close``."""

    def __init__(self, recorder: Recorder, source: Source) -> None:
        self._reader, self._writer = os.pipe()
        self._thread = threading.Thread(
            target=recorder.run, args=(source, self._reader), name="lab-flow-logs", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it; returns when it has."""
        os.close(self._writer)
        self._thread.join()
        os.close(self._reader)
