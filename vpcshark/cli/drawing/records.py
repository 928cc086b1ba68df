"""What flow logs and gateways' counts show of a walk, as a part of its page: a table of its hops, a chart a metric.

What a colour says, a word says too. Must not know files, nor how it was found out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from xml.etree.ElementTree import Element

from vpcshark.cli.drawing.markup import el
from vpcshark.evidence import findings
from vpcshark.evidence.counting import Counted
from vpcshark.evidence.findings import Finding
from vpcshark.flowlogs.wanted import Wanted
from vpcshark.text import many

_WIDTH, _HEIGHT, _TOP, _BOTTOM = 640, 96, 22, 78
_LEAST = 60.0  # seconds of a bar: CloudWatch counts minutes
_MOST_BARS = 120
_DIRECTIONS = {"forward": "there", "return": "back"}


def section(verdict: str, found: Sequence[Finding], counted: Sequence[Counted], time: Wanted) -> Element:
    """Both, with what they say of the walk's ``verdict``."""
    made = el("section", el("h2", "What flow logs show"), class_="records", id="records", tabindex=0, role="region")
    made.set("aria-label", "What flow logs show")
    made.append(el("p", f"From {_clock(time.begin)} to {_clock(time.end)} UTC."))
    made.append(_table(found))
    made.extend(el("p", sentence) for sentence in findings.against(verdict, found))
    for each in counted:
        made.append(el("h2", f"What CloudWatch counts at {each.id}"))
        made.extend(el("p", sentence) for sentence in each.sentences)
        made.extend(chart(name, points, time, is_bad) for name, is_bad, points in each.shown)
    return made


def _table(found: Sequence[Finding]) -> Element:
    head = el("tr", *(el("th", name, scope="col") for name in ("Way", "Hop", "Status", "Records", "Why")))
    return el("table", el("thead", head), el("tbody", *(_row(each) for each in found)))


def _row(each: Finding) -> Element:
    counted = f"{many(each.packets, 'packet')}, {each.bytes:,} bytes" if each.count else ""
    return el(
        "tr",
        el("td", _DIRECTIONS.get(each.point.direction, each.point.direction)),
        el("td", el("span", each.point.id, class_="id")),
        el("td", el("b", each.status)),
        el("td", counted),
        el("td", each.text, *([el("pre", el("code", each.command))] if each.command else [])),
        class_=each.status.replace(" ", "-").replace("'", ""),
    )


def chart(name: str, points: Mapping[int, float], time: Wanted, is_bad: bool) -> Element:
    """A bar for each part of the time; its figures stand in the label."""
    step = max(_LEAST, (time.end - time.begin) / _MOST_BARS)
    sums: dict[int, float] = {}
    for stamp, value in points.items():
        part = int((stamp - time.begin) / step)
        sums[part] = sums.get(part, 0.0) + value
    most, total = max(sums.values(), default=0.0), sum(points.values())
    label = f"{name}: {total:,.0f} in all, {most:,.0f} at most in {many(round(step / 60), 'minute')}"
    made = el("svg", class_="chart", viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=label)
    made.append(el("text", label, x=4, y=14))
    made.append(el("rect", class_="field", x=0, y=_TOP, width=_WIDTH, height=_BOTTOM - _TOP))
    made.extend(_bars(sums, most, (time.end - time.begin) / step, is_bad))
    made.append(el("text", _clock(time.begin), x=4, y=_HEIGHT - 4))
    made.append(el("text", _clock(time.end), x=_WIDTH - 4, y=_HEIGHT - 4, text_anchor="end"))
    return made


def _bars(sums: Mapping[int, float], most: float, count: float, is_bad: bool) -> Iterator[Element]:
    wide = _WIDTH / max(1.0, count)
    for part, value in sorted(sums.items()):
        if 0 <= part <= count and value > 0:
            high = max(1.0, (_BOTTOM - _TOP - 4) * value / most)
            left, size = round(part * wide, 1), round(max(1.0, wide - 1), 1)
            kind = "bar bad" if is_bad else "bar"
            yield el("rect", class_=kind, x=left, y=round(_BOTTOM - high, 1), width=size, height=round(high, 1))


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M")
