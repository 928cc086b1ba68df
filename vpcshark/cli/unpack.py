"""Packed input, unpacked as it comes: gzip with Python's own means, zstd and LZ4 where their libraries are installed.

Must not know what is in it.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from vpcshark.cli import extras
from vpcshark.errors import InputError

LONGEST_MAGIC = 4
_PIECE = 1 << 20


class Plain(Protocol):
    """The file as it is, at ``position``."""

    name: str
    position: int

    def read_plain(self, view: memoryview) -> int:
        """Fill ``view`` as far as there is something at once; 0 at the end."""


class Packing:
    """One format: its ``name``, the first bytes of each of its frames, a new decompressor (``decompress(data, most)``,
    ``eof``, ``unused_data``, as in Python's ``bz2``), and what that raises at rotten data."""

    def __init__(self, name: str, magic: bytes, make: Callable[[], Any], rotten: type[Exception]) -> None:
        self.name, self.magic, self.make, self.rotten = name, magic, make, rotten


class _Gunzip:
    """zlib's decompressor with the words of bz2's."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(31)
        self.unused_data = b""

    def decompress(self, data: bytes, most: int) -> bytes:
        found = self._member.decompress(self._member.unconsumed_tail + data, most)
        self.unused_data = self._member.unused_data
        return found

    @property
    def eof(self) -> bool:
        return self._member.eof


_GZIP, _ZSTD, _LZ4 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"
_ZSTD_MODULE = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"


def packing_of(first: bytes, name: str, find: Callable[[str], Any] = importlib.import_module) -> Packing | None:
    """How a file that begins with ``first`` is packed; None: not at all. InputError if ``find`` has no library."""
    if first.startswith(_GZIP):
        return Packing("gzip", _GZIP, _Gunzip, zlib.error)
    if first.startswith(_ZSTD):
        zstd = _library(_ZSTD_MODULE, "zstd", "zstd -dc", name, find)
        return Packing("zstd", _ZSTD, zstd.ZstdDecompressor, zstd.ZstdError)
    if first.startswith(_LZ4):
        lz4 = _library("lz4.frame", "LZ4", "lz4 -dc", name, find)
        return Packing("LZ4", _LZ4, lz4.LZ4FrameDecompressor, RuntimeError)
    return None


def _library(module: str, packing: str, command: str, name: str, find: Callable[[str], Any]) -> Any:
    try:
        return find(module)
    except ImportError as exc:
        raise InputError(
            f"{name} is packed with {packing}, which needs a library that is not installed.",
            f"{extras.advice('packed')} Or unpack it on the way: {command} FILE | vpcshark decap - OUT",
        ) from exc


class Unpacked:
    """Frames (members, in gzip's words) one behind the other; what follows them and is none is left alone."""

    def __init__(self, file: Plain, packing: Packing) -> None:
        self._file = file
        self._packing = packing
        self._packed = b""
        self._frame = packing.make()
        self._is_between = self._is_fed = False

    def readinto(self, view: memoryview) -> int:
        """See ``InFile``."""
        while not self._is_over():
            data = self._unpack(len(view))
            if data:
                view[: len(data)] = data
                return len(data)
        return 0

    def _is_over(self) -> bool:
        if not self._packed and not self._is_fed and not self._more():
            if not self._is_between:
                raise ValueError(f"The {self._packing.name} data are cut off at byte {self._file.position}.")
            return True
        return self._is_between and not self._packed.startswith(self._packing.magic[: len(self._packed)])

    def _unpack(self, most: int) -> bytes:
        """``_is_fed``: the decompressor may have more to give of what it has."""
        try:
            data: bytes = self._frame.decompress(self._packed, most)
        except self._packing.rotten as exc:
            told = f"The {self._packing.name} data before byte {self._file.position} are rotten ({exc})."
            raise ValueError(told) from exc
        self._packed, self._is_between = b"", self._frame.eof
        self._is_fed = bool(data) and not self._is_between
        if self._is_between:
            self._packed, self._frame = self._frame.unused_data or b"", self._packing.make()
        return data

    def _more(self) -> bool:
        piece = bytearray(_PIECE)
        count = self._file.read_plain(memoryview(piece))
        self._packed = bytes(piece[:count])
        return bool(count)
