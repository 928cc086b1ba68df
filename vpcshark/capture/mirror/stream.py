"""The stream of a mirror that is up: a receiver's frames, with what can be asked of a mirror besides.

Must not know how it came up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from vpcshark.capture.contract.frame_stream import Arrived
from vpcshark.capture.lifecycle.costs import Costs
from vpcshark.capture.mirror import silence_text
from vpcshark.capture.mirror.active_filter import InForce, Move
from vpcshark.capture.mirror.silence_check import SecondLook
from vpcshark.capture.receivers.receiver import Around, Receiver

ToFilter = Callable[[str], str]
"""The user's capture filter -> the one that holds, with the direction in it."""


class MirrorStream(Around):
    """``move`` has AWS mirror by other rules; None where its filter is not the capture's own."""

    def __init__(
        self,
        receiver: Receiver,
        filtering: InForce,
        effective: ToFilter,
        move: Move | None,
        look: SecondLook,
        costs: Costs,
    ) -> None:
        super().__init__(receiver)
        self._filter = filtering
        self._effective = effective
        self._move = move
        self._look = look
        self._costs = costs

    def cost(self, kinds: Collection[str], seconds: float) -> float:
        """See ``FrameStream``."""
        return self._costs.so_far(kinds, seconds, self.moved)

    def refilter(self, capture_filter: str) -> str:
        """See ``FrameStream``. AWS is told where its rules differ, never where the filter is the user's."""
        self._filter.change(self._effective(capture_filter), self, self._move)
        return f'The filter is now "{capture_filter}".' if capture_filter.strip() else "Everything is captured now."

    def why_silent(self, arrived: Arrived) -> Sequence[str]:
        """See ``FrameStream``."""
        return silence_text.explain(self._look.facts(arrived, self._filter.text))

    def why_silent_still(self) -> Sequence[str]:
        """See ``FrameStream``."""
        return self._look.still()
