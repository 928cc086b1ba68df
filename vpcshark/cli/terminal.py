"""rich, made safe for text from outside, and without padding where no person looks. Must not know who prints what.

rich's markup is off, since a tag "[/x]" or "[link=…]" is no markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from vpcshark import text as texts


class CleanConsole(Console):
    """Rich's console, for lines: each string is one. What comes as ``Text`` keeps its lines."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Every string comes by here, also a table's, before it is measured."""
        return super().render_str(texts.line(text), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """And everything by here; control segments are rich's own (a spinner's)."""
        segments = super().render(renderable, options)
        for text, style, control in segments if self.is_terminal else unpadded(segments):
            yield Segment(text if control else texts.lines(text, len(text)), style, control)


def unpadded(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Without the blanks that fill up a table's lines: a file or a pipe has no right edge."""
    held: list[Segment] = []
    for segment in segments:
        if segment.text.startswith("\n"):
            held.clear()
        text = segment.text.rstrip(" ")
        if text or segment.control:
            yield from held
            held.clear()
            yield Segment(text, segment.style, segment.control)
        if len(text) < len(segment.text):
            held.append(Segment(segment.text[len(text) :], segment.style))
    yield from held


class Rows(Table):
    """A table whose cells are one line each: a line feed in a tag makes no row of its own."""

    def add_row(self, *cells: RenderableType | None, **settings: Any) -> None:
        """See ``Table``."""
        super().add_row(*(" ".join(texts.line(c).split()) if isinstance(c, str) else c for c in cells), **settings)
