"""Records beside packets: how long their end takes."""

from __future__ import annotations

from typing import Any

from streams import Kept

from vpcshark.capture.flow_records.beside import Beside


class Slow:
    """A stream whose last question AWS does not answer: ``settle`` takes all the time that it is given."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.is_finished = False

    def stream(self, sink: Any, on_end: Any) -> None:
        """Nothing comes."""

    def settle(self, timeout: float) -> None:
        self._clock.sleep(timeout)

    def finish(self, timeout: float) -> None:
        self.is_finished = True


def test_many_points_of_which_aws_tells_nothing_more_hold_the_end_up_no_longer_than_one(clock: Any) -> None:
    """Wireshark kills who is not done, and what is in the account has to be deleted yet."""
    points: list[Any] = [Slow(clock) for _ in range(20)]
    packets: Any = Slow(clock)
    both = Beside(packets, points, clock)
    both.stream(Kept(), lambda error: None)
    begun = clock.monotonic()
    both.finish(2.0)
    assert clock.monotonic() - begun <= 5.0  # of the clock that is handed in
    assert all(each.is_finished for each in (packets, *points))
