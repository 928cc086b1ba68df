"""A diagnosis as one HTML page that needs no network and runs no script: each finding, with a graph of its connection.

Must not know files, nor how a finding comes about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element

from vpcshark.cli.drawing import looks, sequences
from vpcshark.cli.drawing.document import document
from vpcshark.cli.drawing.markup import Child, el
from vpcshark.diagnose.chosen import Graph
from vpcshark.diagnose.finding import ARTEFACTS, Finding
from vpcshark.diagnose.flows import SECOND, Flow
from vpcshark.diagnose.report import Report
from vpcshark.diagnose.sequence import Trace
from vpcshark.diagnose.streams import NEW
from vpcshark.text import many

CONFIDENCES = {"proved": "Proved", "likely": "Likely", "cannot-tell": "Can't tell"}
MOST, MOST_FLOWS, MOST_FRAMES = 500, 10, 60
Graphs = Mapping[int, Sequence[Graph]]


def page(found: Report, files: Sequence[str], graphs: Graphs) -> str:
    """The whole document. ``files`` are named as the user named them; ``graphs`` go by the findings' places."""
    title = "Healthy" if found.is_healthy else many(len(found.findings), "finding")
    skip = el("a", "To the findings", href="#findings", class_="skip")
    main = el("main", *articles(found, files, graphs), id="findings", tabindex=-1)
    return document(f"{title}: {', '.join(files)}", looks.FINDINGS, skip, _head(title, found, files), main)


def articles(found: Report, files: Sequence[str], graphs: Graphs) -> Iterator[Element]:
    """Each finding with its graphs, as far as there is room for all."""
    for number, each in enumerate(found.findings[:MOST], 1):
        yield _article(number, each, files, graphs.get(number - 1, ()))
    if len(found.findings) > MOST:
        yield el("p", f"{len(found.findings) - MOST} more findings of less weight are not on this page.")


def _head(title: str, found: Report, files: Sequence[str]) -> Element:
    header = el("header", el("h1", f"{title}: ", el("span", ", ".join(files), class_="id")))
    if found.is_healthy:
        header.append(el("p", "Nothing is wrong in what was captured.", class_="healthy"))
    if len(found.findings) > 1:
        items = (_entry(number, each) for number, each in enumerate(found.findings[:MOST], 1))
        header.append(el("nav", el("ol", *items), aria_label="Findings"))
    header.extend(el("p", f"Looked at: {remark}.") for remark in found.remarks)
    return header


def _entry(number: int, finding: Finding) -> Element:
    words = el("b", CONFIDENCES[finding.confidence])
    return el("li", words, " ", el("a", finding.kind, href=f"#finding-{number}"), class_=_look(finding))


def _look(finding: Finding) -> str:
    return "artefact" if finding.kind in ARTEFACTS else finding.confidence


def _article(number: int, finding: Finding, files: Sequence[str], graphs: Sequence[Graph]) -> Element:
    heading = el("h2", el("b", CONFIDENCES[finding.confidence]), " ", finding.kind)
    terms = el("dl", *_terms(finding, files))
    figures = [_figure(finding, graph, files[graph.file], f"{number}") for graph in graphs]
    sentence = el("p", finding.sentence, class_="sentence")
    return el("article", heading, sentence, terms, *figures, class_=_look(finding), id=f"finding-{number}")


def _terms(finding: Finding, files: Sequence[str]) -> Iterator[Element]:
    """What is known of a finding, each with its name."""
    flows = [f"{flow.name} {flow.client} → {flow.server}" for flow in finding.flows[:MOST_FLOWS]]
    if more := len(finding.flows) - len(flows) + finding.more:
        flows.append(f"and {more:,} more")
    told: tuple[tuple[str, Sequence[Child]], ...] = (
        ("Next", [finding.next]),
        ("Frames", list(_frames(finding, files))),
        ("Checked", finding.checked),
        ("Flows", flows),
        ("Filter", [el("code", finding.filter)] if finding.filter else []),
    )
    for term, texts in told:
        if any(text is not None and text != "" for text in texts):
            yield el("dt", term)
            yield from (el("dd", text) for text in texts)


def _frames(finding: Finding, files: Sequence[str]) -> Iterator[str]:
    """A line for each file."""
    for place, name in enumerate(files):
        numbers = [frame.number for frame in finding.frames if frame.file == place]
        if numbers:
            yield _listed(numbers) + (f" of {name}" if len(files) > 1 else "")


def _listed(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - MOST_FRAMES} more" if len(numbers) > MOST_FRAMES else ""
    return ", ".join(map(str, numbers[:MOST_FRAMES])) + more


def _figure(finding: Finding, graph: Graph, file: str, number: str) -> Element:
    """The graph, what is in it in words, and its frames as a table."""
    trace = graph.trace
    title = f"Sequence over time, {trace.flow.client} → {trace.flow.server}, in {file}"
    label = f"Graph of finding {number}, {file}"
    picture = el("div", sequences.picture(trace, title), class_="picture", tabindex=0, role="region", aria_label=label)
    frames = [frame.number for frame in finding.frames if frame.file == graph.file]
    caption = el("figcaption", f"{title}: {' '.join(notes(graph, frames, finding.flows))}")
    return el("figure", picture, caption, _table(trace) if trace.marks else None)


def notes(graph: Graph, frames: Sequence[int], flows: Sequence[Flow] = ()) -> Iterator[str]:
    """Sentences on what is in the graph, and what is not."""
    trace = graph.trace
    odd = [f"{count:,} {sequences.WORDS[kind]}" for kind, count in sorted(trace.kinds.items()) if kind != NEW]
    yield f"{many(sum(trace.kinds.values()), 'segment')}{', ' if odd else ''}{', '.join(odd)}."
    if len(flows) > 1:
        yield f"It is the first of {len(flows):,} flows of this finding."
    if trace.joined > 1:
        yield f"Up to {trace.joined:,} segments that were sent one after another are one line, for there are too many."
    if trace.left_out:
        words = ", ".join(f"{count:,} {name}" for name, count in trace.left_out.items())
        yield f"Not drawn, as there are too many: {words}, evenly chosen; all frames of the finding are there."
    if graph.dropped:
        yield f"The last {many(graph.dropped, 'packet')} of the connection are not drawn: it is too long."
    known = {mark.number for mark in trace.marks}
    if others := [number for number in frames if number not in known]:
        yield f"Not in this graph: frames {_listed(others)}, of other flows or without a place in it."
    yield from _window_notes(trace)


def _window_notes(trace: Trace) -> Iterator[str]:
    if trace.steps and not trace.has_window:
        yield "The window is not drawn: its unit was said in the handshake, which is not in the capture."
    elif sequences.scales(trace).is_cut:
        yield "The window reaches beyond the graph."


def _table(trace: Trace) -> Element:
    """The ringed frames for those who don't see the graph, or want it exactly."""
    head = el("tr", *(el("th", word, scope="col") for word in ("Frame", "Seconds", "What it is")))
    rows = (
        el("tr", el("td", str(m.number)), el("td", f"{(m.at - trace.begin) / SECOND:.6f}"), el("td", sequences.said(m)))
        for m in trace.marks
    )
    table = el("table", el("thead", head), el("tbody", *rows))
    return el("details", el("summary", f"{many(len(trace.marks), 'ringed frame')} in words"), table)
