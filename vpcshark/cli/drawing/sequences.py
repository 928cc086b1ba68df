"""The time-sequence graph of a connection as SVG: a trace in, elements out. Must not know files nor findings.

Bytes go up, time to the right. What a colour says, a shape and a word say too. Lengths are SVG's user units, pixels at
100 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from vpcshark.cli.drawing.markup import el, path
from vpcshark.diagnose.flows import MILLISECOND, SECOND
from vpcshark.diagnose.sequence import RESET, Bar, Mark, Trace
from vpcshark.diagnose.streams import COPY, LATE, NEW, PROBE, RESENT

WIDTH, HEIGHT = 1000, 520
LEFT, RIGHT, TOP, BOTTOM = 92, 984, 76, 440  # of the field within
MARGIN = 18  # left and right in the field
ROWS, ROW = 4, 15  # of the frames' numbers above the field
LETTER = 6.7  # the width of a letter
SHORTEST = 4.0  # of a bar, that it can be seen
WORDS = {
    NEW: "segment",
    RESENT: "sent again",
    LATE: "overtaken on the way",
    COPY: "seen twice",
    PROBE: "probe of a closed window",
    RESET: "reset",
    "ack": "acknowledgement",
}
_ROOM = 1.3
"""So many times the height of the bytes at most is for the window beyond them."""


@dataclass(frozen=True)
class Scales:
    """Where a time (ns) and a byte are in the field."""

    zero: int
    last: int
    low: int
    rise: int
    is_cut: bool
    """Does the window reach beyond the field?"""

    def x(self, at: int) -> float:
        """From the left."""
        share = (at - self.zero) / (self.last - self.zero)
        return round(LEFT + MARGIN + share * (RIGHT - LEFT - 2 * MARGIN), 1)

    def y(self, byte: int) -> float:
        """From the top; what is beyond the field is at its edge."""
        inside = min(max((byte - self.low) / self.rise, 0), 1)
        return round(BOTTOM - inside * (BOTTOM - TOP), 1)


def scales(trace: Trace) -> Scales:
    """So that all bytes are in the field, and of the window as much as leaves them large enough."""
    edges = [step.edge for step in trace.steps if trace.has_window]
    low = min((bar.start for bar in trace.bars), default=0)
    marks = [*(bar.end for bar in trace.bars), *(step.ack for step in trace.steps), *(b.end for b in trace.blocks)]
    bytes_ = max([*marks, low + 1]) - low
    rise = max(bytes_, min(max(edges, default=0) - low, int(bytes_ * _ROOM)))
    is_cut = max(edges, default=0) > low + rise
    return Scales(trace.begin, max(trace.end, trace.begin + MILLISECOND), low, rise + max(rise // 30, 1), is_cut)


def picture(trace: Trace, title: str) -> Element:
    """The whole graph; ``title`` says what it shows to those who don't see it."""
    scale = scales(trace)
    return el(
        "svg",
        el("title", title),
        el("rect", class_="field", x=LEFT, y=TOP, width=RIGHT - LEFT, height=BOTTOM - TOP),
        *_axes(scale),
        *_lines(trace, scale),
        *_segments(trace, scale),
        *_marks(trace, scale),
        *_legend(trace),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        class_="sequence",
        role="img",
        aria_label=title,
    )


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between both, at most ``most`` and one."""
    rough = max(high - low, 1e-9) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 9) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _axes(scale: Scales) -> Iterator[Element]:
    for second in ticks(0, (scale.last - scale.zero) / SECOND, 10):
        x = scale.x(scale.zero + round(second * SECOND))
        yield path(f"M{x:g} {TOP}V{BOTTOM}", class_="grid")
        yield el("text", f"{second:g}", x=x, y=BOTTOM + 16, text_anchor="middle")
    yield el("text", "seconds from the first packet", x=(LEFT + RIGHT) / 2, y=BOTTOM + 34, text_anchor="middle")
    for byte in ticks(scale.low, scale.low + scale.rise, 8):
        if byte == int(byte):
            y = scale.y(int(byte))
            yield path(f"M{LEFT} {y:g}H{RIGHT}", class_="grid")
            yield el("text", f"{int(byte):,}", x=LEFT - 6, y=y + 4, text_anchor="end")
    yield el("text", "sequence", x=8, y=TOP - 8)
    yield el("text", "(bytes)", x=8, y=TOP + 6)


def _lines(trace: Trace, scale: Scales) -> Iterator[Element]:
    """What was acknowledged and what may be sent, as stairs; the SACK blocks."""
    if trace.has_window and trace.steps:
        yield path(_stairs([(step.at, step.edge) for step in trace.steps], scale), class_="window")
    if trace.steps:
        yield path(_stairs([(step.at, step.ack) for step in trace.steps], scale), class_="ack")
    closed = [step for step in trace.steps if step.is_closed]
    if closed:
        yield path("".join(_closed(scale.x(step.at), scale.y(step.ack)) for step in closed), class_="closed")
    if trace.blocks:
        stretches = ((scale.x(b.at), scale.y(b.start), scale.y(b.end)) for b in trace.blocks)
        yield path("".join(_post(*_tall(*each)) for each in stretches), class_="sack")


def _stairs(points: Sequence[tuple[int, int]], scale: Scales) -> str:
    first, *rest = points
    stairs = "".join(f"H{scale.x(at):g}V{scale.y(byte):g}" for at, byte in rest)
    return f"M{scale.x(first[0]):g} {scale.y(first[1]):g}{stairs}H{RIGHT}"


def _closed(x: float, y: float) -> str:
    """A letter Z, as zero."""
    return f"M{x - 4:g} {y - 5:g}h8l-8 10h8"


def _post(x: float, low: float, high: float) -> str:
    """A narrow box that is open inside: so it is told from a segment's bar."""
    return f"M{x - 2.5:g} {low:g}H{x + 2.5:g}V{high:g}H{x - 2.5:g}Z"


def _tall(x: float, low: float, high: float) -> tuple[float, float, float]:
    more = max(SHORTEST - (low - high), 0) / 2
    return x, round(low + more, 1), round(high - more, 1)


def _segments(trace: Trace, scale: Scales) -> Iterator[Element]:
    """Plain ones in one path; the others each with a shape on top, and a title."""
    plain = "".join(_bar(bar, scale) for bar in trace.bars if bar.kind == NEW)
    if plain:
        yield path(plain, class_="new")
    for bar in trace.bars:
        if bar.kind != NEW:
            x, _, high = _tall(scale.x(bar.at), scale.y(bar.start), scale.y(bar.end))
            shape = path(_shape(bar.kind, x, high), class_="shape")
            title = el("title", f"frame {bar.number}: {said(bar)}")
            yield el("g", title, path(_bar(bar, scale)), shape, class_=bar.kind)


def _bar(bar: Bar, scale: Scales) -> str:
    """Upright, with a foot and a head; several in a row are a slope."""
    x, low, high = _tall(scale.x(bar.at), scale.y(bar.start), scale.y(bar.end))
    if bar.packets > 1:
        return f"M{x:g} {low:g}L{scale.x(bar.until):g} {high:g}"
    return f"M{x:g} {low:g}V{high:g}M{x - 1.5:g} {low:g}h3M{x - 1.5:g} {high:g}h3"


def _shape(kind: str, x: float, y: float) -> str:
    """A triangle, a ring, a square, a point, a cross."""
    shapes = {
        RESENT: f"M{x - 5:g} {y - 10:g}h10l-5 9z",
        LATE: f"M{x - 4:g} {y - 6:g}a4 4 0 1 1 8 0a4 4 0 1 1 -8 0z",
        COPY: f"M{x - 4:g} {y - 10:g}h8v8h-8z",
        RESET: f"M{x - 5:g} {y - 5:g}l10 10M{x + 5:g} {y - 5:g}l-10 10",
    }
    return shapes.get(kind, f"M{x:g} {y - 7:g}l4 4l-4 4l-4 -4z")


def said(bar: Bar | Mark) -> str:
    """What it is, in words."""
    if bar.kind == "ack":
        return f"acknowledges all before {bar.start:,}"
    if bar.kind == RESET:
        return f"reset after {bar.start:,}"
    what = f"sequence {bar.start:,} to {bar.end:,}" if bar.start or bar.end > 1 else "SYN"
    again = "" if bar.kind == NEW else f", {WORDS[bar.kind]}"
    return what + again


def _marks(trace: Trace, scale: Scales) -> Iterator[Element]:
    """The frames that are asked for: ringed, and their numbers above the field with a line down to each."""
    spots = [(scale.x(m.at), round((scale.y(m.start) + scale.y(m.end)) / 2, 1)) for m in trace.marks]
    labels = placed([x for x, _ in spots], [str(mark.number) for mark in trace.marks])
    texts = []
    for mark, (x, y), (left, row) in zip(trace.marks, spots, labels, strict=True):
        base = TOP - 10 - (ROWS - 1 - row) * ROW
        line = path(f"M{left:g} {base + 3}L{x:g} {y - 6:g}", class_="lead")
        ring = el("circle", cx=x, cy=y, r=6, class_="ring")
        yield el("g", el("title", f"frame {mark.number}: {said(mark)}"), line, ring, class_="mark")
        texts.append(el("text", str(mark.number), x=left, y=base, class_="number", text_anchor="middle"))
    yield from texts


def placed(wanted: Sequence[float], labels: Sequence[str]) -> list[tuple[float, int]]:
    """(middle, row) of each label: over its place if there is room, else beside it; none lies on another."""
    ends = [float(LEFT)] * ROWS
    found = []
    for x, label in zip(wanted, labels, strict=True):
        half = LETTER * len(label) / 2 + 3
        row = min(range(ROWS), key=lambda each: (max(ends[each] + half - x, 0), -each))
        middle = max(x, ends[row] + half)
        ends[row] = middle + half
        found.append((middle, row))
    return _within(found, labels)


def _within(found: Sequence[tuple[float, int]], labels: Sequence[str]) -> list[tuple[float, int]]:
    """Moved to the left where they would be beyond the right edge."""
    most = [float(WIDTH)] * ROWS
    moved = []
    for (x, row), label in zip(reversed(found), reversed(labels), strict=True):
        half = LETTER * len(label) / 2 + 3
        middle = min(x, most[row] - half)
        most[row] = middle - half
        moved.append((round(middle, 1), row))
    return moved[::-1]


def _legend(trace: Trace) -> Iterator[Element]:
    """What is in this graph, with how it looks."""
    x, y = float(LEFT), HEIGHT - 22.0
    for kind in WORDS:
        if trace.kinds[kind]:
            word = f"{WORDS[kind]} ({trace.kinds[kind]:,})"
            sample = [path(f"M{x:g} {y + 6:g}v-12")] if kind != RESET else []
            shape = [path(_shape(kind, x, y - 3 if kind != RESET else y), class_="shape")] if kind != NEW else []
            yield el("g", *sample, *shape, class_=kind)
            yield el("text", word, x=x + 9, y=y + 4)
            x += 30 + LETTER * len(word)
    x, y = float(LEFT), HEIGHT - 4.0
    for name, word, is_there in (
        ("ack", "acknowledged up to here", bool(trace.steps)),
        ("window", "may be sent up to here (window)", trace.has_window and bool(trace.steps)),
        ("closed", "window closed", any(step.is_closed for step in trace.steps)),
        ("sack", "got beyond that (SACK)", bool(trace.blocks)),
        ("ring", "frame of the finding", bool(trace.marks)),
    ):
        if is_there:
            yield _sample(name, x, y - 4)
            yield el("text", word, x=x + 24, y=y)
            x += 42 + LETTER * len(word)


def _sample(name: str, x: float, y: float) -> Element:
    if name == "ring":
        return el("circle", cx=x + 8, cy=y, r=6, class_="ring")
    drawn = {"sack": _post(x + 8, y + 6, y - 6), "closed": _closed(x + 8, y)}
    return path(drawn.get(name, f"M{x - 2:g} {y:g}h20"), class_=name)
