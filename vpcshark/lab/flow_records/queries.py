"""Queries of Logs Insights, as far as flow logs are asked by them: fields, parse, filter, stats, sort, limit, display.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html. Any other command, and what AWS
refuses of these, is refused. Pure. Must not know log groups.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vpcshark.lab.flow_records import expressions
from vpcshark.lab.flow_records.expressions import Malformed, Reader, Row, Test

MOST = 10_000
_PIPE = re.compile(r"""(?:[^|"'`]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)+""")
_SUMS = ("count", "sum", "min", "max", "avg")


@dataclass
class Query:
    """A query that was read: steps over rows, the fields that are shown, how many rows at most."""

    steps: list[Callable[[list[dict[str, str]]], list[dict[str, str]]]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    is_summed: bool = False
    limit: int = MOST

    def run(self, rows: Iterable[Mapping[str, str]], limit: int = MOST) -> list[dict[str, str]]:
        """The answer's rows: what is shown of each; the newest first unless it is sorted otherwise."""
        found = sorted((dict(row) for row in rows), key=lambda row: row.get("@timestamp", ""), reverse=True)
        for step in self.steps:
            found = step(found)
        names = self.shown or ["@timestamp", "@message"]
        ends = [] if self.is_summed else ["@ptr"]
        kept = found[: min(self.limit, limit)]
        return [{name: row[name] for name in (*names, *ends) if row.get(name) is not None} for row in kept]


def read(text: str) -> Query:
    """Malformed with the place of what can't be read."""
    query = Query()
    plain = re.sub(r"(?m)^\s*#.*$", lambda found: " " * len(found[0]), text)
    at = 0
    for place, part in _parts(plain):
        at = place
        _command(query, part, place)
    if not at and not plain.strip():
        raise Malformed("the query is empty", 0)
    return query


def _parts(text: str) -> Iterable[tuple[int, str]]:
    at = 0
    while True:
        found = _PIPE.match(text, at)
        if found is None or not found[0].strip():
            raise Malformed("unexpected symbol found |" if at < len(text) else "unexpected end", at)
        yield at, found[0]
        at = found.end()
        if at >= len(text):
            return
        if text[at] != "|":
            raise Malformed(f"unexpected symbol found {text[at]}", at)
        at += 1


def _command(query: Query, part: str, place: int) -> None:
    reader = Reader(expressions.tokens(part, place))
    name = reader.take("name")
    command = _COMMANDS.get(name.text.lower())
    if command is None:
        raise Malformed(f"unexpected symbol found {name.text}", name.place)
    command(query, reader)
    reader.end()


def _fields(query: Query, reader: Reader) -> None:
    query.shown += [name for name in reader.names() if name not in query.shown]


def _display(query: Query, reader: Reader) -> None:
    query.shown = reader.names()


def _parse(query: Query, reader: Reader) -> None:
    source = reader.take("name").text if reader.next.kind == "name" else "@message"
    pattern = reader.take("text")
    reader.take("name", "as")
    names = reader.names()
    pieces = pattern.text.split("*")
    if len(pieces) - 1 != len(names):
        raise Malformed(f"{len(pieces) - 1} wildcards for {len(names)} names", pattern.place)
    lazy = "(.*?)".join(re.escape(piece) for piece in pieces)
    glob = re.compile(re.sub(r"\(\.\*\?\)$", "(.*)", lazy), re.DOTALL)

    def step(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        for row in rows:
            matched = glob.search(row.get(source) or "")
            row.update(zip(names, matched.groups(), strict=True) if matched else ())
        return rows

    query.steps.append(step)


def _filter(query: Query, reader: Reader) -> None:
    test: Test = expressions.condition(reader)
    query.steps.append(lambda rows: [row for row in rows if test(row)])


def _sort(query: Query, reader: Reader) -> None:
    keys: list[tuple[str, bool]] = []
    while True:
        name = reader.take("name").text
        is_down = reader.has("desc")
        if not is_down:
            reader.has("asc")
        keys.append((name, is_down))
        if not reader.has(","):
            break

    def step(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        for name, is_down in reversed(keys):
            rows.sort(key=lambda row: _order(row.get(name)), reverse=is_down)
        return rows

    query.steps.append(step)


def _order(value: str | None) -> tuple[int, float, str]:
    try:
        return 1, float(value or ""), ""
    except ValueError:
        return (0 if value is None else 2), 0.0, value or ""


def _limit(query: Query, reader: Reader) -> None:
    number = reader.take("number")
    if not number.text.isdigit() or not 1 <= int(number.text) <= MOST:
        raise Malformed(f"limit is not between 1 and {MOST}", number.place)
    query.limit = int(number.text)


def _stats(query: Query, reader: Reader) -> None:
    sums: list[tuple[str, str, str]] = []  # (name, function, field)
    while True:
        sums.append(_sum(reader))
        if not reader.has(","):
            break
    groups = reader.names() if reader.has("by") else []
    query.shown, query.is_summed = [*groups, *(name for name, _, _ in sums)], True
    query.steps.append(lambda rows: _added(rows, sums, groups))


def _sum(reader: Reader) -> tuple[str, str, str]:
    function = reader.take("name")
    if function.text.lower() not in _SUMS:
        raise Malformed(f"unknown function {function.text}", function.place)
    reader.take("sign", "(")
    of = "*" if reader.has("*") else reader.take("name").text
    reader.take("sign", ")")
    name = reader.take("name").text if reader.has("as") else f"{function.text}({of})"
    return name, function.text.lower(), of


def _added(rows: Sequence[Row], sums: Sequence[tuple[str, str, str]], groups: Sequence[str]) -> list[dict[str, str]]:
    buckets: dict[tuple[str | None, ...], list[Row]] = {}
    for row in rows:
        buckets.setdefault(tuple(row.get(name) for name in groups), []).append(row)
    found = []
    for key, members in buckets.items():
        line = {name: value for name, value in zip(groups, key, strict=True) if value is not None}
        for name, function, of in sums:
            line[name] = _total(function, [row.get(of) for row in members], of)
        found.append(line)
    return found


def _total(function: str, values: Sequence[str | None], of: str) -> str:
    if function == "count":
        return str(len(values) if of == "*" else sum(value is not None for value in values))
    numbers = [float(value) for value in values if value is not None and re.fullmatch(r"-?\d+(\.\d+)?", value)]
    if not numbers:
        return "0" if function == "sum" else ""
    total = sum(numbers)
    found = {"sum": total, "min": min(numbers), "max": max(numbers), "avg": total / len(numbers)}[function]
    return str(int(found)) if float(found).is_integer() else str(found)


_COMMANDS: Mapping[str, Callable[[Query, Reader], None]] = {
    "fields": _fields,
    "display": _display,
    "parse": _parse,
    "filter": _filter,
    "sort": _sort,
    "limit": _limit,
    "stats": _stats,
}
