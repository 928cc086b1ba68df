"""A file to read, or standard input, gunzipped where it is packed. Must not know what is in it."""

from __future__ import annotations

import os
import sys
import zlib
from typing import BinaryIO

from vpcshark.errors import InputError

_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20


class InFile:
    """Bytes in order. ``position`` is how many of the ``size`` bytes were read; ``size`` 0: nobody knows."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.position = 0
        self.size = _size(file)
        self._file = file
        self._first = self._begin()
        self._gunzip = _Gunzip(self) if self._first == _GZIP else None

    @classmethod
    def open(cls, path: str) -> InFile:
        """Open ``path`` ("-": standard input). InputError if that cannot be read."""
        if path == "-":
            return cls(os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0), "standard input")
        try:
            return cls(open(path, "rb", buffering=0), path)
        except OSError as exc:
            raise InputError(f"{path} can't be read: {exc.strerror}.", "Name another file.") from exc

    def _begin(self) -> bytes:
        first = b""
        while len(first) < 2 and (more := self._file.read(2 - len(first))):
            first += more
        return first

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` as far as there is something at once, waiting for the first byte; 0 at the end.

        ``ValueError`` with the byte offset where packed data are cut or rotten, ``OSError`` as the system says it.
        """
        return self._gunzip.readinto(view) if self._gunzip else self.read_plain(view)

    def read_plain(self, view: memoryview) -> int:
        """The same, not unpacked."""
        count = len(self._first)
        if count:
            view[:count], self._first = self._first, b""
        else:
            count = self._file.readinto(view) or 0  # type: ignore[attr-defined]
        self.position += count
        return count

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class _Gunzip:
    """Members of a gzip file (RFC 1952), one behind the other; what follows them and is none is left alone."""

    def __init__(self, file: InFile) -> None:
        self._file = file
        self._packed = b""
        self._member = zlib.decompressobj(31)
        self._is_between = False

    def readinto(self, view: memoryview) -> int:
        while self._packed or self._more():
            if self._is_between and not self._packed.startswith(_GZIP[: len(self._packed)]):
                return 0
            data = self._unpack(len(view))
            if data:
                view[: len(data)] = data
                return len(data)
        if not self._is_between:
            raise ValueError(f"The gzip data are cut off at byte {self._file.position}.")
        return 0

    def _unpack(self, most: int) -> bytes:
        try:
            data = self._member.decompress(self._packed, most)
        except zlib.error as exc:
            raise ValueError(f"The gzip data before byte {self._file.position} are rotten ({exc}).") from exc
        self._packed, self._is_between = self._member.unconsumed_tail, self._member.eof
        if self._is_between:
            self._packed, self._member = self._member.unused_data, zlib.decompressobj(31)
        return data

    def _more(self) -> bool:
        piece = bytearray(_PIECE)
        count = self._file.read_plain(memoryview(piece))
        self._packed = bytes(piece[:count])
        return bool(count)


def _size(file: BinaryIO) -> int:
    found = os.fstat(file.fileno())
    return found.st_size if os.path.isfile(file.fileno()) else 0
