"""A running capture's blocks in, findings out as soon as something is proved. Must not know files, clock or processes.

What is judged is all that is kept. Of a capture with one point the connections that were quiet longest are let go when
it is much, see ``report.Examination``; of several points all is judged and let go then, and it begins anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from vpcshark.diagnose.finding import ARTEFACTS, CANNOT_TELL, LIKELY, PROVED, Finding
from vpcshark.diagnose.report import Examination, Report, ranked
from vpcshark.diagnose.table import CHUNK, Point, Table

_ORDER = (PROVED, LIKELY, CANNOT_TELL)


class Live:
    """``begin`` with the blocks that a file begins with, ``feed`` what follows, ``news`` from time to time. ``chunk``
    is that of ``Table``."""

    def __init__(self, chunk: int = CHUNK) -> None:
        self.frames = 0
        """Packets that were looked at."""
        self.is_whole = True
        """Has it seen all packets from the first one on, so that frame numbers are the file's?"""
        self._told: set[Hashable] = set()
        self._found: dict[Hashable, Finding] = {}
        self._head = b""
        self._first = 0
        self._chunk = chunk
        self._table = Table(chunk=chunk)
        self._examination = Examination()

    def begin(self, head: bytes, number: int) -> None:
        """Packets follow of which ``number`` were before (-1: nobody knows); what is kept has been judged by now."""
        self._end_of_part()
        self.is_whole = self.is_whole and number == (self._first + self._table.frames if self._head else 0)
        self._head, self._first = head, max(number, 0)
        self._restart()

    def _restart(self) -> None:
        self._examination = Examination()
        self._table = Table(in_columns=True, relieve=self._examination.relieve, chunk=self._chunk)
        self._put(self._head)
        self._table.frames = self._first

    def feed(self, data: bytes) -> None:
        """Blocks. ``ValueError`` where none can be."""
        before = self._table.frames
        self._put(data)
        self.frames += self._table.frames - before
        if len(self._table.points) > 1 and any(point.is_large for point in self._points):
            self._end_of_part()
            self._first = self._table.frames
            self._restart()

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            room = self._table.room()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            room.release()
            self._table.take(count)
            view = view[count:]

    @property
    def _points(self) -> list[Point]:
        return list(self._table.points.values())

    def _end_of_part(self) -> None:
        for finding in self._report().findings:
            self._keep(finding)

    def _report(self) -> Report:
        return self._examination.so_far(self._points)

    def _keep(self, finding: Finding) -> None:
        known = self._found.get(_key(finding))
        if known is None or _ORDER.index(finding.confidence) <= _ORDER.index(known.confidence):
            self._found[_key(finding)] = finding

    def news(self) -> Iterator[Finding]:
        """What is proved, and was not told yet."""
        for finding in self._report().findings:
            self._keep(finding)
            if finding.confidence == PROVED and finding.kind not in ARTEFACTS and _key(finding) not in self._told:
                self._told.add(_key(finding))
                yield finding

    def all(self) -> list[Finding]:
        """What was found until now, the most harmful first."""
        self._end_of_part()
        return ranked(self._found.values())


def _key(finding: Finding) -> Hashable:
    return finding.kind, finding.cause if finding.cause is not None else finding.flows[:1]
