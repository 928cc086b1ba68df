"""What ``vpcshark diagnose --html`` writes, as text: graphs with their marks in words and shapes, and names as data."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from packets import CLIENT, ROUTER, Story, Tcp

from vpcshark.cli.drawing import findings, markup, sequences
from vpcshark.cli.main import run
from vpcshark.diagnose.chosen import Graph
from vpcshark.diagnose.finding import Finding, Frame
from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.report import Report
from vpcshark.diagnose.sequence import Bar, Block, Mark, Step, Trace

HOSTILE = '</style></svg><script>alert(1)</script><img src=x onerror=alert(2)>" onload="x" \u202e\0 &lt;'
WEB = Flow(6, bytes((10, 0, 0, 1)), 40000, bytes((10, 0, 1, 2)), 80)
SECOND = 10**9


def trace(**more: object) -> Trace:
    """Four seconds: byte 100 to 200 is sent, sent again, acknowledged."""
    bars = (Bar(0, 0, 0, 100, "new", 1), Bar(SECOND, SECOND, 100, 200, "new", 2))
    made = {
        "flow": WEB,
        "begin": 0,
        "end": 4 * SECOND,
        "bars": (*bars, Bar(2 * SECOND, 2 * SECOND, 100, 200, "resent", 3)),
        "steps": (Step(SECOND, 100, 250, 5), Step(3 * SECOND, 200, 200, 6)),
        "blocks": (Block(SECOND, 150, 200, 5),),
        "marks": (Mark(3, 2 * SECOND, 100, 200, "resent"), Mark(6, 3 * SECOND, 200, 200, "ack")),
        "kinds": Counter(new=2, resent=1),
        "joined": 1,
        "left_out": Counter(),
        "has_window": True,
    }
    return Trace(**{**made, **more})  # type: ignore[arg-type]


def drawn(of: Trace) -> Element:
    return sequences.picture(of, "A graph")


def classed(root: Element, name: str) -> list[Element]:
    return [each for each in root.iter() if each.get("class") == name]


def spots(path: str) -> list[tuple[float, float]]:
    """Where a path moves to."""
    return [(float(x), float(y)) for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", path)]


@pytest.mark.parametrize("kind", ["resent", "late", "copy", "probe", "reset"])
def test_what_is_no_plain_segment_has_a_shape_and_words_of_its_own(kind: str):
    of = trace(bars=(*trace().bars[:2], Bar(2 * SECOND, 2 * SECOND, 100, 200, kind, 3)), kinds=Counter({kind: 1}))
    scale = sequences.scales(of)
    group, legend = classed(drawn(of), kind)
    words = group.findtext("title") or ""
    assert words.startswith("frame 3: ")
    assert sequences.WORDS[kind].split()[0] in words
    bar, shape = group.findall("path")
    assert spots(bar.get("d", ""))[0] == (scale.x(2 * SECOND), scale.y(100))
    (other,) = legend.findall("path[@class='shape']")
    turned = [re.sub(r"M-?[\d.]+ -?[\d.]+", "M", each.get("d", "")) for each in (shape, other)]
    assert turned[0] == turned[1]
    texts = [each.text for each in drawn(of).iter("text")]
    assert f"{sequences.WORDS[kind]} (1)" in texts


def test_shapes_are_told_apart_without_colour():
    kinds = [kind for kind in sequences.WORDS if kind not in ("new", "ack")]
    shapes = set()
    for kind in kinds:
        of = trace(bars=(Bar(0, 0, 0, 100, kind, 1),), kinds=Counter({kind: 1}), marks=())
        shapes.add(classed(drawn(of), kind)[0].findall("path")[1].get("d"))
    assert len(shapes) == len(kinds)


def test_numbers_stand_over_their_frames_with_a_line_down_to_a_ring():
    of = trace()
    scale, root = sequences.scales(of), drawn(of)
    numbers = {each.text: each for each in classed(root, "number")}
    assert list(numbers) == ["3", "6"]
    places = {"3": (scale.x(2 * SECOND), (scale.y(100) + scale.y(200)) / 2), "6": (scale.x(3 * SECOND), scale.y(200))}
    for mark, (number, (x, y)) in zip(classed(root, "mark"), places.items(), strict=True):
        ring = mark.find("circle")
        assert ring is not None
        assert float(numbers[number].get("x", "")) == pytest.approx(x)
        assert (float(ring.get("cx", "")), float(ring.get("cy", ""))) == pytest.approx((x, y), abs=0.1)
        assert (mark.findtext("title") or "").startswith(f"frame {number}: ")


@pytest.mark.parametrize("at", [0, 2 * SECOND, 4 * SECOND])
def test_sixty_numbers_at_one_place_lie_on_no_other_and_in_the_picture(at: int):
    marks = tuple(Mark(123400 + number, at, 100, 200, "new") for number in range(60))
    boxes = [
        (float(each.get("x", "")), float(each.get("y", "")), sequences.LETTER * len(each.text or "") / 2)
        for each in classed(drawn(trace(marks=marks)), "number")
    ]
    assert len(boxes) == 60
    assert all(x - half >= 0 and x + half <= sequences.WIDTH and 0 < y < sequences.TOP for x, y, half in boxes)
    for (x, y, half), (other, beside, its) in combinations(boxes, 2):
        assert y != beside or abs(x - other) >= half + its


def test_lines_and_blocks_are_where_the_other_side_says():
    of = trace()
    scale, root = sequences.scales(of), drawn(of)
    acks, window, blocks = (classed(root, name)[0].get("d", "") for name in ("ack", "window", "sack"))
    assert acks.startswith(f"M{scale.x(SECOND):g} {scale.y(100):g}H{scale.x(3 * SECOND):g}V{scale.y(200):g}")
    assert window.startswith(f"M{scale.x(SECOND):g} {scale.y(250):g}H{scale.x(3 * SECOND):g}V{scale.y(200):g}")
    assert spots(blocks) == [(round(scale.x(SECOND) - 2.5, 1), scale.y(150))]
    assert len(spots(classed(root, "closed")[0].get("d", ""))) == 1


NOTES = [
    ({}, [], "3 segments, 1 sent again."),
    ({"joined": 8}, [], "Up to 8 segments that were sent one after another are one line"),
    ({"left_out": Counter(segments=400)}, [], "Not drawn, as there are too many: 400 segments"),
    ({"has_window": False}, [], "The window is not drawn: its unit was said in the handshake"),
    ({"steps": (Step(SECOND, 100, 10**9, 5),)}, [], "The window reaches beyond the graph."),
    ({}, [3, 6, 77], "Not in this graph: frames 77,"),
]


@pytest.mark.parametrize(("more", "frames", "note"), NOTES)
def test_what_is_not_drawn_is_said(more: dict[str, object], frames: list[int], note: str):
    assert note in " ".join(findings.notes(Graph(0, trace(**more), 0), frames))
    if frames or more:
        assert note not in " ".join(findings.notes(Graph(0, trace(), 0), frames[:2]))


def test_packets_that_were_too_many_to_keep_are_said():
    assert "The last 9 packets of the connection are not drawn" in " ".join(findings.notes(Graph(0, trace(), 9), []))


def test_a_path_of_any_length_is_whole_and_text_is_no_path():
    long = "M1 2" + "V3" * 5000
    assert markup.path(long).get("d") == long
    with pytest.raises(ValueError, match="no path"):
        markup.path('M0 0" onload="x')


class Reader(HTMLParser):
    """Tags, attributes and texts as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def page(text: str) -> Reader:
    """Every text of a report is the same one."""
    frames = (Frame(0, 3), Frame(1, 6))
    found = Finding("loss", "proved", text, (WEB,), frames, (text,), text, text)
    graphs = {0: [Graph(0, trace(), 0), Graph(1, trace(), 0)]}
    return Reader(findings.page(Report((found, found), (text,)), [text, f"{text}2"], graphs))


def test_names_from_packets_and_of_files_stay_data():
    hostile, plain = page(HOSTILE), page("plain")
    assert hostile.tags == plain.tags
    assert {name for name, _ in hostile.attributes} == {name for name, _ in plain.attributes}
    assert "<script>alert(1)</script>" in hostile.text
    assert not {"\u202e", "\0"} & {*hostile.text}


def test_the_page_asks_for_nothing():
    found = page(HOSTILE)
    assert not {"script", "img", "link", "iframe"} & {*found.tags}
    assert all((value or "").startswith("#") for name, value in found.attributes if name in ("href", "src"))
    assert any((value or "").startswith("default-src 'none'") for name, value in found.attributes if name == "content")


def test_a_finding_is_whole_on_the_command_lines_page(tmp_path: Path):
    story = Story()
    for _ in range(3):
        Tcp(story).raw(CLIENT, "S")
        story.wait(1)
    query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"
    story.udp(CLIENT, ROUTER, (5000, 53), query)
    story.wait(0.01).udp(ROUTER, CLIENT, (53, 5000), query[:2] + b"\x81\x83" + query[4:])
    file, out = tmp_path / "in.pcap", tmp_path / "out.html"
    file.write_bytes(story.pcap())
    assert run(["diagnose", str(file), "--html", str(out)]) == 1
    found = Reader(out.read_text("utf-8"))
    assert found.tags.count("article") == 2
    assert found.tags.count("svg") == 1  # DNS has no sequence
    for text in (
        *("2 findings: ", "Proved syn-unanswered", "1, 2, 3", "tcp 10.0.0.1:40000 → 10.0.1.2:80", "Checked", "Next"),
        *("(ip.addr == 10.0.0.1 and ip.addr == 10.0.1.2 and tcp.port == 40000 and tcp.port == 80)", "2 sent again"),
        "32.000000SYN, sent again",
    ):
        assert text in found.text


@pytest.mark.parametrize("arguments", [["in", "--html", "in"], ["in", "--html", "x", "--annotate", "x"]])
def test_one_file_is_not_two_things(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    assert run(["diagnose", *arguments]) == 2
    assert "is named twice" in capsys.readouterr().err
