"""Answers of an endpoint that may send anything: bounded one by one, and all that are read at once together."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from urllib3.exceptions import ReadTimeoutError

from vpcshark.aws.errors import mapped
from vpcshark.aws.long_answers import SHORT, done
from vpcshark.aws.response_limits import LONGEST, MOST, whole
from vpcshark.clock import SystemClock
from vpcshark.errors import AwsError

PIECE = b"{" * (SHORT // 4)  # as JSON begins


class Answer:
    """What urllib3 gives: ``count`` pieces, each after ``before``."""

    def __init__(self, count: int, before: Callable[[int], None] = lambda at: None) -> None:
        self.count, self.before, self.is_closed = count, before, False
        self.piece = PIECE

    def stream(self, size: int) -> Iterator[bytes]:
        for at in range(self.count):
            self.before(at)
            yield self.piece

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
    """And be done with it, as whoever has parsed it."""
    found = whole(answer, "http://127.0.0.1/", MOST, clock or SystemClock())
    try:
        return bytes(found)
    finally:
        done(found)


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


def test_what_is_long_and_none_of_awss_is_never_made_an_answer() -> None:
    """botocore would put all of it into the text of an error."""
    long = Answer(8)
    long.piece = bytes(len(PIECE))
    with pytest.raises(AwsError, match="neither XML nor JSON"):
        read(long)
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
    long = whole(Answer(8), "http://127.0.0.1/", MOST, SystemClock())
    assert read(Answer(SHORT // len(PIECE)))
    done(long)


def test_a_long_one_has_the_turn_until_it_is_parsed() -> None:
    """Another waits for that, and not only until its bytes have come."""
    first = whole(Answer(8), "http://127.0.0.1/", MOST, SystemClock())
    with pytest.raises(ReadTimeoutError):
        read(Answer(8), Hurried())
    done(first)
    assert read(Answer(8))


def test_one_that_is_never_parsed_gives_the_turn_back_with_itself() -> None:
    whole(Answer(8), "http://127.0.0.1/", MOST, SystemClock())
    assert read(Answer(8))


def _held(error: BaseException | None) -> int:
    """Bytes that the frames of an error and of its causes keep."""
    held = 0
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            held += sum(len(value) for value in frame.f_locals.values() if isinstance(value, bytes | bytearray | str))
        error = error.__cause__ or error.__context__
    return held


class ResponseParserError(ValueError):
    """Named and placed as botocore's."""

    __module__ = "botocore.parsers"


def test_an_error_keeps_nothing_of_the_answer() -> None:
    """Several calls may fail at once, and their errors are kept until all have ended."""
    with pytest.raises(AwsError) as too_long:
        read(Answer(10 * MOST // len(PIECE)))
    assert _held(too_long.value) < SHORT

    def unreadable() -> None:
        answer = bytes(MOST)
        raise ResponseParserError(f"no XML in {len(answer)} bytes")

    with pytest.raises(AwsError) as broken, mapped("list the network interfaces"):
        unreadable()
    assert _held(broken.value) < SHORT
