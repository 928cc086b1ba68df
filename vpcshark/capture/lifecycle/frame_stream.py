"""What a capture sees of whoever gets its frames: one receiver, or one on each host of a fleet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from vpcshark.capture.contract.sink import Sink
from vpcshark.capture.instance.key_log import Following
from vpcshark.errors import VpcsharkError


class Receiving(Protocol):
    """Ready, and not yet streaming. ``following`` puts secrets before the frames and ends with it."""

    following: Following | None

    @property
    def stats(self) -> Mapping[str, Any]:
        """The receiver's last "stats" event, or the sum of several; empty before the first."""

    @property
    def moved(self) -> int:
        """Bytes of pcapng that came so far."""

    @property
    def note(self) -> str:
        """A word for the toolbar beside the figures, "" if all is as it should be."""

    def command(self, **words: Any) -> None:
        """Send one command line (the contract is in docs/ARCHITECTURE.md). TransportError."""

    def stream(self, sink: Sink, on_end: Callable[[VpcsharkError | None], None]) -> None:
        """Move blocks into ``sink`` in a thread of its own; ``on_end`` hears why it ended (None: nobody reads)."""

    def finish(self, timeout: float) -> None:
        """Take the last frames and counts, for at most ``timeout`` seconds, then end it."""
