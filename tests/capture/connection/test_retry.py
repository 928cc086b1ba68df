"""The one way of trying again: while it may pass, for so long, as often, and as long as somebody wants it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from vpcshark.capture.connection.retry import retry_until
from vpcshark.errors import TransportError, VpcsharkError


class Tries:
    """Fails so many times; ``rests`` are the pauses that were asked for."""

    def __init__(self, clock: Any, failures: float, wanted: float = float("inf")) -> None:
        self._clock, self._failures, self._wanted = clock, failures, wanted
        self.count = 0
        self.rests: list[float] = []

    def __call__(self) -> int:
        self.count += 1
        if self.count <= self._failures:
            raise TransportError(f"Try {self.count} failed.")
        return self.count

    def rest(self, seconds: float) -> bool:
        self.rests.append(seconds)
        self._clock.sleep(seconds)
        return len(self.rests) >= self._wanted


def passing(error: VpcsharkError) -> bool:
    return True


def test_it_is_tried_again_until_it_works(clock):
    tries = Tries(clock, 3)
    assert retry_until(tries, passing, tries.rest, clock) == 4
    assert tries.rests == [1.0, 1.0, 1.0]


def test_the_last_pause_is_that_of_all_further_tries(clock):
    tries = Tries(clock, 4)
    retry_until(tries, passing, tries.rest, clock, pauses=(0.5, 2.0))
    assert tries.rests == [0.5, 2.0, 2.0, 2.0]


def test_what_no_time_mends_is_raised_at_once(clock):
    tries = Tries(clock, 3)
    with pytest.raises(TransportError, match="Try 1"):
        retry_until(tries, lambda error: False, tries.rest, clock)
    assert tries.rests == []


@pytest.mark.parametrize("patience", [0.0, 7.0, 30.0])
def test_no_try_begins_after_the_patience(clock, patience: float):
    tries, began = Tries(clock, float("inf")), clock.monotonic()
    with pytest.raises(TransportError, match=rf"Try {int(patience) + 1} failed"):
        retry_until(tries, passing, tries.rest, clock, patience=patience)
    assert clock.monotonic() - began == patience


def test_who_wants_it_no_more_gets_the_last_reason(clock):
    tries = Tries(clock, float("inf"), wanted=2)
    with pytest.raises(TransportError, match="Try 2"):
        retry_until(tries, passing, tries.rest, clock, pauses=itertools.repeat(1.0, 3))
