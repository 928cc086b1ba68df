"""One end of a session's ordered stream: numbers, acknowledgements, resends (aws/session-manager-plugin,
src/datachannel/streaming.go; aws/amazon-ssm-agent, agent/session/datachannel/datachannel.go: both ends do the same).

What came in order is handed to ``take``; what it does not take is not acknowledged, so the other end sends it again.
AWS's ends acknowledge nothing twice, and send the first message alone again, so that they would wait for ever once an
acknowledgement is lost; what there makes up for that is not known. Here several are sent again, and acknowledged again.
Must not know what is in the stream, nor what carries it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

from vpcshark.clock import Clock
from vpcshark.lab.session import messages
from vpcshark.lab.session.messages import Message

EVERY = 0.1  # seconds between two looks at what is not acknowledged
_FIRST_PATIENCE, _MOST_PATIENCE = 0.2, 1.0  # seconds until something is sent again
_ROUND_TRIP = 0.1
_GRANULARITY = 0.01
MOST_ATTEMPTS = 3000
AT_ONCE = 50  # messages that are sent again at one time
CAPACITY = 10_000  # messages that wait for an acknowledgement, or for one that is missing before them


@dataclass
class _Sent:
    data: bytes
    at: float
    attempts: int = 0


class Stream:
    """``kind`` is what this end sends; ``send`` gives bytes to whatever carries them, and may raise OSError, as it does
    while nothing does. ``keeps``: what could not be sent is kept, and sent again (as the agent does), instead of
    raising (as AWS's plugin does)."""

    def __init__(
        self, kind: str, send: Callable[[bytes], None], take: Callable[[Message], bool], clock: Clock, *, keeps: bool
    ) -> None:
        self._kind, self._send, self._take, self._clock, self._keeps = kind, send, take, clock, keeps
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._next = self._expected = 0
        self._sent: dict[int, _Sent] = {}  # in the order of their numbers
        self._early: dict[int, Message] = {}
        self._round_trip, self._variation, self._patience = _ROUND_TRIP, 0.0, _FIRST_PATIENCE
        self.is_paused = False

    def put(self, payload_type: int, payload: bytes) -> None:
        """Send one message; waits while ``CAPACITY`` of them are not acknowledged. OSError."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._sent) < CAPACITY)
            number, self._next = self._next, self._next + 1
            flags = messages.SYN if number == 0 and self._kind == messages.OUTPUT else 0
            data = messages.encode(Message(self._kind, payload, payload_type, number, flags, self._now()))
            self._sent[number] = _Sent(data, self._clock.monotonic())
            is_paused = self.is_paused
        if is_paused:
            return
        try:
            self._send(data)  # not under the lock: who waits here must not keep acknowledgements from being read
        except OSError:
            if not self._keeps:
                raise

    def receive(self, message: Message) -> None:
        """A stream's message, or an acknowledgement, as it came."""
        if message.kind == messages.ACKNOWLEDGE:
            self._acknowledged(int(message.facts()["AcknowledgedMessageSequenceNumber"]))
        elif message.sequence == self._expected:
            if self._take(message):
                self._expected += 1
                self._acknowledge(message)
                self._take_early()
        elif message.sequence > self._expected and len(self._early) < CAPACITY:
            self._early[message.sequence] = message
            self._acknowledge(message)
        elif message.sequence < self._expected:
            self._acknowledge(message)  # its acknowledgement was lost

    def resend(self) -> bool:
        """Send again what nobody acknowledged for too long, the first ones first; False after too many times."""
        with self._lock:
            now = self._clock.monotonic()
            overdue = [one for one in self._sent.values() if now - one.at >= self._patience][:AT_ONCE]
            if self.is_paused:
                return True
            for one in overdue:
                one.attempts += 1
                one.at = now
        for one in overdue:
            with contextlib.suppress(OSError):  # nothing carries it now
                self._send(one.data)
        return all(one.attempts <= MOST_ATTEMPTS for one in overdue)

    def wait_acknowledged(self, timeout: float) -> bool:
        """Until all that was put has been acknowledged; False if that takes longer than ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._sent, timeout)

    def _take_early(self) -> None:
        while (message := self._early.pop(self._expected, None)) is not None:
            self._take(message)
            self._expected += 1

    def _acknowledge(self, message: Message) -> None:
        with contextlib.suppress(OSError):  # it comes again, and is acknowledged then
            self._send(messages.encode(messages.acknowledgement(message, self._now())))

    def _acknowledged(self, number: int) -> None:
        with self._changed:
            sent = self._sent.pop(number, None)
            if sent is not None:
                self._measure(self._clock.monotonic() - sent.at)
                self._changed.notify_all()

    def _measure(self, took: float) -> None:
        """How long an acknowledgement is waited for (Jacobson and Karels, as both ends have it)."""
        self._variation += (abs(self._round_trip - took) - self._variation) / 4
        self._round_trip += (took - self._round_trip) / 8
        self._patience = min(self._round_trip + max(_GRANULARITY, 4 * self._variation), _MOST_PATIENCE)

    def _now(self) -> int:
        return int(self._clock.now() * 1000)
