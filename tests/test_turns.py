"""Who is judged by the clock is alone; the others are not in each other's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from turns import Turns


class Taker(threading.Thread):
    """Takes a turn in a thread; ``has`` is set once it has it."""

    def __init__(self, turns: Turns, *, alone: bool) -> None:
        super().__init__(daemon=True)
        self._turns, self._alone = turns, alone
        self.has = threading.Event()
        self.start()

    def run(self) -> None:
        self._turns.take(alone=self._alone)
        self.has.set()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Turns]]:
    """As three processes have them."""
    made = [Turns(tmp_path) for _ in range(3)]
    yield made
    for one in made:
        one.leave()


def test_most_run_side_by_side(three: list[Turns]) -> None:
    """Nobody waits."""
    for one in three:
        one.take(alone=False)


def test_who_wants_to_be_alone_waits_for_all_and_all_for_him(three: list[Turns]) -> None:
    """Nor is he passed by while he waits."""
    first, second, third = three
    first.take(alone=False)
    lonely = Taker(second, alone=True)
    assert not lonely.has.wait(0.2)
    other = Taker(third, alone=False)
    assert not other.has.wait(0.2)
    first.leave()
    assert lonely.has.wait(10)
    assert not other.has.is_set()
    second.leave()
    assert other.has.wait(10)


def test_two_who_want_to_be_alone_at_once_are_it_one_after_the_other(three: list[Turns]) -> None:
    """Each lets go of what the other waits for."""
    for one in three[:2]:
        one.take(alone=False)
    threads = [threading.Thread(target=one.be_alone, daemon=True) for one in three[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(0.5)
    assert [thread.is_alive() for thread in threads].count(False) == 1
    next(one for one, thread in zip(three, threads, strict=False) if not thread.is_alive()).leave()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
