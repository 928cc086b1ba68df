"""Frames from a receiver on this machine into the sink, from pipe to pipe. Must not know what they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from vpcshark.capture.contract.sink import Drain
from vpcshark.transport.base import Piped

HAS_SPLICE = hasattr(os, "splice")  # Linux, Python 3.10


def drain(channel: Piped, sink: Drain, count: Callable[[int], None]) -> None:
    """Move stdout into the sink from pipe to pipe: on two cores a copy would cost dumpcap's time."""
    while True:
        moved = channel.hand_over(lambda pipe: _Moved(sink.take(pipe)))
        if moved is None or moved.size == 0:
            return
        if moved.size is None:
            sink.wait_for_room()
        else:
            count(moved.size)


class _Moved(NamedTuple):
    size: int | None
