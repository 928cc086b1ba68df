"""The filter of a running mirror in all its parts: what the user wants, our own traffic at the source that is left out,
AWS's rules. The one owner of the three; a change is made in all its places, or in none.

Must not know how AWS is told, nor who asks for a change.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from vpcshark.aws.mirroring.resources import ALL_TRAFFIC
from vpcshark.aws.mirroring.rules import Rule
from vpcshark.capture.instance import commands
from vpcshark.capture.lifecycle.frame_stream import Receiving
from vpcshark.capture.mirror.filter_programs import Programs, check, mirror_rules, programs
from vpcshark.errors import Halfway, TransportError

log = logging.getLogger(__name__)

Move = Callable[[Sequence[Rule], Callable[[], None]], None]
"""(rules, then): have AWS mirror by these rules, do ``then``, and only then let the old ones go. If anything fails, all
is as it was and the error is raised; ``Halfway`` where it is not."""


class InForce:
    """``macs`` are the sources' by VNI, once they are known."""

    def __init__(self, capture_filter: str) -> None:
        self.macs: Mapping[int, str] = {}
        self._text = capture_filter
        self._own = ""
        self._rules: Sequence[Rule] | None = ALL_TRAFFIC  # None: not known for certain
        self._changing = threading.Lock()  # one change of the user's at a time, which takes seconds of AWS's
        self._guard = threading.Lock()  # what the receiver has is what is written here

    @property
    def text(self) -> str:
        """The user's filter."""
        return self._text

    @property
    def rules(self) -> Sequence[Rule]:
        """AWS's for it, before the first change."""
        return self._rules or ()

    def prepare(self) -> None:
        """Find the rules. Mistake, InputError for a filter that is none or asks for nothing that AWS mirrors."""
        check(self._text)
        self._rules = mirror_rules(self._text)

    def programs(self) -> Programs:
        """For receivers that begin now."""
        with self._guard:
            return self._compiled(self._text)

    def leave_out(self, own: str, receiving: Receiving) -> None:
        """The way to the source has traffic that ``own`` describes now, in place of what it had before. That waits for
        no change of the user's: each frame of our own would make another one."""
        with self._guard:
            before, self._own = self._own, own
            try:
                compiled = self._compiled(self._text)
            except BaseException:
                self._own = before
                raise
            _send(receiving, compiled)

    def change(self, wanted: str, receiving: Receiving, move: Move | None) -> None:
        """Another filter of the user's; ``move`` is None where AWS's is not ours to change. VpcsharkError: it is as it
        was, but for ``Halfway``."""
        check(wanted)
        rules = mirror_rules(wanted)
        with self._changing:
            if move is None or rules == self._rules:
                return self._tell(wanted, receiving)
            try:
                move(rules, lambda: self._tell(wanted, receiving))
            except Halfway:
                self._rules = None  # whatever is wanted next, AWS is told anew
                raise
            self._rules = rules

    def _tell(self, wanted: str, receiving: Receiving) -> None:
        """With our own traffic as it is at this moment. What a receiver may have taken although it failed is undone."""
        with self._guard:
            before = self._compiled(self._text)
            try:
                _send(receiving, self._compiled(wanted))
            except TransportError:
                with contextlib.suppress(TransportError):
                    _send(receiving, before)
                raise
            self._text = wanted

    def _compiled(self, text: str) -> Programs:
        return programs(commands.combined(self._own, text), self.macs)


def _send(receiving: Receiving, compiled: Programs) -> None:
    receiving.command(program=compiled.frames, socket_program=compiled.datagrams)
