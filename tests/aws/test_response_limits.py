"""Answers of an endpoint that may send anything: bounded one by one, and all that are read at once together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from urllib3.exceptions import ReadTimeoutError

from vpcshark.aws import response_limits
from vpcshark.aws.response_limits import LONGEST, MOST, SHORT, whole
from vpcshark.clock import SystemClock
from vpcshark.errors import AwsError

PIECE = bytes(SHORT // 4)


class Answer:
    """What urllib3 gives: ``count`` pieces, each after ``before``."""

    def __init__(self, count: int, before: Callable[[int], None] = lambda at: None) -> None:
        self.count, self.before, self.is_closed = count, before, False

    def stream(self, size: int) -> Iterator[bytes]:
        for at in range(self.count):
            self.before(at)
            yield PIECE

    def close(self) -> None:
        self.is_closed = True


class Hurried(SystemClock):
    """Ten seconds go by at each look."""

    def __init__(self) -> None:
        self.now_at = 0.0

    def monotonic(self) -> float:
        self.now_at += 10.0
        return self.now_at


def read(answer: Answer, clock: SystemClock | None = None) -> bytes:
    return whole(answer, "http://127.0.0.1/", MOST, clock or SystemClock())


def test_an_answer_is_what_was_sent() -> None:
    """Short, and as long as one may be."""
    for count in (0, 1, MOST // len(PIECE)):
        assert read(Answer(count)) == PIECE * count


def test_one_that_is_too_long_is_given_up() -> None:
    """And the next one is read all the same."""
    answer = Answer(10 * MOST // len(PIECE))
    with pytest.raises(AwsError, match="longer than 16 MiB"):
        read(answer)
    assert answer.is_closed
    assert read(Answer(8))


def test_one_that_never_ends_is_given_up_in_time() -> None:
    """However little it sends at once."""
    asked: list[int] = []
    answer = Answer(1000, asked.append)
    with pytest.raises(ReadTimeoutError):
        read(answer, Hurried())
    assert answer.is_closed
    assert len(asked) <= LONGEST / 10 + 1


def test_only_one_long_answer_is_read_at_a_time() -> None:
    """Eight at once, of which each has begun before any goes on."""
    together, lock = threading.Barrier(8), threading.Lock()
    beyond: set[int] = set()
    most: list[int] = []

    def before(who: int) -> Callable[[int], None]:
        def step(at: int) -> None:
            if at == 1:
                together.wait(180)
            if at * len(PIECE) > SHORT + len(PIECE):  # the piece that goes beyond has been taken, and the turn with it
                with lock:
                    beyond.add(who)
                    most.append(len(beyond))
            if at == 15:
                with lock:
                    beyond.discard(who)

        return step

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda who: read(Answer(16, before(who))), range(8)))
    assert found == [PIECE * 16] * 8
    assert max(most) == 1


def test_short_answers_wait_for_nobody() -> None:
    """Also while a long one is being read."""
    with response_limits._long_answer:
        assert read(Answer(SHORT // len(PIECE)))
