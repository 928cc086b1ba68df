"""The picture of a walk: rows of boxes with the hops of both ways, as SVG. Must not know files.

Lengths are SVG's user units, pixels at 100 %. Texts are in a font of fixed width and broken by us: SVG breaks none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from textwrap import wrap
from xml.etree.ElementTree import Element

from rich.cells import cell_len, set_cell_size

from vpcshark.cli.drawing import lanes, looks
from vpcshark.cli.drawing.lanes import BACK, THERE, Block, Card, Part, kind_words, named, why
from vpcshark.cli.drawing.markup import el, style
from vpcshark.network.answer import Answer
from vpcshark.network.packet import words
from vpcshark.network.trail import ALLOW, DROP, UNKNOWN
from vpcshark.text import line

LANE, GAP, EDGE = 420, 26, 14  # width of a lane, space between lanes, space around all
STEP, LINE, TITLE, PAD = 18, 15, 20, 10  # between cards, of a line of text, of a box's title, inside boxes
ARROW = 36  # of the arrows from the lane's right side, past the boxes' titles
COLUMNS, LINES = 54, 3  # of text in a card, and lines of its rule
NAMESPACE = "http://www.w3.org/2000/svg"


@dataclass
class Drawn:
    """What there is to draw, and where the arrows meet each card: x, its top, its bottom. ``names`` are of boxes."""

    is_linked: bool
    names: dict[str, str]
    boxes: list[Element] = field(default_factory=list)
    hops: list[Element] = field(default_factory=list)
    places: dict[str, tuple[float, float, float]] = field(default_factory=dict)


def picture(found: Answer, is_linked: bool) -> Element:
    """The way that explains the verdict, and the way back beside it. ``is_linked``: each hop leads to ``#hop-KEY``."""
    there = lanes.cards(found.there.shown, THERE)
    back = lanes.cards(found.back.shown, BACK) if found.back is not None else []
    ways = [way.shown for way in (found.there, found.back) if way is not None]
    drawn = Drawn(is_linked, lanes.names(*ways))
    y = EDGE + TITLE * 2.0
    for row in lanes.rows(lanes.blocks(there), lanes.upwards(lanes.blocks(back))):
        y = _row(drawn, row, y) + GAP
    width = 2 * EDGE + (2 * LANE + GAP if back else LANE) + 2 * PAD
    said = f"{found.verdict}: {found.asked.source.text} to {found.asked.target.text}, {words(found.packet)}"
    return el(
        "svg",
        el("title", said),
        style(looks.PICTURE),
        el("defs", _head()),
        el("rect", class_="ground", width=width, height=y),
        *_headings(found, bool(back)),
        *drawn.boxes,
        *_arrows(drawn, there, back),
        *_in_order(drawn, [*there, *back]),
        xmlns=NAMESPACE,
        viewBox=f"0 0 {width:g} {y:g}",
        width=width,
        height=y,
        class_="walk",
        role="group",
        aria_label=f"The way of the packet. {said}",
    )


def _headings(found: Answer, has_back: bool) -> Iterator[Element]:
    base = EDGE + TITLE
    yield el("text", f"There, downwards: {found.there.verdict}", x=EDGE + PAD, y=base, class_="lane")
    if has_back and found.back is not None:
        x = EDGE + PAD + LANE + GAP
        yield el("text", f"Back, upwards: {found.back.verdict}", x=x, y=base, class_="lane")


def _row(drawn: Drawn, row: lanes.Row, y: float) -> float:
    """One row; returns where it ends."""
    sides = [(block, index) for index, block in enumerate((row.there, row.back)) if block is not None]
    block, start = sides[0]
    bottom = y
    top = y + (TITLE if block.vpc else 0) + (PAD if block.vpc else 0)
    at = len(drawn.boxes)
    for each, index in sides:
        bottom = max(bottom, _lane(drawn, each, EDGE + PAD + index * (LANE + GAP), top))
    if block.vpc:
        x = EDGE + start * (LANE + GAP)
        width = 2 * PAD + (LANE if len(sides) == 1 else 2 * LANE + GAP)
        bottom += PAD
        drawn.boxes[at:at] = _box("vpc", x, y, width, bottom - y, f"VPC {drawn.names.get(block.vpc, block.vpc)}")
    return bottom


def _lane(drawn: Drawn, block: Block, x: float, y: float) -> float:
    for number, part in enumerate(block.parts):
        y = _part(drawn, part, x, y + (STEP if number else 0))
    return y


def _part(drawn: Drawn, part: Part, x: float, y: float) -> float:
    top, at = y, len(drawn.boxes)
    inner = PAD if part.subnet else 0
    y += TITLE + inner if part.subnet else 0
    for number, card in enumerate(part.cards):
        y += STEP if number else 0
        height = _card(drawn, card, x + inner, y, LANE - 2 * inner)
        drawn.places[card.key] = (x + LANE - ARROW, y, y + height)
        y += height
    if part.subnet:
        y += inner
        title = f"subnet {drawn.names.get(part.subnet, part.subnet)}" + (f" in {part.zone}" if part.zone else "")
        drawn.boxes[at:at] = _box("part", x, top, LANE, y - top, title)
    return y


def _box(name: str, x: float, y: float, width: float, height: float, title: str) -> list[Element]:
    return [
        el("rect", class_=name, x=x, y=y, width=width, height=height, rx=6),
        el("text", _cut(title, int((min(width, LANE) - ARROW) / 7.2)), class_="title", x=x + PAD, y=y + TITLE - 4),
    ]


def _card(drawn: Drawn, card: Card, x: float, y: float, width: float) -> float:
    """One hop; returns its height."""
    hop = card.hop
    said = _broken(why(hop))
    height = 2 * LINE + PAD + LINE * len(said)
    verdict = card.verdict
    told = f"{card.number}. {card.heading}, {card.way}: {verdict or 'passes'}. {why(hop)}"
    parts = [
        el("title", told),
        el("rect", class_="card", x=x, y=y, width=width, height=height, rx=4),
        _mark(hop.verdict, x + 14, y + 15),
        el("text", f"{card.number} {kind_words(hop)}", class_="kind", x=x + 28, y=y + 19),
        el("text", verdict, class_="verdict", x=x + width - 8, y=y + 19, text_anchor="end") if verdict else None,
        el("text", _cut(named(hop), COLUMNS), x=x + 28, y=y + 19 + LINE),
        *(
            el("text", each, class_="title", x=x + 28, y=y + 19 + LINE * (number + 2))
            for number, each in enumerate(said)
        ),
    ]
    link = {"href": f"#hop-{card.key}", "id": f"at-{card.key}"}
    tag, more = ("a", link) if drawn.is_linked else ("g", {"role": "group", "aria_label": told})
    drawn.hops.append(el(tag, *parts, class_=f"hop {hop.verdict}", **more))
    return height


def _broken(text: str) -> list[str]:
    """At most so many lines; that something is left out is marked."""
    found = wrap(line(text), COLUMNS, break_on_hyphens=False)
    found = [_cut(each, COLUMNS) for each in found]  # a wide letter takes two columns
    return found if len(found) <= LINES else [*found[: LINES - 1], _cut(found[LINES - 1], COLUMNS - 1) + "…"]


def _cut(text: str, columns: int) -> str:
    shown = line(text)
    return shown if cell_len(shown) <= columns else set_cell_size(shown, columns - 1).rstrip() + "…"


def _mark(verdict: str, x: float, y: float) -> Element:
    """A tick, a cross in an octagon, a question mark's ring, or a dot: told apart without colour."""
    shapes = {
        ALLOW: f"M{x - 5} {y}l4 4l7 -8",
        DROP: f"M{x - 5} {y - 5}l10 10M{x + 5} {y - 5}l-10 10",
        UNKNOWN: f"M{x - 4} {y - 3}a4 4 0 1 1 5 4l-1 2M{x} {y + 7}l0 .1",
    }
    return el("path", d=shapes.get(verdict, f"M{x} {y}l.1 0"), class_="mark")


def _head() -> Element:
    path = el("path", d="M0 0L8 4L0 8z", class_="head")
    return el("marker", path, id="head", markerWidth=8, markerHeight=8, refX=8, refY=4, orient="auto")


def _arrows(drawn: Drawn, there: Sequence[Card], back: Sequence[Card]) -> Iterator[Element]:
    """From hop to hop; broken past a block, where the packet never comes."""
    for one, other in (*pairwise(there), *pairwise(back)):
        x, top, bottom = drawn.places[one.key]
        _, goal_top, goal_bottom = drawn.places[other.key]
        ends = (bottom, goal_top) if goal_top > top else (top, goal_bottom)
        yield _arrow(f"M{x} {ends[0]:g}V{ends[1]:g}", other.is_beyond)
    if there and back:
        (x, top, bottom), (goal, goal_top, goal_bottom) = drawn.places[there[-1].key], drawn.places[back[0].key]
        start, end = x + ARROW, goal + ARROW - LANE
        middle = (start + end) / 2
        heights = (top + bottom) / 2, (goal_top + goal_bottom) / 2
        inside = PAD if there[-1].hop.subnet else 0, PAD if back[0].hop.subnet else 0
        way = f"M{start - inside[0]:g} {heights[0]:g}H{middle:g}V{heights[1]:g}H{end + inside[1]:g}"
        yield _arrow(way, there[-1].is_beyond or there[-1].hop.verdict == DROP)


def _arrow(path: str, is_beyond: bool) -> Element:
    name = "arrow beyond" if is_beyond else "arrow"
    return el("path", d=path, class_=name, marker_end="url(#head)")


def _in_order(drawn: Drawn, cards: Sequence[Card]) -> list[Element]:
    """The hops in the order of the packet, which is the one that keyboards and screen readers follow."""
    places = {key: number for number, key in enumerate(drawn.places)}
    return [drawn.hops[places[card.key]] for card in cards]
