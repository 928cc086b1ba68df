"""The filter of a running mirror in all its parts: what the user wants, our own traffic at the source that is left out,
AWS's rules. The one owner of the three; a change is made in all its places, or in none.

Must not know how AWS is told, nor who asks for a change.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence

from vpcshark.aws.mirroring.rules import Rule
from vpcshark.capture.instance import commands
from vpcshark.capture.mirror.filter_programs import Programs, check, mirror_rules, programs
from vpcshark.capture.receivers.receiver import Receiver
from vpcshark.errors import Halfway, VpcsharkError

log = logging.getLogger(__name__)

Move = Callable[[Sequence[Rule], Callable[[], None]], None]
"""(rules, then): have AWS mirror by these rules, do ``then``, and only then let the old ones go. If anything fails, all
is as it was and the error is raised; ``Halfway`` where it is not."""


class InForce:
    """Thread-safe."""

    def __init__(self, capture_filter: str, rules: Sequence[Rule], macs: Mapping[int, str]) -> None:
        """``rules`` are AWS's for the filter, ``macs`` the sources' by VNI."""
        self._macs = macs
        self._text = capture_filter
        self._own = ""
        self._rules: Sequence[Rule] | None = rules  # None: not known for certain
        self._changing = threading.Lock()  # ``_rules`` are AWS's while nobody holds it; a change takes seconds of AWS's
        self._guard = threading.Lock()  # ``_text`` and ``_own`` are what the receiver has while nobody holds it

    @property
    def text(self) -> str:
        """The user's filter."""
        return self._text

    @property
    def rules(self) -> Sequence[Rule]:
        """AWS's for it, before the first change."""
        return self._rules or ()

    def programs(self) -> Programs:
        """For receivers that begin now."""
        with self._guard:
            return self._compiled(self._text)

    def leave_out(self, own: str, receiving: Receiver) -> None:
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

    def change(self, wanted: str, receiving: Receiver, move: Move | None) -> None:
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

    def _tell(self, wanted: str, receiving: Receiver) -> None:
        """With our own traffic as it is at this moment. What a receiver may have taken although it failed is undone."""
        with self._guard:
            before = self._compiled(self._text)
            try:
                _send(receiving, self._compiled(wanted))
            except VpcsharkError:
                with contextlib.suppress(VpcsharkError):
                    _send(receiving, before)
                raise
            self._text = wanted

    def _compiled(self, text: str) -> Programs:
        return programs(commands.combined(self._own, text), self._macs)


def _send(receiving: Receiver, compiled: Programs) -> None:
    receiving.command(program=compiled.frames, socket_program=compiled.datagrams)
