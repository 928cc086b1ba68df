"""Beside a command on another machine: its words line by line, and our signs of life to it.

Must not know what a line means, nor what a sign of life is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from vpcshark import threads
from vpcshark.capture.remote import output_lines
from vpcshark.clock import Clock
from vpcshark.errors import TransportError, VpcsharkError, unexpected
from vpcshark.transport.base import Channel

log = logging.getLogger(__name__)
CHUNK = 1 << 16


class Listener:
    """Reads a channel's stderr in a thread of its own, from ``begin`` to its end.

    ``take`` gets each line, and whether it is whole (the last one may be torn); it may raise ValueError for one that
    does not fit. Then ``wrong`` is what ``unfit`` makes of that, and the channel is closed: who says one such thing has
    no counts that can be believed. ``ended`` is set at the end, whatever ended it, and ``on_end`` called before it.
    """

    def __init__(
        self,
        channel: Channel,
        take: Callable[[bytes, bool], None],
        unfit: Callable[[ValueError], VpcsharkError],
        clock: Clock,
        *,
        on_end: Callable[[], None] = lambda: None,
        most: int = output_lines.MOST_LINE,
    ) -> None:
        self._channel = channel
        self._take = take
        self._unfit = unfit
        self._clock = clock
        self._on_end = on_end
        self._lines = output_lines.Lines(most)
        self.wrong: VpcsharkError | None = None
        self.ended = threading.Event()

    def begin(self) -> None:
        """Once."""
        threads.alone(self._run, name="host's words")

    def _run(self) -> None:
        try:
            self._hear()
        except TransportError as error:
            log.info("%s", error)
        except ValueError as error:
            self.wrong = self._unfit(error)
        except Exception as surprise:
            log.exception("A host's words could not be taken")
            self.wrong = unexpected(surprise)
        self._on_end()
        self.ended.set()
        if self.wrong is not None:
            self._channel.close()

    def _hear(self) -> None:
        pace = output_lines.Pace(self._clock)
        while data := self._channel.read_error(CHUNK):
            for line in self._lines.feed(data):
                pace.count()
                self._take(line, True)
        if rest := self._lines.rest():  # torn, it may be, as the connection broke
            self._take(rest, False)


def beat(sign: Callable[[], None], over: threading.Event, every: float) -> None:
    """Give a ``sign`` of life every so many seconds, in a thread of its own, until ``over`` is set or the sign raises
    TransportError: then nobody is there who hears it."""
    threads.alone(_beat, sign, over, every, name="signs of life")


def _beat(sign: Callable[[], None], over: threading.Event, every: float) -> None:
    try:
        while not over.wait(every):
            sign()
    except TransportError as error:
        log.info("%s", error)
