"""A capture's stream -> its file or files: whole blocks alone, and in each file all that is known by then.

Each file begins with the section, the interfaces, the names and the secrets that came so far. Must not know how a
capture works.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NoReturn, Protocol

from vpcshark.capture.contract.sink import FileSink, Sink, SinkClosed
from vpcshark.capture.contract.stop import Stop
from vpcshark.cli.limits import Limits
from vpcshark.clock import Clock
from vpcshark.errors import InputError, OutputError, VpcsharkError
from vpcshark.text import many
from vpcshark.wire.capture_files import pcapng

_KNOWN = (pcapng.SECTION, pcapng.INTERFACE, pcapng.NAMES, pcapng.SECRETS)
_ENHANCED = struct.Struct("<IIIII").unpack_from
_MAGIC = {"pcap": 0xA1B2C3D4, "nsecpcap": 0xA1B23C4D}
_BEGINNING = struct.Struct("<IIH").unpack_from  # type, length, and of an interface block its link type
_PACKET_HEAD = 28
PATIENCE = 10.0  # seconds that a reader may take nothing when the capture ends


class File(Protocol):
    """What ``FileSink`` is."""

    size: int

    def write(self, data: bytes) -> None: ...
    def cut(self, size: int) -> None: ...
    def close(self) -> None: ...


class Form:
    """pcapng as it comes."""

    def known(self, block: bytes) -> bytes:
        """What of a block that describes the capture belongs into each file."""
        return block

    def head(self) -> bytes:
        """What each file begins with."""
        return b""

    def block(self, kind: int, block: bytes) -> bytes:
        """What a block becomes."""
        return block


class PcapForm(Form):
    """pcap, which has packets alone. Ours are Ethernet's, with times in nanoseconds."""

    def __init__(self, name: str) -> None:
        self._magic = _MAGIC[name]
        self._per_tick = 1 if name == "nsecpcap" else 1000

    def known(self, block: bytes) -> bytes:
        """Nothing has a place. OutputError for packets of another link type, which flow logs' records have."""
        kind, _, link = _BEGINNING(block)
        if kind == pcapng.INTERFACE and link != pcapng.ETHERNET:
            raise OutputError("Flow logs' records are no Ethernet frames, which pcap files have here.", "Write pcapng.")
        return b""

    def head(self) -> bytes:
        """The file header."""
        return struct.pack("<IHHiIII", self._magic, 2, 4, 0, 0, 262144, pcapng.ETHERNET)

    def block(self, kind: int, block: bytes) -> bytes:
        """A record for a packet."""
        if kind != pcapng.PACKET:
            return b""
        _, high, low, captured, length = _ENHANCED(block, 8)
        seconds, rest = divmod(high << 32 | low, 1_000_000_000)
        head = struct.pack("<IIII", seconds & 0xFFFFFFFF, rest // self._per_tick, captured, length)
        return head + block[_PACKET_HEAD : _PACKET_HEAD + captured]


def form_of(name: str) -> Form:
    """By its name on the command line."""
    return Form() if name == "pcapng" else PcapForm(name)


class Recorder(Sink):
    """The sink of ``vpcshark capture``. Counts the packets, begins new files, and asks to stop at the limits: behind
    the last wanted packet come only blocks that are none (the counts)."""

    def __init__(
        self, path: str, stop: Stop, limits: Limits, form: Form, clock: Clock, open_file: Callable[[str], File]
    ) -> None:
        self.packets = 0
        self.paths: list[str] = []
        self._path, self._stop, self._limits, self._form, self._clock = path, stop, limits, form, clock
        self._open_file = open_file
        self._lock = threading.Lock()  # one write's blocks are whole in one file, and counted
        self._cutter = pcapng.Cutter()
        self._known = b""
        self._files = self._in_file = 0
        self._is_full = self._is_over = False
        self._stuck = 0.0  # seconds for which the reader took nothing at the end
        self._wrong: OutputError | None = None
        self._pending = bytearray()
        self._ends: list[int] = []
        self._file: File = self._next()

    def write(self, data: bytes) -> None:
        """See ``Sink``. OutputError, once, where the file can't take more: it says how many packets are safe. Whoever
        meets it, the capture is asked to stop, and ``check`` tells it."""
        with self._lock:
            if self._is_over:
                raise SinkClosed(f"{self._path} is closed")
            for kind, block in blocks(self._cutter.feed(data)):
                self._take(kind, block)
            self._flush()

    def close(self, patience: float = PATIENCE) -> None:
        """See ``Sink``. A reader that takes nothing for ``patience`` seconds is waited for no longer, nor again."""
        if not self._lock.acquire(timeout=0 if self._stuck else patience):  # somebody writes into a full pipe
            self._stuck, self._is_over = self._stuck or patience, True
            return
        try:
            self._is_over = True
            self._file.close()
        finally:
            self._lock.release()

    def check(self) -> None:
        """OutputError if the file could not take all: it may have met a thread that writes no packets."""
        if self._wrong is not None:
            raise self._wrong
        if self._stuck:
            what = "Standard output" if self._path == "-" else self._path
            raise OutputError(f"{what} took nothing for {self._stuck:g} seconds.", "See why its reader waits.")

    def _take(self, kind: int, block: bytes) -> None:
        if kind in _KNOWN:
            self._known += self._form.known(block)
        if kind == pcapng.PACKET:
            if self._is_full:
                return
            if self._is_due():
                self._turn()
                if self._is_full:
                    return
            self.packets += 1
            self._in_file += 1
        self._pending += self._form.block(kind, block)
        if kind == pcapng.PACKET:
            self._ends.append(len(self._pending))
            self._judge()

    def _judge(self) -> None:
        limits = self._limits
        if 0 < limits.packets <= self.packets:
            self._fill(f"{many(limits.packets, 'packet')} captured, as was asked for")
        elif 0 < limits.size <= self._size:
            self._fill(f"the file has {limits.size // 1000} kB")

    def _fill(self, reason: str) -> None:
        self._is_full = True
        self._stop.request(reason)

    @property
    def _size(self) -> int:
        return self._file.size + len(self._pending)

    def _is_due(self) -> bool:
        """Does the next packet belong into the next file?"""
        limits, now = self._limits, self._clock.now()
        return bool(
            (limits.turn_packets and self._in_file >= limits.turn_packets)
            or (limits.turn_size and self._size >= limits.turn_size and self._in_file)
            or (limits.turn_duration and now - self._began >= limits.turn_duration)
            or (limits.turn_interval and now // limits.turn_interval != self._began // limits.turn_interval)
        )

    def _turn(self) -> None:
        self._flush()
        if 0 < self._limits.files <= self._files:
            self._fill(f"{many(self._files, 'file')} written, as was asked for")
            return
        self._file.close()
        try:
            self._file = self._next()
        except InputError as error:  # its folder is gone, or full
            self.paths.pop()
            self._fail(error, OutputError(error.problem, self._safe()))
        while 0 < self._limits.kept < len(self.paths):
            Path(self.paths.pop(0)).unlink(missing_ok=True)

    def _next(self) -> File:
        self._files += 1
        self._in_file, self._began = 0, self._clock.now()
        self.paths.append(self._name())
        file = self._open_file(self.paths[-1])
        self._pending += self._form.head() + self._known
        return file

    def _name(self) -> str:
        """dumpcap's names: out_00001_20261129013000.pcapng."""
        if not self._limits.has_turns:
            return self._path
        path, when = Path(self._path), datetime.fromtimestamp(self._began)
        return str(path.with_name(f"{path.stem}_{self._files:05d}_{when:%Y%m%d%H%M%S}{path.suffix}"))

    def _flush(self) -> None:
        data, ends = bytes(self._pending), self._ends
        self._pending, self._ends = bytearray(), []
        if not data:
            return
        before = self._file.size
        try:
            self._file.write(data)
        except OutputError as error:
            self._fail(error, self._saved(error, data, ends, before))

    def _fail(self, cause: VpcsharkError, error: OutputError) -> NoReturn:
        """No file takes more: the capture ends, whoever met it."""
        self._wrong, self._is_over = error, True
        self._stop.request(error.problem.rstrip("."))
        raise error from cause

    def _saved(self, error: OutputError, data: bytes, ends: list[int], before: int) -> OutputError:
        """Cut the file behind the last packet that is whole, and say how many there are."""
        written = self._file.size - before
        kept = max((end for end in ends if end <= written), default=0)
        lost = sum(end > written for end in ends)
        self.packets -= lost
        self._file.cut(before + kept)
        return OutputError(error.problem, self._safe())

    def _safe(self) -> str:
        are = f"{many(self.packets, 'packet')} {'is' if self.packets == 1 else 'are'}"
        where = " and ".join(filter(None, (", ".join(self.paths[:-1]), self.paths[-1])))
        return f"{are} safe in {where}; what came after is lost."


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, block) of whole little-endian blocks."""
    at, head = 0, struct.Struct("<II").unpack_from
    while at < len(data):
        kind, length = head(data, at)
        yield kind, data[at : at + length]
        at += length


def open_file(path: str) -> FileSink:
    """A file, or standard output for "-"."""
    return FileSink.open(path)
