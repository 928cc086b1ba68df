"""Every stream of frames that there is, over hosts that do what the test wants. Must not know what is tried."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from quiet import QuietHost

from vpcshark.aws.mirroring.resources import ALL_TRAFFIC
from vpcshark.capture.contract.frame_stream import FrameStream
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.flow_records.beside import Beside
from vpcshark.capture.flow_records.feed import Records
from vpcshark.capture.lifecycle.costs import Costs
from vpcshark.capture.mirror.active_filter import InForce
from vpcshark.capture.mirror.silence_text import Facts
from vpcshark.capture.mirror.stream import MirrorStream
from vpcshark.capture.receivers.client import Reception
from vpcshark.capture.receivers.merged import FleetReception, Member
from vpcshark.capture.receivers.receiver import WithKeyLog
from vpcshark.capture.receivers.reconnecting import Resuming
from vpcshark.capture.tcpdump.stream import Begun, Pouring, Seams
from vpcshark.clock import SystemClock
from vpcshark.wire.capture_files import pcapng

FRAME = pcapng.enhanced_packet(0, 10**18, b"frame", 5)


class Host(QuietHost):
    """A capture host that has frames when the test gives it some; each tally is answered at once."""

    def give(self) -> None:
        self._frames.put(FRAME)

    def write(self, data: bytes) -> None:
        super().write(data)
        if data == b'{"tally": false}\n':
            self.errors.put(b'{"event": "tally", "own": 2, "received": 0, "seconds": 1.0}\n')


class Dumping:
    """A tcpdump, the same."""

    last_time, whose, counts_when_asked = 0, "", True

    def __init__(self) -> None:
        self._packets: queue.Queue[bytes] = queue.Queue()

    def give(self) -> None:
        self._packets.put(FRAME)

    def read(self) -> bytes:
        return self._packets.get()

    def ask_to_end(self) -> None:
        self._packets.put(b"")

    def why_ended(self) -> None:
        """The connection broke."""

    def close(self, timeout: float = 0.0) -> None:
        """Nothing to let go of."""


class Scene:
    """A stream with what it needs; ``give`` lets it have a frame."""

    def __init__(self, kind: str) -> None:
        self.host, self.dump, self.stop = Host(), Dumping(), Stop()
        self.give: Callable[[], None] = self.dump.give if kind == "tcpdump" else self.host.give
        self.stream: FrameStream = getattr(self, f"_{kind}")()

    def _receiver(self) -> Reception:
        made = Reception(self.host, self.host)
        made.begin({}, 60.0)
        return made

    def _resuming(self) -> Resuming:
        return Resuming(self._receiver(), lambda carried: self._receiver(), self.stop, SystemClock(), Silent())

    def _fleet(self) -> FleetReception:
        return FleetReception([Member("one", self._receiver())], Silent(), SystemClock())

    def _key_log(self) -> WithKeyLog:
        following: Any = SimpleNamespace(before=lambda sink, on_connection: sink, end=lambda: None)
        return WithKeyLog(self._receiver(), following, lambda own: None)

    def _mirror(self) -> MirrorStream:
        look: Any = SimpleNamespace(facts=lambda arrived, text: Facts(arrived, "one", [7]), still=list)
        return MirrorStream(self._receiver(), InForce("", ALL_TRAFFIC, {}), str, None, look, Costs(1))

    def _tcpdump(self) -> Pouring:
        dump: Any = self.dump
        return Pouring(lambda remark, on_counts: Begun(dump, b""), Seams(self.stop, SystemClock(), Silent()))

    def _beside(self) -> Beside:
        return Beside(self._receiver(), [], SystemClock())

    def _records(self) -> Records:
        reading: Any = SimpleNamespace(
            log=SimpleNamespace(id="fl-1", problems=[], destination_type="none"),
            wanted=None,
            stop=threading.Event(),
            tally=SimpleNamespace(sentences=lambda *given: []),
        )
        context: Any = SimpleNamespace(clock=SystemClock(), selection="eni-1", stop=self.stop, options=None)
        frames: Any = SimpleNamespace(interfaces={}, end=lambda: b"")
        return Records(context, reading, frames)


KINDS = {
    "receiver": Reception,
    "resuming": Resuming,
    "fleet": FleetReception,
    "key_log": WithKeyLog,
    "mirror": MirrorStream,
    "tcpdump": Pouring,
    "records": Records,
    "beside": Beside,
}
WITH_FRAMES = [kind for kind in KINDS if kind != "records"]  # these are AWS's: tests/e2e/test_flow_log_captures.py


class Kept(Sink):
    """A sink that keeps what it gets, unless nobody reads it."""

    def __init__(self, *, is_read: bool = True) -> None:
        self._is_read = is_read
        self.got: queue.Queue[bytes] = queue.Queue()

    def write(self, data: bytes) -> None:
        if not self._is_read:
            raise SinkClosed("nobody reads")
        if data:
            self.got.put(data)

    def close(self) -> None:
        """Nothing to let go of."""
