"""The common shapes of outer frames, a whole buffer at a time: columns of header fields instead of frames (NumPy).

VXLAN straight over UDP and IPv4 without options or IPv6, untagged, no fragment, with an inner frame that is whole or
says how long it was, in a record without options. Each packet block is completed where its frame lies: the head over
the outer headers, the tail over the next record's header, so one copy gathers them all; where frames differ in nothing
but time and payload, the first one's head is copied, too. Everything else goes through ``decap.Decapsulator``, in its
place, and the bytes that come out are the same (a test holds the two together). Must not know files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vpcshark.wire.capture_files.blocks import ENHANCED_PACKET
from vpcshark.wire.capture_files.records import MIXED_SCALE, SLACK, Blocks, Layout, Reader, Run
from vpcshark.wire.overlay.decap import ETHERNET, Decapsulator, Wanted
from vpcshark.wire.overlay.vxlan import INBOUND, NEXT_PROTOCOL_FLAG, OUTBOUND, VNI_FLAG, Ports

Array = npt.NDArray[Any]
_WORD = np.dtype("<u4")
_FEWEST = 8
"""Fewer records are not worth a table."""
_HEAD_BYTES, _OPTIONS, _SPILL = 28, 12, 19
_BLOCK_WORDS = ("length", "number", "high", "low", "captured")
_FLAGS_OPTION = 4 << 16 | 2
_IPV4, _IPV6, _VLAN_TAGS = 0x0800, 0x86DD, (0x8100, 0x88A8, 0x9100)
_ADDRESS = (1 << 48) - 1
_FLAGS = VNI_FLAG | NEXT_PROTOCOL_FLAG
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


class _Shape(NamedTuple):
    """Outer Ethernet, IP, UDP and VXLAN headers of a fixed length."""

    headers: int
    ethertype: int
    version_mask: int
    version: int
    protocol_at: int
    has_fragments: bool


_SHAPES = (_Shape(50, _IPV4, 0xFF, 0x45, 23, True), _Shape(70, _IPV6, 0xF0, 0x60, 20, False))


def _record_type(layout: Layout, shape: _Shape) -> np.dtype[Any]:
    """The fields of a record that matter, by their places; big-endian where the wire is."""
    frame, order = layout.header, layout.order
    inner = frame + shape.headers
    fields: dict[str, tuple[str, int]] = {
        "kind": (">u2", frame + 12),
        "version": ("u1", frame + 14),
        "fragment": (">u2", frame + 20),
        "protocol": ("u1", frame + shape.protocol_at),
        "port": (">u2", inner - 14),
        "udp": (">u2", inner - 12),
        "flags": ("u1", inner - 8),
        "vni": (">u4", inner - 4),
        "to": ("<u8", inner),
        "by": ("<u8", inner + 6),
        "ethertype": (">u2", inner + 12),
        "inner_version": ("u1", inner + 14),
        "total": (">u2", inner + 16),
        "payload": (">u2", inner + 18),
    }
    words, first = (_BLOCK_WORDS, 4) if layout.interfaces else (_BLOCK_WORDS[2:], 0)
    fields.update({name: (order + "u4", first + 4 * place) for place, name in enumerate(words)})
    formats, offsets = zip(*fields.values(), strict=True)
    described: Any = {"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": inner + 20}
    record: np.dtype[Any] = np.dtype(described)  # numpy's own words for this dictionary differ between its versions
    return record


class Table:
    """Decapsulates runs of records for ``engine``, whose counts and interfaces end up as if it had done it alone."""

    def __init__(self, engine: Decapsulator) -> None:
        self._engine = engine
        self._type: np.dtype[Any] | None = None
        self._shape = _SHAPES[0]
        self._layout: Layout | None = None
        self._mould: _Mould | None = None

    def run(self, data: bytearray, run: Run, reader: Reader) -> Blocks:
        """The packet blocks of ``run``. ``data`` is scratched where the run lies, with ``SLACK`` bytes beyond it."""
        layout = reader.layout
        if not run.is_plain or layout.scale == MIXED_SCALE or layout.link != ETHERNET or len(run.starts) < _FEWEST:
            return self._engine.run(data, run, reader)
        if not self._engine.interfaces:  # else all frames of this run would wait for the first one's interface block
            first, rest = Run(run.starts[:1], run.starts[1]), Run(run.starts[1:], run.end)
            return self._engine.run(data, first, reader) + self._table(data, rest, reader)
        return self._table(data, run, reader)

    def number(self) -> int:
        """See ``decap_stream.Worker``."""
        return self._engine.number()

    def _table(self, data: bytearray, run: Run, reader: Reader) -> Blocks:
        layout = reader.layout
        self._choose(layout, data, run.starts[0])
        rows = self._gather(data, run.starts)
        spilt = data[run.end : run.end + _SPILL]
        done = self._alike(data, run, rows, layout) if isinstance(run.starts, range) and len(rows) > 1 else None
        if done is None:
            batch = _Batch(data, run.starts, rows, layout, self._shape)
            batch.sort_out(self._engine)
            done = self._join(data, run, reader, batch)
        data[run.end : run.end + _SPILL] = spilt
        return done

    def _alike(self, data: bytearray, run: Run, rows: Array, layout: Layout) -> Blocks | None:
        """A run of frames that differ in nothing which matters here but the time: what the first one becomes is true
        for all. None, and nothing done, if they do differ, or if the first one is uncommon.
        """
        raw = rows.view(np.uint8).reshape(len(rows), -1)
        start, stride = run.starts[0], run.starts[1] - run.starts[0]
        if self._mould is None or not self._mould.fits(raw[0]):
            self._mould = self._cast(data[start : start + stride], rows[:1], layout)
        mould = self._mould
        if mould is None or not mould.fits(raw):
            return None
        self._engine.counts.taken += len(rows)
        done = np.empty((len(rows), mould.total), np.uint8)
        done[:] = np.ndarray(done.shape, np.uint8, data, start + mould.begin, (stride, 1))
        done[:, :_HEAD_BYTES], done[:, mould.tail_at :] = mould.head, mould.tail
        words, times = done.view(_WORD), _times(rows, layout)
        words[:, 3], words[:, 4] = times >> _HALF, times & _LOW
        return done.reshape(-1).data

    def _cast(self, record: bytearray, row: Array, layout: Layout) -> _Mould | None:
        """What becomes of one record, if it is common."""
        batch = _Batch(record + bytes(SLACK), range(1), row, layout, self._shape)
        batch.settle(self._engine)
        if self._engine.wanted is not None or not batch.common[0]:
            return None
        return _Mould(row.view(np.uint8), self._mask(row), batch)

    def _mask(self, rows: Array) -> Array:
        """Ones where rows must be equal for the same to become of them: all fields but the time, and of the inner
        header's the length that counts, for what stands in its place with the other IP version differs.
        """
        assert self._type is not None
        free = {"high", "low", "total" if rows["ethertype"][0] == _IPV6 else "payload"}
        free |= set() if self._engine.macs else {"to", "by"}
        mask = np.zeros(1, self._type)
        for name in set(self._type.names or ()) - free:
            mask[name] = ~np.zeros(1, self._type[name])
        return mask.view(np.uint8)

    def _choose(self, layout: Layout, data: bytearray, at: int) -> None:
        """The shape of the first frame is looked for in all of them."""
        shape = _SHAPES[data[at + layout.header + 12] == 0x86]
        if self._type is None or (shape, layout) != (self._shape, self._layout):
            self._shape, self._layout, self._type, self._mould = shape, layout, _record_type(layout, shape), None

    def _gather(self, data: bytearray, starts: Sequence[int]) -> Array:
        """A row of fields per record."""
        assert self._type is not None
        size = self._type.itemsize
        assert size <= SLACK
        rows: Array
        if isinstance(starts, range):
            rows = np.ndarray(len(starts), f"V{size}", data, starts.start, (starts.step,)).copy()
        else:
            rows = np.ndarray(len(data) - size + 1, f"V{size}", data, strides=(1,))[_numbers(starts)]
        return rows.view(self._type)

    def _join(self, data: bytearray, run: Run, reader: Reader, batch: _Batch) -> Blocks:
        """Uncommon frames are done first: their bytes are still untouched then."""
        uncommon = np.flatnonzero(~(batch.common | batch.passed)).tolist()
        slow = Run([run.starts[place] for place in uncommon], run.end)
        parts: list[Any] = [b""] * len(run.starts)
        for place, record in zip(uncommon, reader.records(data, slow), strict=True):
            parts[place] = self._engine.frame(data, record)
        begins, totals = batch.complete()
        view, ends = memoryview(data), begins + totals
        if len(begins) == len(run.starts):
            return b"".join([view[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)])
        kept = np.flatnonzero(batch.common).tolist()
        for place, begin, end in zip(kept, begins.tolist(), ends.tolist(), strict=True):
            parts[place] = view[begin:end]
        return b"".join(parts)


def _numbers(starts: Sequence[int]) -> Array:
    return np.arange(starts.start, starts.stop, starts.step) if isinstance(starts, range) else np.array(starts)


class _Mould:
    """What becomes of the one record of ``batch``, and of every other whose fields (``row``) are equal by ``mask``.

    Once a frame is common it stays so: interfaces and first cut frames that are told of are not forgotten.
    """

    def __init__(self, row: Array, mask: Array, batch: _Batch) -> None:
        self._mask, self._row = mask, row & mask
        begin, total = batch.complete()
        self.begin, self.total = int(begin[0]), int(total[0])
        done = np.frombuffer(batch.data, np.uint8, self.total, self.begin)
        self.tail_at = _HEAD_BYTES + int(batch.captured[0])
        self.head, self.tail = done[:_HEAD_BYTES], done[self.tail_at :]

    def fits(self, raw: Array) -> bool:
        """Is this true for all these rows of bytes?"""
        return not ((raw & self._mask) ^ self._row).any()


class _Batch:
    """The records of one run as columns. ``common``: those done here; ``passed``: those that give nothing;
    ``captured``: bytes of each inner frame that are there."""

    def __init__(self, data: bytearray, starts: Sequence[int], rows: Array, layout: Layout, shape: _Shape) -> None:
        self.data = data
        self._layout = layout
        self._begin = _numbers(starts) + (layout.header + shape.headers - _HEAD_BYTES)
        self._rows = rows
        claimed = rows["udp"].astype(np.int64) - 16
        self.captured = np.minimum(rows["captured"].astype(np.int64) - shape.headers, claimed)
        self._length = np.maximum(claimed, self._own_length())
        self._vni = rows["vni"].astype(np.uint32) >> 8
        self._number = np.zeros(len(rows), np.uint32)
        self._way = np.zeros(len(rows), np.uint32)
        self.common = self._has(shape)
        self.passed = np.zeros(len(rows), bool)

    def _own_length(self) -> Array:
        """What the inner IP header says that the frame's length was, or 0: ``vxlan.original_length``."""
        rows, version = self._rows, self._rows["inner_version"] >> 4
        payload = rows["payload"].astype(np.int64)
        ipv4 = (rows["ethertype"] == _IPV4) & (version == 4)
        ipv6 = (rows["ethertype"] == _IPV6) & (version == 6) & (payload > 0)
        return np.where(ipv4, rows["total"].astype(np.int64) + 14, np.where(ipv6, payload + 54, 0))

    def _has(self, shape: _Shape) -> Array:
        """Which frames have the outer headers of ``shape``, and an untagged inner frame long enough to be read here."""
        rows = self._rows
        found: Array = (rows["kind"] == shape.ethertype) & (rows["version"] & shape.version_mask == shape.version)
        found &= (rows["protocol"] == 17) & (rows["flags"] & _FLAGS == VNI_FLAG) & (self.captured >= 20)
        if shape.has_fragments:
            found &= rows["fragment"] & 0x3FFF == 0
        for tag in _VLAN_TAGS:
            found &= rows["ethertype"] != tag
        if self._layout.interfaces:
            found &= rows["number"] < self._layout.interfaces
            found &= (rows["captured"].astype(np.int64) + 3 & ~3) + 32 == rows["length"]
        return found

    def sort_out(self, engine: Decapsulator) -> None:
        """Leave to ``engine`` what it has to say more about, drop what is not wanted, count the rest."""
        self.settle(engine)
        if self.passed.any():
            engine.pass_foreign(set(self._vni[self.passed][:1].tolist()), int(self.passed.sum()))
        if engine.wanted is not None:
            engine.counts.refused += self._filter(engine.wanted)
        engine.counts.taken += int(self.common.sum())

    def settle(self, engine: Decapsulator) -> None:
        """The same without filter and counts."""
        self.common &= self._has_port(engine.ports)
        if engine.vnis:
            self.passed = self.common & ~np.isin(self._vni, list(engine.vnis))
            self.common &= ~self.passed
        known = self._find_interfaces(engine)
        self.common &= known & ((self._length <= self.captured) | self._among(engine.cut_said))
        self._tell_directions(engine.macs)

    def _has_port(self, ports: Ports) -> Array:
        found: Array = self._rows["port"] == ports.vxlan
        for port in ports.more:
            found |= self._rows["port"] == port
        return found

    def _among(self, vnis: set[int]) -> Array:
        return np.isin(self._vni, list(vnis)) if vnis else np.zeros(len(self._vni), bool)

    def _find_interfaces(self, engine: Decapsulator) -> Array:
        """Set the interface numbers; tell which are known already."""
        first = engine.interfaces.get(int(self._vni[0]), -1)
        if (self._vni == self._vni[0]).all():
            self._number[:] = max(first, 0)
            return np.full(len(self._vni), first >= 0)
        found, places = np.unique(self._vni, return_inverse=True)
        numbers = np.array([engine.interfaces.get(vni, -1) for vni in found.tolist()], np.int64)[places]
        self._number = numbers.astype(np.uint32)
        known: Array = numbers >= 0
        return known

    def _tell_directions(self, macs: Sequence[bytes]) -> None:
        for mac in macs:
            address = int.from_bytes(mac, "little")
            outbound = self._rows["by"] & _ADDRESS == address
            inbound = self._rows["to"] & _ADDRESS == address
            way = np.where(outbound, OUTBOUND, np.where(inbound, INBOUND, 0)).astype(np.uint32)
            self._way = np.where(self._way == 0, way, self._way)

    def _filter(self, wanted: Wanted) -> int:
        """Ask for each frame; how many are refused."""
        begins = (self._begin + _HEAD_BYTES).tolist()
        captured, lengths = self.captured.tolist(), self._length.tolist()
        before = int(self.passed.sum())
        for place in np.flatnonzero(self.common).tolist():
            begin = begins[place]
            if not wanted(bytes(self.data[begin : begin + captured[place]]), lengths[place]):
                self.passed[place], self.common[place] = True, False
        return int(self.passed.sum()) - before

    def complete(self) -> tuple[Array, Array]:
        """Write heads and tails around the common frames; give where each block begins and how long it is."""
        kept, data = self.common, self.data
        begin, captured, way = self._begin[kept], self.captured[kept], self._way[kept]
        padding = -captured & 3
        optional = np.where(way > 0, _OPTIONS, 0)
        total = captured + padding + optional + (_HEAD_BYTES + 4)
        heads = self._heads(kept, captured, total)
        np.ndarray(len(data) - _HEAD_BYTES + 1, f"V{_HEAD_BYTES}", data, strides=(1,))[begin] = heads
        words = np.ndarray(len(data) - 3, _WORD, data, strides=(1,))
        words[begin + _HEAD_BYTES + captured] = 0
        words[begin + total - 4] = total
        if way.any():
            directed = way > 0
            options = (begin + total - 4 - _OPTIONS)[directed]
            for place, word in enumerate((_FLAGS_OPTION, way[directed], 0)):
                words[options + 4 * place] = word
        return begin, total

    def _heads(self, kept: Array, captured: Array, total: Array) -> Array:
        times = _times(self._rows, self._layout)[kept]
        heads = np.empty((len(captured), _HEAD_BYTES // 4), _WORD)
        columns: tuple[Any, ...] = (ENHANCED_PACKET, total, self._number[kept], times >> 32, times & 0xFFFFFFFF)
        for place, column in enumerate((*columns, captured, self._length[kept])):
            heads[:, place] = column
        packed: Array = heads.view(f"V{_HEAD_BYTES}").ravel()
        return packed


def _times(rows: Array, layout: Layout) -> Array:
    """Nanoseconds modulo 2^64, as ``blocks.time_halves`` takes them."""
    high, low = rows["high"].astype(np.uint64), rows["low"].astype(np.uint64)
    scale = np.uint64(layout.scale)
    whole = high << _HALF if layout.interfaces else high * np.uint64(1_000_000_000)
    times: Array = (whole | low) * scale if layout.interfaces else whole + low * scale
    return times
