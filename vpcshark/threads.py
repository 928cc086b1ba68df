"""Work side by side in threads that nobody waits for at the end of the process, unlike those of concurrent.futures:
a call that hangs must not hold a process that Wireshark waits for. Knows no room.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def start(work: Callable[..., T], *arguments: Any, name: str = "work") -> Future[T]:
    """Begin ``work`` in a thread of its own."""
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(future, work, arguments), name=name, daemon=True).start()
    return future


def together(works: Iterable[Callable[[], T]]) -> list[T]:
    """Do all of ``works`` at the same time, one of them here; their results, or the first failure once all are done."""
    wanted = [*works]
    futures: list[Future[T]] = [Future(), *(start(work) for work in wanted[1:])] if wanted else []
    if wanted:
        _run(futures[0], wanted[0], ())
    for future in futures:
        future.exception()
    return [future.result() for future in futures]


def _run(future: Future[T], work: Callable[..., T], arguments: tuple[Any, ...]) -> None:
    try:
        future.set_result(work(*arguments))
    except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
        future.set_exception(error)
