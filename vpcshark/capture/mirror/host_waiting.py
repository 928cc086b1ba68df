"""Waiting for a capture host of the capture's own, with words for the person who waits too. Must not know for what."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from vpcshark.capture.connection.retry import retry_until
from vpcshark.capture.contract.stop import Stopped
from vpcshark.capture.lifecycle.context import Context
from vpcshark.errors import AwsError, VpcsharkError

log = logging.getLogger(__name__)
T = TypeVar("T")

POLL = 1.0
SETTLE = 8.0  # seconds that a group made a moment ago may be unknown to EC2's next call


class Waiting:
    """One host's, from now on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = context.clock.monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._context.clock.monotonic() - self._began

    def rest(self, text: str = "", seconds: float = POLL) -> bool:
        """Say ``text`` and wait. Stopped as soon as somebody says stop; else false, see ``retry_until``."""
        if text:
            self._context.status.say(text)
        if self._context.stop.wait(seconds):
            raise Stopped
        return False

    def tell(self, sentence: str) -> None:
        """One line to keep."""
        log.info("%s", sentence)
        self._context.status.log(sentence)

    def settled(self, call: Callable[[], T]) -> T:
        """``call``, repeated while EC2 does not yet know the group that was made a moment ago. AwsError; Stopped."""
        return retry_until(
            call, _is_new_group, lambda pause: self.rest(seconds=pause), self._context.clock, patience=SETTLE
        )


def _is_new_group(error: VpcsharkError) -> bool:
    return isinstance(error, AwsError) and error.code.startswith("InvalidGroup")
