"""Work side by side in threads that nobody waits for at the end of the process, unlike those of concurrent.futures:
a call that hangs must not hold a process that Wireshark waits for. Knows no room.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def start(work: Callable[..., T], *arguments: Any, name: str = "work") -> Future[T]:
    """Begin ``work`` in a thread of its own."""
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(future, work, arguments), name=name, daemon=True).start()
    return future


def alone(work: Callable[..., object], *arguments: Any, name: str) -> None:
    """Begin ``work`` whose result nobody asks for: of what it raises the log tells (``logs``)."""
    threading.Thread(target=work, args=arguments, name=name, daemon=True).start()


def alarm(seconds: float, work: Callable[[], object], *, name: str) -> threading.Timer:
    """Has ``work`` done ``seconds`` after its start, unless it is cancelled before."""
    made = threading.Timer(seconds, work)
    made.name, made.daemon = name, True
    return made


def after(seconds: float, work: Callable[[], object], *, name: str) -> threading.Timer:
    """Have ``work`` done ``seconds`` from now, unless what is returned is cancelled before."""
    made = alarm(seconds, work, name=name)
    made.start()
    return made


def together(works: Iterable[Callable[[], T]], most: int = 0) -> list[T]:
    """Do all of ``works`` at the same time, or ``most`` of them (0: all), some of them here; their results in order, or
    the first failure once all are done."""
    wanted = [*works]
    futures: list[Future[T]] = [Future() for _ in wanted]
    waiting = deque(zip(futures, wanted, strict=True))

    def work() -> None:
        while True:
            try:
                future, one = waiting.popleft()
            except IndexError:
                return
            _run(future, one, ())

    for _ in range(min(most or len(wanted), len(wanted)) - 1):
        start(work)
    work()
    for future in futures:
        future.exception()
    return [future.result() for future in futures]


class Once(Generic[T]):
    """Results by what they are of: who asks while another does waits for that one. A failure is not kept."""

    def __init__(self) -> None:
        self._lock = (
            threading.Lock()
        )  # a future is in ``_futures`` exactly while somebody makes, or has made, its result
        self._futures: dict[Hashable, Future[T]] = {}

    def result(self, of: Hashable, work: Callable[[], T]) -> T:
        """What ``work`` gives, or gave. What it raises."""
        with self._lock:
            future = self._futures.get(of)
            is_first = future is None
            if future is None:
                future = self._futures[of] = Future()
        if is_first:
            _run(future, work, ())
            if future.exception() is not None:
                with self._lock:
                    del self._futures[of]
        return future.result()


def _run(future: Future[T], work: Callable[..., T], arguments: tuple[Any, ...]) -> None:
    try:
        future.set_result(work(*arguments))
    except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
        future.set_exception(error)
