"""Streams a remote tcpdump into the sink, with its counts as statistics blocks, and reconnects on failure.

Must not know AWS, nor how a dump is had.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial

from vpcshark.capture.connection.retry import PAUSE, PERSISTENCE
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.contract.status import Status
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.instance.commands import BEAT
from vpcshark.capture.instance.tcpdump_process import Dump
from vpcshark.capture.instance.tls_secrets import HeldSink, Secrets
from vpcshark.capture.tcpdump.counts import Counts
from vpcshark.clock import Clock, utc
from vpcshark.errors import TransportError, VpcsharkError, unexpected
from vpcshark.wire.capture_files import pcapng

log = logging.getLogger(__name__)
LATE = 2 * BEAT + 1.0  # seconds without counts that are no accident


Restart = Callable[[str], Dump]
"""(remark for the first packet) -> a dump on a fresh way to the host, not begun. TransportError."""


class Pouring:
    """The stream of a capture in mode "tcpdump"; has the shape of ``frame_stream.Receiving``, without commands."""

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
        self._started = int(clock.now() * 1e9)
        self._counts = Counts()
        self._heard = clock.monotonic()  # when the host's counts came last, or a dump began
        self._writing = threading.Lock()  # of counts: three threads do, and the later block has the higher ones
        dump.on_counts = partial(self._count, self._counts.share())

    @property
    def stats(self) -> Mapping[str, int]:
        """See ``frame_stream.Receiving``; with the counts of earlier dumps."""
        total = self._counts.total()
        return {} if total is None else {"received": total[0], "dropped": total[1]}

    def begin_tally(self) -> None:
        """See ``silence.Tallies``; the host counts anyway."""

    def end_tally(self, timeout: float) -> Mapping[str, int]:
        """See ``silence.Tallies``: {} where counts should have come, and did not."""
        if self._dump.counts_when_asked and self._clock.monotonic() - self._heard > LATE:
            return {}
        return {"received": self.stats.get("received", 0)}

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
            sink.write(blocks)

    def _again(self, sink: Sink) -> None:
        """After an end that nobody asked for: raises what ended it, unless only the way broke and a new one is had."""
        ended = self._dump.why_ended()
        self._dump.close()
        if ended is not None:
            raise ended
        last = self._dump.last_time or self._started
        broke = self._clock.monotonic()
        log.warning("The way to the host broke.")
        self._status.say("The connection broke; connecting again ...")
        while True:
            try:
                self._reconnect(sink, last)
                return
            except TransportError as error:
                log.info("%s", error)
                if self._clock.monotonic() - broke > PERSISTENCE or self._stop.wait(PAUSE):
                    raise

    def _reconnect(self, sink: Sink, last: int) -> None:
        """``last``: when the last packet that came was seen (ns). That dates the gap, whenever it was noticed: a way
        that is cut in silence is missed some seconds later, and a machine that slept misses nothing while it does."""
        since = f"from about {utc(last)} UTC on"
        remark = f"Packets before this one, {since}, are missing: the connection to the host broke and was made again."
        dump = self._restart(remark)
        dump.on_counts = partial(self._count, self._counts.share())
        try:
            first = dump.begin()
        except BaseException:
            dump.close()
            raise
        self._dump = dump
        self._heard = self._clock.monotonic()
        if self._key_log:
            self._follow(dump)
        if self._ending:  # asked to end meanwhile
            dump.close()
            return
        gap = max(0.0, self._clock.now() - last / 1e9)
        log.warning("Connected again after %.1f seconds.", gap)
        self._status.say(f"Connected again; packets of about {gap:.0f} seconds are missing.")
        sink.write(first)

    def _count(self, share: Callable[[int, int], None], received: int, dropped: int) -> None:
        """A statistics block; the counts of earlier dumps stay in it."""
        self._heard = self._clock.monotonic()
        share(received, dropped)
        if not self._ending:
            self._write_counts()

    def _write_counts(self) -> None:
        with self._writing:
            total = self._counts.total()
            if self._sink is None or total is None:
                return
            now = int(self._clock.now() * 1e9)
            try:
                self._sink.write(pcapng.interface_statistics(0, now, *total, self._started))
            except VpcsharkError as error:
                log.info("%s", error)
            except SinkClosed:
                pass
