"""What every receiver is, seen from here: a stream that takes commands. And one that stands around another.

Must not know how a receiver is reached.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from vpcshark.capture.contract.frame_stream import Arrived, Counted, FrameStream, OnEnd
from vpcshark.capture.contract.sink import Sink
from vpcshark.capture.instance.key_log import Following


class Receiver(FrameStream):
    """One receiver, or several as one: ready, with all that it was started with."""

    @property
    @abstractmethod
    def moved(self) -> int:
        """Bytes of pcapng that came so far."""

    @abstractmethod
    def command(self, **words: object) -> None:
        """Send one command line (the contract is in docs/ARCHITECTURE.md). A filter is in force when this returns;
        InputError: it is refused, and the one before stays. ``Unanswered``: it may be in force or not.
        TransportError."""


class Around(Receiver):
    """A receiver that is ``inner``, but for what a subclass does itself."""

    def __init__(self, inner: Receiver) -> None:
        self._inner = inner

    @property
    def stats(self) -> Counted:
        """The inner one's."""
        return self._inner.stats

    @property
    def moved(self) -> int:
        """The inner one's."""
        return self._inner.moved

    @property
    def note(self) -> str:
        """The inner one's."""
        return self._inner.note

    def command(self, **words: object) -> None:
        """To the inner one."""
        self._inner.command(**words)

    def begin_tally(self) -> None:
        """Of the inner one."""
        self._inner.begin_tally()

    def end_tally(self, timeout: float) -> Arrived:
        """Of the inner one."""
        return self._inner.end_tally(timeout)

    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """Of the inner one."""
        self._inner.stream(sink, on_end)

    def finish(self, timeout: float) -> None:
        """The inner one's."""
        self._inner.finish(timeout)


class WithKeyLog(Around):
    """Secrets of a key log stand before the frames. ``on_connection`` is told a capture filter for the packets of the
    way to the key log, each time that it is a new one."""

    def __init__(self, inner: Receiver, following: Following, on_connection: Callable[[str], None]) -> None:
        super().__init__(inner)
        self._following = following
        self._on_connection = on_connection

    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """Frames go to the key log's sink, which passes them on."""
        super().stream(self._following.before(sink, self._on_connection), on_end)

    def finish(self, timeout: float) -> None:
        """The key log ends behind the last frames."""
        try:
            super().finish(timeout)
        finally:
            self._following.end()
