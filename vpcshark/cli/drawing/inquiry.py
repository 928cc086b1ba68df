"""One question as one HTML page that needs no network and runs no script: conclusion, how it was found, the path, what
flow logs show at each of its points, what packets prove.

Must not know files, nor how an answer was found out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from vpcshark.cli.drawing import findings, looks, page
from vpcshark.cli.drawing.document import document
from vpcshark.cli.drawing.markup import el
from vpcshark.diagnose.report import Report
from vpcshark.evidence.findings import NOT_SEEN, REJECTED, SEEN
from vpcshark.evidence.findings import Finding as Shown
from vpcshark.network.answer import Answer
from vpcshark.network.packet import words
from vpcshark.text import many
from vpcshark.why.steps import WORKS, Conclusion, Step

_LOOKS = {SEEN: "seen", REJECTED: "rejected", NOT_SEEN: "missed"}


@dataclass
class Found:
    """What the steps left. ``answer`` None: not even the ends could be looked at. ``captures``: commands that would
    decide. ``shown``: what flow logs show; ``report``: what packets prove, of ``files``."""

    question: str
    when: str
    answer: Answer | None
    steps: Sequence[Step]
    end: Conclusion
    captures: Sequence[str] = ()
    shown: Sequence[Shown] = ()
    report: Report | None = None
    files: Sequence[str] = ()
    graphs: findings.Graphs = field(default_factory=dict)


def report(found: Found) -> str:
    """The whole document."""
    skip = el("a", "To the steps", href="#steps", class_="skip")
    main = el("main", _steps(found), id="steps", tabindex=-1)
    for title, part in (
        ("The path", [page.sides(found.answer)] if found.answer is not None else []),
        ("What flow logs show", [_evidence(found.shown)] if found.shown else []),
        ("What packets prove", list(_packets(found))),
    ):
        if part:
            main.append(el("h2", title))
            main.extend(part)
    return document(f"Why: {found.question}", looks.REPORT, skip, _head(found), main)


def _head(found: Found) -> Element:
    kind = "works" if found.end.kind == WORKS else "cause" if found.end.is_proved else "undecided"
    title = {"works": "It works", "cause": "Cause", "undecided": "Can't tell"}[kind]
    said = f": {found.end.kind}" if kind != "works" else ""
    box = el("div", el("p", el("b", f"{title}{said}")), el("p", found.end.sentence), class_=f"conclusion {kind}")
    if found.end.mend:
        box.extend((el("p", "What mends it:"), el("pre", el("code", found.end.mend))))
    asked = words(found.answer.packet) if found.answer is not None else ""
    return el(
        "header",
        el("h1", f"Why: {found.question}"),
        el("p", el("span", asked, class_="id"), f" asked {found.when}"),
        box,
    )


def _steps(found: Found) -> Element:
    items = el("ol", *map(_step, found.steps), class_="steps")
    made = el("section", el("h2", "How it was found"), items)
    if found.captures:
        made.append(el("p", "Packets would decide. These commands get them:"))
        made.append(el("pre", el("code", "\n".join(found.captures))))
    return made


def _step(step: Step) -> Element:
    proved = ", proved" if step.is_proved else ""
    item = el("li", el("b", f"{step.name}: {step.verdict}{proved}"), el("br"), step.sentence)
    if step.contradicts:
        item.append(el("p", f"But {step.contradicts}"))
    return item


def _evidence(shown: Sequence[Shown]) -> Element:
    head = el("tr", *(el("th", word, scope="col") for word in ("Status", "Way", "Point", "Records", "Why")))
    rows = el("tbody", *(_row(each) for each in shown))
    table = el("table", el("caption", "Each point of the path, in its order", class_="hidden"), el("thead", head), rows)
    return el("div", table, class_="wide", tabindex=0, role="region", aria_label="What flow logs show")


def _row(each: Shown) -> Element:
    way = "there" if each.point.direction == "forward" else "back"
    counted = f"{many(each.packets, 'packet')}, {each.bytes} bytes" if each.count else ""
    status = el("td", el("b", each.status, class_=_LOOKS.get(each.status)))
    return el("tr", status, *(el("td", text) for text in (way, each.point.id, counted, each.text)))


def _packets(found: Found) -> Iterator[Element]:
    if found.report is None:
        return
    if not found.report.findings:
        yield el("p", f"Nothing is wrong in {', '.join(found.files)}.", class_="healthy")
    yield from findings.articles(found.report, found.files, found.graphs)
    yield from (el("p", f"Looked at: {remark}.") for remark in found.report.remarks)
