"""A receiver's stdout: its pcapng blocks into a sink, whole ones only. Counts them as they pass.

Must not look into packets: at most where one ends, and whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from vpcshark.capture.contract.sink import Sink
from vpcshark.capture.receivers.splice import HAS_SPLICE, drain
from vpcshark.errors import TransportError
from vpcshark.transport.base import Channel, Piped
from vpcshark.wire.capture_files.pcapng import Cutter

CHUNK = 1 << 18
MOST_BANNER = 1 << 20


class Frames:
    """One receiver's. What comes before ``begin``, and that itself, is no frame: start-up files of a login shell may
    print banners. One thread moves; the counts may be read by any."""

    def __init__(self, channel: Channel, where: str, begin: bytes) -> None:
        self._channel = channel
        self._where = where
        self._begin = begin
        self._cutter = Cutter()
        self.moved = 0  # bytes of pcapng so far

    def expect(self, interfaces: frozenset[int]) -> None:
        """Only packets and statistics of these interfaces pass; none named: of all."""
        self._cutter.interfaces = interfaces or None

    @property
    def packets(self) -> Mapping[int, int]:
        """How many came so far, by interface id; not known where they go from pipe to pipe."""
        return self._cutter.packets

    @property
    def last_time(self) -> int:
        """When the last one was seen there, ns by that machine's clock; 0 if not known."""
        return self._cutter.last_time()

    def move(self, sink: Sink) -> None:
        """Until the end. SinkClosed; TransportError for what is no blocks."""
        data = self._first()
        if HAS_SPLICE and isinstance(self._channel, Piped) and (pipe := sink.drain) is not None:
            sink.write(data)
            drain(self._channel, pipe, self._count)
        else:
            self._copy(data, sink)

    def printed(self) -> bytes:
        """What a command that ended printed, up to where a receiver begins: shells that let nobody in say so there."""
        data = bytearray()
        while len(data) < MOST_BANNER and not (self._begin and self._begin in data):
            if not (more := self._channel.read(CHUNK)):
                break
            data += more
        return bytes(data)

    def _copy(self, data: bytes, sink: Sink) -> None:
        """Move ``data`` and stdout into the sink until its end, in whole blocks: others may write between two of them,
        and what a broken connection cut off is in nobody's way."""
        while True:
            if blocks := self._cut(data):
                sink.write(blocks)
            data = self._channel.read(CHUNK)
            if not data:
                return
            self._count(len(data))

    def _cut(self, data: bytes) -> bytes:
        try:
            return self._cutter.feed(data)
        except ValueError as error:
            raise TransportError(
                f"What the receiver on {self._where} sent cannot be taken: {error}", "Start the capture again."
            ) from error

    def _count(self, size: int) -> None:
        self.moved += size

    def _first(self) -> bytes:
        """What came together with the end of ``begin``. TransportError where it does not come."""
        data, more = bytearray(), b""
        while data.find(self._begin, max(0, len(data) - len(more) - len(self._begin))) < 0:
            more = self._channel.read(CHUNK)
            if not more or len(data) > MOST_BANNER:
                raise TransportError(
                    f"The login shell on {self._where} printed {len(data)} bytes, and then no receiver came.",
                    "Let the start-up files of the user there print nothing where no terminal is.",
                )
            data += more
        return bytes(data.partition(self._begin)[2] if self._begin else data)
