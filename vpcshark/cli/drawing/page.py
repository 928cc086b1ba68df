"""A walk's answer as one HTML page that needs no network and runs no script: picture, what blocks, every hop.

A hop of the picture is a link to its place in the list and back, so mouse, keyboard and screen reader go the same way.
Must not know files, nor how the answer was found out.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from vpcshark.cli.drawing import lanes, looks, svg
from vpcshark.cli.drawing.document import document
from vpcshark.cli.drawing.lanes import BACK, THERE, WORDS, Card, kind_words, named, why
from vpcshark.cli.drawing.markup import Child, el
from vpcshark.network import answer as answers
from vpcshark.network.answer import Answer, Way
from vpcshark.network.packet import words
from vpcshark.network.trail import DROP, JUMBO, UNKNOWN, Hop, Trail


def page(found: Answer, facts: list[str], every_path: bool = False, more: Element | None = None) -> str:
    """The whole document. ``facts``: further sentences on the way as a whole; ``more`` stands below all."""
    title = f"{found.verdict}: {found.asked.source.text} → {found.asked.target.text}"
    skip = el("a", "To the list of hops", href="#list", class_="skip")
    return document(title, looks.PAGE, skip, _head(found, facts), el("main", sides(found, every_path), more))


def sides(found: Answer, every_path: bool = False) -> Element:
    """The picture, and every hop beside it."""
    picture = el("div", svg.picture(found, is_linked=True), class_="picture", tabindex=0, role="region")
    picture.set("aria-label", "Picture of the way")
    listed = el("div", *_ways(found, every_path), class_="list", id="list", tabindex=0, role="region")
    listed.set("aria-label", "Every hop")
    return el("div", picture, listed, class_="sides")


def _head(found: Answer, facts: list[str]) -> Element:
    ends = f" {found.asked.source.text} → {found.asked.target.text}"
    header = el(
        "header",
        el("h1", el("b", found.verdict.upper()), ends, class_=found.verdict),
        el("p", el("span", words(found.packet), class_="id")),
    )
    for title, verdict, stops in (
        ("Blocked by", DROP, answers.blockers(found)),
        ("Not known", UNKNOWN, answers.unknowns(found)),
    ):
        if stops:
            header.append(el("h2", title))
            header.append(el("ul", *(_stop(found, way, hop, verdict) for way, hop in stops), class_="stops"))
    size = answers.mtu(found)
    jumbo = "" if size is None or size >= JUMBO else "; larger packets need path MTU discovery (ICMP back)"
    said = [*answers.notes(found), *([f"MTU {size} bytes{jumbo}."] if size else []), *facts]
    header.extend(el("p", each) for each in said)
    return header


def _stop(found: Answer, direction: str, hop: Hop, verdict: str) -> Element:
    """One thing that blocks, or that nobody knows, with what mends it."""
    way = THERE if direction == "forward" else BACK
    key = _key(found, way, hop)
    label = f"{kind_words(hop)} {named(hop)}"
    name: Child = el("a", label, href=f"#hop-{key}") if key else label
    return el("li", el("b", WORDS[verdict]), " ", name, f", {way}: {why(hop)}", *_mend(hop), class_=verdict)


def _mend(hop: Hop) -> Iterator[Element]:
    if hop.mend:
        yield el("div", "This mends it:")
        yield el("pre", el("code", hop.mend))


def _key(found: Answer, way: str, hop: Hop) -> str:
    """Of the hop in the list, "" if it is on another way that AWS may choose."""
    shown = found.there if way == THERE else found.back
    cards = lanes.cards(shown.shown, way) if shown is not None else []
    return next((card.key for card in cards if card.hop is hop), "")


def _ways(found: Answer, every_path: bool) -> Iterator[Element]:
    for way, title, walked in ((THERE, "There", found.there), (BACK, "Back", found.back)):
        if walked is not None:
            yield from _way(way, title, walked, every_path)


def _way(way: str, title: str, walked: Way, every_path: bool) -> Iterator[Element]:
    """The way of the picture, and those that AWS may take instead."""
    for number, trail in enumerate(walked.trails if every_path else walked.trails[:1], 1):
        count = f" {number} of {len(walked.trails)}" if len(walked.trails) > 1 else ""
        yield el("h2", f"{title}{count}: ", el("b", trail.verdict), class_=trail.verdict)
        yield el("ol", *_items(trail, way, number), class_="hops")


def _items(trail: Trail, way: str, number: int) -> Iterator[Element]:
    for card in lanes.cards(trail, way):
        yield _item(card, "" if number == 1 else f"-{number}")


def _item(card: Card, suffix: str) -> Element:
    hop = card.hop
    verdict = card.verdict
    heading = el("h3", f"{card.number}. {kind_words(hop)} ", el("span", named(hop), class_="id"))
    if verdict:
        heading.append(el("b", f" {verdict}"))
    item = el("li", heading, el("dl", *_terms(card)), class_=hop.verdict, id=f"hop-{card.key}{suffix}", tabindex=-1)
    item.extend(_mend(hop))
    if not suffix:
        hidden = el("span", f": hop {card.number}, {card.way}", class_="hidden")
        item.append(el("a", "In the picture", hidden, href=f"#at-{card.key}", class_="up"))
    return item


def _terms(card: Card) -> Iterator[Element]:
    """What is known of a hop, each with its name."""
    hop = card.hop
    rule = "" if hop.rule is None else f"{hop.rule.id}: {hop.rule.text}"
    told = (
        ("rule", rule),
        ("why", hop.text if hop.rule is None or hop.text != hop.rule.text else ""),
        ("reason", hop.code),
        ("passed over", "; ".join(hop.passed)),
        ("where", ", ".join(filter(None, (hop.vpc, hop.subnet, hop.az)))),
        ("header", f"{words(hop.packet)} ({hop.note})" if hop.note else ""),
        ("MTU", f"{hop.mtu} bytes" if hop.mtu else ""),
        ("note", "told as if what blocks before had let the packet through" if card.is_beyond else ""),
    )
    for term, text in told:
        if text:
            yield el("dt", term)
            yield el("dd", text)
