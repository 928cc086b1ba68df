"""The unfinished end of a stream that comes in pieces, kept without copying it for each of them. Knows no format."""

from __future__ import annotations


class Rest:
    """Bytes that wait until they are ``needed``: not joined before so many are there, lest a long block in small pieces
    takes time by the square of its length."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._missing = 0

    def with_more(self, data: bytes) -> bytes:
        """All that is there, ``data`` at its end, if it is enough; else nothing."""
        if not self._pieces:
            return data
        self._pieces.append(data)
        self._missing -= len(data)
        if self._missing > 0:
            return b""
        joined = b"".join(self._pieces)
        self._pieces = []
        return joined

    def keep(self, rest: bytes, needed: int) -> None:
        """Wait with ``rest`` until it is ``needed`` bytes long."""
        self._pieces = [rest] if rest else []
        self._missing = needed - len(rest)

    def drop(self) -> None:
        """Forget it."""
        self._pieces = []
