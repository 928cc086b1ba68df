"""What whoever asked for a capture wants to know of its course. Must not know what it does with that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


def _nothing() -> None:
    """Nobody asks."""


def _unheard(_: str) -> None:
    """Nobody asks."""


@dataclass(frozen=True)
class Course:
    """``on_up`` is called once, at the first moment from which on frames can come; ``on_empty`` at the end of a capture
    that went well and got no packet, with the reasons, the most telling first (None: nobody waits for these);
    ``on_early`` with a sentence where it was stopped before frames could come."""

    on_up: Callable[[], None] = _nothing
    on_empty: Callable[[Sequence[str]], None] | None = None
    on_early: Callable[[str], None] = _unheard
