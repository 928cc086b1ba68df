"""The one protocol of a running capture's frames: what the capture asks of whatever brings them, in any mode.

What a mode can't do has its answer here, so nobody has to ask what a stream is. Must not know any mode.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from vpcshark.capture.contract.sink import Sink
from vpcshark.errors import VpcsharkError

OnEnd = Callable[[VpcsharkError | None], None]
"""Told once why the frames ended; None: nobody reads them any more."""


@dataclass(frozen=True)
class Counted:
    """Frames so far: ``received`` by the capture; ``dropped`` before it, for want of room; ``other`` of no VNI;
    ``foreign``: VNI -> frames of others. ``is_known``: they were counted."""

    received: int = 0
    dropped: int = 0
    other: int = 0
    foreign: Mapping[str, int] = field(default_factory=dict)
    is_known: bool = True


UNCOUNTED = Counted(is_known=False)


@dataclass(frozen=True)
class Arrived:
    """Frames that came to the capture host in ``seconds`` and that the capture got none of: ``own`` of its own VNIs,
    ``foreign`` of others, ``other`` of no VNI; ``refused`` where nobody can tell these apart. ``is_known``: they were
    counted. ``is_unanswered``: the receiver was asked, and did not answer in time. ``received``: those that the capture
    did get, since it began; None where that was not counted. ``before``: packets that it had got when the silence
    began, so that a source that has none is no explanation."""

    is_known: bool = False
    seconds: float = 0.0
    own: int = 0
    foreign: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    refused: int = 0
    is_unanswered: bool = False
    received: int | None = None
    before: int = 0


UNANSWERED = Arrived(is_unanswered=True)


class FrameStream(ABC):
    """The frames of one capture: ready, and not yet streaming. All methods may be called by any thread; ``stream`` and
    ``finish`` are called once each, in this order, the second also without the first."""

    @property
    @abstractmethod
    def stats(self) -> Counted:
        """The counts of now; ``UNCOUNTED`` before the first."""

    @abstractmethod
    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """Move blocks into ``sink``, in a thread of its own, until the end, and tell ``on_end``."""

    @abstractmethod
    def finish(self, timeout: float) -> None:
        """Take the last frames and counts, for at most ``timeout`` seconds, then end all that runs for it."""

    @property
    def note(self) -> str:
        """A word for the toolbar beside the figures; "" if all is as it should be."""
        return ""

    def cost(self, kinds: Collection[str], seconds: float) -> float:
        """USD so far of a capture that has made resources of these ``kinds`` for ``seconds``."""
        return 0.0

    def begin_tally(self) -> None:  # noqa: B027 - who counts nothing has nothing to begin
        """Count from now on what the filter hides."""

    def end_tally(self, timeout: float) -> Arrived:
        """What was counted since ``begin_tally``; waits at most ``timeout`` seconds for it."""
        return Arrived()

    def refilter(self, capture_filter: str) -> str:
        """Change the filter while it runs; returns what to tell the user. VpcsharkError: why not; all is as it was,
        but for ``Halfway``."""
        raise VpcsharkError("This mode cannot change it while it runs.", "Stop, and start with another.")

    def why_silent(self, arrived: Arrived) -> Sequence[str]:
        """Why no packets come: whole sentences, the most telling first; none where nobody can look. May take some
        seconds. VpcsharkError where nothing can be seen."""
        return ()

    def why_silent_still(self) -> Sequence[str]:
        """What is known some minutes later only; none if there is nothing more."""
        return ()
