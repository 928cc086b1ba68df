"""The one way in which anything is tried again: for how long, how often, and until who says stop.

Must not know what is tried.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from vpcshark.clock import Clock
from vpcshark.errors import VpcsharkError

log = logging.getLogger(__name__)
T = TypeVar("T")

PERSISTENCE = 30.0  # seconds for which a broken connection is tried again
PAUSE = 1.0


def retry_until(
    work: Callable[[], T],
    is_passing: Callable[[VpcsharkError], bool],
    rest: Callable[[float], bool],
    clock: Clock,
    *,
    patience: float = PERSISTENCE,
    pauses: Iterable[float] = (PAUSE,),
) -> T:
    """The result of ``work``, which is tried again while what it raises ``is_passing``.

    Raises the last error ``patience`` seconds after the start, or as soon as ``rest`` is true: it waits the seconds
    that it is given, and is true if nobody wants the result any more. The last of ``pauses`` (seconds) is that of all
    further ones.
    """
    end = clock.monotonic() + patience
    for pause in _for_ever(pauses):
        try:
            return work()
        except VpcsharkError as error:
            if not is_passing(error) or clock.monotonic() + pause > end:
                raise
            log.info("Trying again in %.1f s: %s", pause, error)
            if rest(pause):
                raise
    raise AssertionError("the pauses have no end")


def _for_ever(pauses: Iterable[float]) -> Iterable[float]:
    *first, last = pauses
    return itertools.chain(first, itertools.repeat(last))
