"""A file to read, or standard input, unpacked where it is packed. Must not know what is in it."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from vpcshark.cli.unpack import LONGEST_MAGIC, Unpacked, packing_of
from vpcshark.errors import InputError


class InFile:
    """Bytes in order. ``position`` is how many of the ``size`` bytes were read; ``size`` 0: nobody knows."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.position = 0
        self.size = _size(file)
        self._file = file
        self._first = self._begin()
        packing = packing_of(self._first, name)
        self._unpacked = Unpacked(self, packing) if packing else None

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
        while len(first) < LONGEST_MAGIC and (more := self._file.read(LONGEST_MAGIC - len(first))):
            first += more
        return first

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` as far as there is something at once, waiting for the first byte; 0 at the end.

        ``ValueError`` with the byte offset where packed data are cut or rotten, ``OSError`` as the system says it.
        """
        return self._unpacked.readinto(view) if self._unpacked else self.read_plain(view)

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


def _size(file: BinaryIO) -> int:
    found = os.fstat(file.fileno())
    return found.st_size if os.path.isfile(file.fileno()) else 0
