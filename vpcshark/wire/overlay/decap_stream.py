"""A capture file that comes in pieces of any size -> the pcapng of its inner frames.

Holds a buffer that whoever reads the file fills; whole records are worked on, the rest waits for its other half. Must
not know files: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Protocol

from vpcshark.wire.capture_files.formats import open_reader
from vpcshark.wire.capture_files.pcapng import section_header
from vpcshark.wire.capture_files.pcapng_reader import PcapngFile
from vpcshark.wire.capture_files.records import SLACK, Blocks, Reader, Run
from vpcshark.wire.overlay.decap import LINKS, Decapsulator
from vpcshark.wire.overlay.decap_facts import Facts

CHUNK = 1 << 20
"""Bytes that are read at once: with what comes of them, they stay in the processor's caches."""


class Worker(Protocol):
    """What makes packet blocks of a run of records: ``Decapsulator``, or ``decap_table.Table``, which is faster."""

    def run(self, data: bytearray, run: Run, reader: Reader) -> Blocks:
        """The packet blocks; ``data`` may be scratched where the run lies, and has ``SLACK`` bytes beyond it."""

    def number(self) -> int:
        """The id of the output's next interface."""


def worker_of(engine: Decapsulator) -> Worker:
    """The fast one where NumPy is installed; what comes out is the same."""
    try:
        from vpcshark.wire.overlay.decap_table import Table
    except ImportError:
        return engine
    return Table(engine)


class Stream:
    """Fill ``room()``, say with ``take`` how much; at the end call ``finish``.

    All raise ``ValueError`` with the byte offset at what is no capture; everything before that has been given by then.
    """

    def __init__(self, worker: Worker, application: str = "", chunk: int = CHUNK) -> None:
        self._worker = worker
        self._application = application
        self._facts = Facts(worker.number, application)
        self._buffer = bytearray(chunk + SLACK)
        self._filled = self._origin = 0
        self._reader: Reader | None = None

    @property
    def has_begun(self) -> bool:
        """Is the input a capture, as far as its first bytes tell?"""
        return self._reader is not None

    @property
    def remarks(self) -> list[str]:
        """What the user should know of the file: sentences."""
        if self._reader is None:
            return []
        left_out = self._facts.left_out + self._reader.left_out
        told = ", ".join(f"{what} ({count})" for what, count in left_out.items())
        return [*self._reader.remarks, *([f"Left out, as it has no place in the output: {told}."] if told else [])]

    def room(self) -> memoryview:
        """Where the next bytes go. Grows only for a record that is longer than the buffer."""
        if self._filled == len(self._buffer) - SLACK:
            self._buffer = self._buffer + bytes(len(self._buffer))
        return memoryview(self._buffer)[self._filled : -SLACK]

    def take(self, count: int) -> Iterator[Blocks]:
        """The blocks that ``count`` bytes more make: a section header, then interfaces and packets."""
        self._filled += count
        if self._reader is None:
            self._reader = open_reader(bytes(self._buffer[: min(4, self._filled)]))
            if self._reader is None:
                return
            if not isinstance(self._reader, PcapngFile):
                yield section_header(application=self._application)
        yield from self._work(self._reader)

    def finish(self) -> None:
        """Nothing follows."""
        if self._reader is None:
            raise ValueError(f"It is no capture: it has {self._filled} bytes.")
        if self._filled:
            raise ValueError(f"It is cut off: what begins at byte {self._origin} is not whole.")

    def _work(self, reader: Reader) -> Iterator[Blocks]:
        at, buffer = 0, self._buffer
        while (run := (yield from self._scan(reader, at))).end > at:
            _check_link(reader)
            if run.starts and (blocks := self._worker.run(buffer, run, reader)):
                yield blocks
            at = run.end
        buffer[: self._filled - at] = buffer[at : self._filled]
        self._origin += at
        self._filled -= at

    def _scan(self, reader: Reader, at: int) -> Generator[Blocks, None, Run]:
        """The next records; what was found before them, besides packets, is given, also if nothing good follows."""
        try:
            return reader.scan(self._buffer, at, self._filled, self._origin)
        finally:
            others, reader.others = reader.others, []
            for found in others:
                if blocks := self._facts.take(found):
                    yield blocks


def _check_link(reader: Reader) -> None:
    """A pcap file has one link type, at byte 20; of a pcapng file some interfaces may be of use."""
    layout = reader.layout
    if not layout.interfaces and layout.link >= 0 and layout.link not in LINKS:
        raise ValueError(f"At byte 20 it has link type {layout.link}, not Ethernet, IP or Linux cooked.")
