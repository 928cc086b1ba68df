"""Steps of a capture that run side by side: threads whose results are waited for only as long as nobody says stop.

Knows nothing of what the steps do.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from functools import partial
from typing import Any, TypeVar

from vpcshark import threads
from vpcshark.capture.contract.stop import Stop, Stopped

T = TypeVar("T")
TICK = 0.05


class Jobs:
    """The steps of one capture, and what runs beside it. After a stop no step begins; what runs may end.

    Thread-safe."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._started: list[Future[Any]] = []
        self._last: list[Callable[[], None]] = []

    def start(self, work: Callable[..., T], *arguments: Any, **named: Any) -> Future[T]:
        """Begin ``work`` beside everything else."""
        if self._stop.requested():
            raise Stopped
        future = threads.start(partial(work, **named), *arguments, name="capture")
        self._started.append(future)
        return future

    def beside(self, work: Callable[[], T], *, name: str) -> Future[T]:
        """Begin ``work`` that nobody waits for but ``settle``; also after a stop."""
        future = threads.start(work, name=name)
        self._started.append(future)
        return future

    def result(self, future: Future[T]) -> T:
        """The result of ``future``; raises what it raised, or Stopped as soon as somebody says stop."""
        self.wait_for(future)
        return future.result()

    def wait_for(self, *futures: Future[Any]) -> None:
        """Until all are done, or the first failed (it is raised), or somebody says stop (Stopped)."""
        while True:
            done, waiting = wait(futures, timeout=TICK, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            if not waiting:
                return
            if self._stop.requested():
                raise Stopped

    def at_last(self, call: Callable[[], None]) -> None:
        """Have it called when no session can send frames any more (``end``)."""
        self._last.append(call)

    def end(self) -> None:
        """No session sends any more."""
        while self._last:
            self._last.pop()()

    def settle(self, timeout: float) -> bool:
        """Give what runs ``timeout`` seconds to end; False if something still runs."""
        _, running = wait([*self._started], timeout=timeout)
        return not running
