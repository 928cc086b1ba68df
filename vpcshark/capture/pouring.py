"""Packets from a ``Dump`` into the sink, its counts as statistics blocks, and a new dump when the way to it breaks.

Must not know AWS, nor how a dump is had.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from vpcshark.capture.dump import Dump
from vpcshark.capture.secrets import HeldSink, Secrets
from vpcshark.capture.sink import Sink, SinkClosed
from vpcshark.capture.status import Status
from vpcshark.capture.stop import Stop
from vpcshark.clock import Clock
from vpcshark.errors import TransportError, VpcsharkError, unexpected
from vpcshark.wire import pcapng

log = logging.getLogger(__name__)

PERSISTENCE = 30.0  # seconds for which a broken way is tried again
PAUSE = 1.0

Restart = Callable[[str], Dump]
"""(remark for the first packet) -> a dump on a fresh way to the host, not begun. TransportError."""


class Pouring:
    """What ``life`` sees of a capture in mode "tcpdump"; has the shape of ``receiving.Receiving``, without commands."""

    note = ""
    moved = 0  # only a mirror's cost hangs on it

    def __init__(
        self,
        dump: Dump,
        first: bytes,
        restart: Restart,
        stop: Stop,
        clock: Clock,
        status: Status,
        key_log: str = "",
    ) -> None:
        """``key_log`` is a file of TLS secrets on the host, "" for none."""
        self._dump = dump
        self._first = first
        self._restart = restart
        self._stop = stop
        self._clock = clock
        self._status = status
        self._key_log = key_log
        self._secrets = Secrets()
        self._sink: Sink | None = None
        self._held: HeldSink | None = None
        self._pump: threading.Thread | None = None
        self._ending = False
        self._has_counts = False
        self._started = int(clock.now() * 1e9)
        self._heard = clock.monotonic()
        self._before = (0, 0)
        self._now = (0, 0)
        dump.on_counts = self._count

    @property
    def stats(self) -> Mapping[str, int]:
        """See ``receiving.Receiving``; with the counts of earlier dumps."""
        if not self._has_counts:
            return {}
        return {"received": self._before[0] + self._now[0], "dropped": self._before[1] + self._now[1]}

    def stream(self, sink: Sink, on_end: Callable[[VpcsharkError | None], None]) -> None:
        """Move packets in a thread of its own; ``on_end`` hears why it ended (None: nobody reads)."""
        self._sink = sink
        if self._key_log:
            sink = self._held = HeldSink(sink, self._clock)
            self._follow(self._dump)
        self._pump = threading.Thread(target=self._run, args=(sink, on_end), name="frames", daemon=True)
        self._pump.start()

    def finish(self, timeout: float) -> None:
        """Take the last packets and counts, for at most ``timeout`` seconds, then end it."""
        self._ending = True
        self._dump.ask_to_end()
        if self._pump is not None:
            self._pump.join(timeout)
        self._dump.close(timeout / 2)
        if self._held is not None:
            self._held.close()
        if self._has_counts:
            self._write_counts()  # behind the last packet, whichever of the two came first

    def _follow(self, dump: Dump) -> None:
        self._secrets.begin_anew()
        dump.follow(self._key_log, self._secret)

    def _secret(self, data: bytes) -> None:
        if (block := self._secrets.feed(data)) and self._held is not None:
            self._held.at_once(block)

    def _run(self, sink: Sink, on_end: Callable[[VpcsharkError | None], None]) -> None:
        error: VpcsharkError | None = None
        try:
            sink.write(self._first)
            while True:
                self._pour(sink)
                if self._ending or self._stop.requested():
                    return
                self._again(sink)
        except SinkClosed:
            pass
        except VpcsharkError as broken:
            error = broken
        except Exception as surprise:
            log.exception("Packets could not be moved")
            error = unexpected(surprise)
        on_end(error)

    def _pour(self, sink: Sink) -> None:
        while blocks := self._dump.read():
            self._heard = self._clock.monotonic()
            sink.write(blocks)

    def _again(self, sink: Sink) -> None:
        """After an end that nobody asked for: raises what ended it, unless only the way broke and a new one is had."""
        ended = self._dump.why_ended()
        self._dump.close()
        if ended is not None:
            raise ended
        self._before = (self._before[0] + self._now[0], self._before[1] + self._now[1])
        broke = self._clock.monotonic()
        log.warning("The way to the host broke.")
        self._status.say("The connection broke; connecting again ...")
        while True:
            try:
                self._reconnect(sink)
                return
            except TransportError as error:
                log.info("%s", error)
                if self._clock.monotonic() - broke > PERSISTENCE or self._stop.wait(PAUSE):
                    raise

    def _reconnect(self, sink: Sink) -> None:
        remark = "Packets before this one are missing: the connection to the host broke and was made again."
        dump = self._restart(remark)
        dump.on_counts = self._count
        try:
            first = dump.begin()
        except BaseException:
            dump.close()
            raise
        self._dump = dump
        if self._key_log:
            self._follow(dump)
        if self._ending:  # asked to end meanwhile
            dump.close()
            return
        gap = self._clock.monotonic() - self._heard  # a way that was cut in silence broke long before that was noticed
        log.warning("Connected again after %.1f seconds.", gap)
        self._status.say(f"Connected again; packets of about {gap:.0f} seconds are missing.")
        sink.write(first)

    def _count(self, received: int, dropped: int) -> None:
        """A statistics block; the counts of earlier dumps stay in it."""
        self._now = (received, dropped)
        self._heard = self._clock.monotonic()
        self._has_counts = True
        if not self._ending:
            self._write_counts()

    def _write_counts(self) -> None:
        if self._sink is None:
            return
        received, dropped = self._now
        taken, lost = self._before[0] + received, self._before[1] + dropped
        try:
            self._sink.write(pcapng.interface_statistics(0, int(self._clock.now() * 1e9), taken, lost, self._started))
        except VpcsharkError as error:
            log.info("%s", error)
        except SinkClosed:
            pass
