"""What goes wrong with the lab's sessions of Session Manager, on demand: silence, stalls, cuts, losses, refusals.

Must not know sockets, nor what is in the messages but which are a stream's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vpcshark.clock import Clock, SystemClock

KINDS = ("mute", "stall", "cut", "close", "lose", "no-resume")
CLIENT, AGENT = "client", "agent"  # towards whom
_ENDLESS = 3600.0


@dataclass
class SessionFault:
    """``kind``: "mute" drops all that the agent says, so that its handshake never comes; "stall" holds everything for
    ``seconds`` (0: until cleared), and lets it through then; "cut" ends the client's connection without a word, "close"
    the session, as TerminateSession does; "lose" drops a stream's message; "no-resume" says that the session timed out
    when it is to be resumed. ``instance``: with its sessions alone ("" all). ``towards`` "client" or "agent": in that
    direction alone. ``after``: messages (of a stream, but for a stall) that are let through first, then ``times`` are
    hit (-1: all), each ``every``-th. ``count`` counts hits."""

    kind: str
    instance: str = ""
    towards: str = ""
    seconds: float = 0.0
    after: int = 0
    times: int = 1
    every: int = 1
    count: int = 0
    seen: int = 0
    until: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a session's fault cannot be {self.kind!r}")


class Cut(Exception):
    """The client's connection is to end now."""


class Closed(Exception):
    """The session is to end now."""


_ENDINGS: Mapping[str, type[Exception]] = {"cut": Cut, "close": Closed}


class SessionFaults:
    """Asked for every message that passes."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._faults: list[SessionFault] = []

    def ask(self, method: str, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the control path wants: "POST" adds one, "DELETE" takes all away, "GET" tells them. TypeError or
        ValueError for what is no fault."""
        with self._changed:
            if method == "POST":
                self._faults.append(SessionFault(**facts))
            elif method == "DELETE":
                self._faults.clear()
            self._changed.notify_all()
            return [asdict(fault) for fault in self._faults]

    def may_resume(self, instance: str) -> bool:
        """False: it is said that the session timed out."""
        with self._changed:
            return not any(self._hits(fault, instance, "") for fault in self._faults if fault.kind == "no-resume")

    def passes(self, instance: str, towards: str, *, is_stream: bool) -> bool:
        """Whether a message goes on; waits while it is stalled. ``Cut``, ``Closed``."""
        with self._changed:
            for fault in list(self._faults):
                if fault.kind == "mute" and towards == CLIENT and fault.instance in ("", instance):
                    fault.count += 1
                    return False
                if fault.kind == "stall":
                    self._wait(fault, instance, towards)
                elif fault.kind in (*_ENDINGS, "lose") and is_stream and self._hits(fault, instance, towards):
                    if fault.kind in _ENDINGS:
                        raise _ENDINGS[fault.kind]
                    return False
        return True

    def _wait(self, fault: SessionFault, instance: str, towards: str) -> None:
        """``until`` holds for both directions, from the first message that is hit on."""
        now = self._clock.monotonic()
        if not fault.until and self._hits(fault, instance, towards):
            fault.until = now + (fault.seconds or _ENDLESS)
        if not fault.until or fault.towards not in ("", towards) or fault.instance not in ("", instance):
            return
        while fault in self._faults and (left := fault.until - self._clock.monotonic()) > 0:
            self._changed.wait(left)

    @staticmethod
    def _hits(fault: SessionFault, instance: str, towards: str) -> bool:
        if fault.instance not in ("", instance) or fault.towards not in ("", towards) or fault.times == 0:
            return False
        fault.seen += 1
        if fault.seen <= fault.after or (fault.seen - fault.after - 1) % fault.every:
            return False
        fault.times -= 1 if fault.times > 0 else 0
        fault.count += 1
        return True
