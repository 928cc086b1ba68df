"""The toolbar's button *Diagnose*: what packets prove, from the press on, as lines of the status bar and of the log.

A second press shows all that was found in a dialog. Must not know what a capture does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from vpcshark import threads
from vpcshark.capture.diagnosing.follower import Follower, Told
from vpcshark.capture.diagnosing.tee import Tee
from vpcshark.extcap.protocol.toolbar import Toolbar

_END = 3.0  # seconds for the last word: Wireshark waits for us
_MOST_SHOWN = 12

Start = Callable[[bytes, Callable[[Told], None]], Follower]


class Diagnosis:
    """Of one capture, whose blocks go through ``tee``. ``start`` makes the diagnosis."""

    def __init__(self, toolbar: Toolbar, tee: Tee, start: Start = Follower) -> None:
        self._toolbar, self._tee, self._start = toolbar, tee, start
        self._guard = threading.Lock()  # one press at a time begins or ends a diagnosis
        self._follower: Follower | None = None

    def press(self) -> None:
        """The button was pressed. Returns at once."""
        threads.start(self._pressed, name="diagnose")

    def _pressed(self) -> None:
        with self._guard:
            if self._follower is None:
                self._follower = self._start(self._tee.head, self._tell)
                self._tee.follow(self._follower)
                self._toolbar.say(
                    "Diagnosing from now on: what is proved comes here and in the log. Press again for all."
                )
                return
        found = [_plain(told) for told in self._follower.found]
        more = [f"And {len(found) - _MOST_SHOWN} more: see the log."] if len(found) > _MOST_SHOWN else []
        nothing = "Nothing is proved so far. What is only likely is told when the capture ends."
        self._toolbar.tell("\n\n".join([*found[:_MOST_SHOWN], *more]) or nothing)

    def _tell(self, told: Told) -> None:
        self._toolbar.say(_plain(told))
        if told.next:
            self._toolbar.log(f"  Next: {_unmarked(told.next)}")
        if told.filter:
            self._toolbar.log(f"  Filter: {told.filter}")

    def end(self) -> None:
        """After the capture."""
        with self._guard:
            if self._follower is None:
                return
            summary = self._follower.finish(_END)
        known = {told.sentence for told in self._follower.found}
        for told in summary.findings:
            if told.sentence not in known:
                self._toolbar.log(_plain(told))
        self._toolbar.say(summary.text)


def _plain(told: Told) -> str:
    return _unmarked(told.text)


def _unmarked(text: str) -> str:
    """Without what Qt takes for markup: names of servers come from packets."""
    return text.replace("<", "‹")
