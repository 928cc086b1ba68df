"""Conditions of Logs Insights: and, or, not, comparisons, in, like, and whether an address lies in a block. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html. What stands there
and not here is refused, with its place. Must not know commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

Row = Mapping[str, str]
Value = Callable[[Row], "str | float | None"]
Test = Callable[[Row], bool]
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<pattern>/(?:[^/\\]|\\.)+/)|(?P<quoted>`[^`]+`)"""
    r"""|(?P<number>\d+(?:\.\d+)?)(?![\w.])|(?P<name>[@A-Za-z_][\w@.]*)|(?P<sign><=|>=|!=|=~|[=<>()\[\],*+/%^-]))"""
)
_COMPARISONS: Mapping[str, Callable[[float | str, float | str], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,  # type: ignore[operator]
    "<=": lambda one, other: one <= other,  # type: ignore[operator]
    ">": lambda one, other: one > other,  # type: ignore[operator]
    ">=": lambda one, other: one >= other,  # type: ignore[operator]
}
_VERSIONS = {"isipinsubnet": (4, 6), "isipv4insubnet": (4,), "isipv6insubnet": (6,)}
_PRESENT = "ispresent"


class Malformed(Exception):
    """``place``: characters before what can't be read."""

    def __init__(self, why: str, place: int) -> None:
        super().__init__(why)
        self.place = place


@dataclass(frozen=True)
class Token:
    """``kind``: text, pattern, name, number, sign or end."""

    kind: str
    text: str
    place: int


def tokens(text: str, offset: int = 0) -> list[Token]:
    """All of a command, and an end. Malformed."""
    found: list[Token] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        matched = _TOKEN.match(text, at)
        if matched is None:
            raise Malformed(f"unexpected symbol found {text[at:].strip()[:1]}", offset + at)
        kind = str(matched.lastgroup)
        value = matched[kind]
        if kind in ("text", "quoted", "pattern"):
            value = re.sub(r"\\(.)", r"\1", value[1:-1]) if kind == "text" else value[1:-1]
        found.append(Token("name" if kind == "quoted" else kind, value, offset + matched.start(kind)))
        at = matched.end()
    return [*found, Token("end", "", offset + len(text))]


class Reader:
    """Goes over tokens."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0

    @property
    def next(self) -> Token:
        """The token that comes."""
        return self._tokens[self._at]

    def take(self, kind: str, text: str = "") -> Token:
        """The next one, which must be so. Malformed."""
        found = self.next
        if found.kind != kind or (text and found.text.lower() != text):
            raise Malformed(f"unexpected symbol found {found.text or 'the end'}", found.place)
        self._at += 1
        return found

    def has(self, text: str) -> bool:
        """Take the next one if it is this word or sign."""
        if self.next.kind in ("name", "sign") and self.next.text.lower() == text:
            self._at += 1
            return True
        return False

    def names(self) -> list[str]:
        """``a, b, c``."""
        found = [self.take("name").text]
        while self.has(","):
            found.append(self.take("name").text)
        return found

    def end(self) -> None:
        """Nothing may come any more."""
        self.take("end")


def condition(reader: Reader) -> Test:
    """``a or b``. Malformed."""
    tests = [_all(reader)]
    while reader.has("or"):
        tests.append(_all(reader))
    return lambda row: any(test(row) for test in tests)


def _all(reader: Reader) -> Test:
    tests = [_one(reader)]
    while reader.has("and"):
        tests.append(_one(reader))
    return lambda row: all(test(row) for test in tests)


def _one(reader: Reader) -> Test:
    if reader.has("not"):
        test = _one(reader)
        return lambda row: not test(row)
    if reader.has("("):
        test = condition(reader)
        reader.take("sign", ")")
        return test
    return _comparison(reader)


def _comparison(reader: Reader) -> Test:
    first = reader.next
    if first.kind == "name" and first.text.lower() in (*_VERSIONS, _PRESENT):
        return _function(reader)
    value = _value(reader)
    if reader.has("like") or reader.has("=~"):
        return _like(reader, value)
    is_not = reader.has("not")
    if reader.has("in"):
        members = _list(reader)
        return lambda row: (_key(value(row)) in members) != is_not
    sign = reader.take("sign")
    compare = _COMPARISONS.get(sign.text)
    if compare is None or is_not:
        raise Malformed(f"unexpected symbol found {sign.text}", sign.place)
    other = _value(reader)
    return lambda row: _compared(compare, value(row), other(row))


def _compared(compare: Callable[[float | str, float | str], bool], one: object, other: object) -> bool:
    """As numbers if both are, else as text; what is not there is equal to nothing."""
    if one is None or other is None:
        return False
    first, second = _number(one), _number(other)
    if first is not None and second is not None:
        return compare(first, second)
    return compare(str(one), str(other))


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _key(value: object) -> object:
    number = _number(value)
    return str(value) if number is None else number


def _value(reader: Reader) -> Value:
    found = reader.next
    if found.kind in ("text", "number"):
        reader.take(found.kind)
        return lambda row: found.text
    name = reader.take("name").text
    if reader.next.text == "(":
        raise Malformed(f"unknown function {name}", found.place)
    return lambda row: row.get(name)


def _list(reader: Reader) -> set[object]:
    reader.take("sign", "[")
    found = {_key(_constant(reader))}
    while reader.has(","):
        found.add(_key(_constant(reader)))
    reader.take("sign", "]")
    return found


def _constant(reader: Reader) -> str:
    return reader.take("number" if reader.next.kind == "number" else "text").text


def _like(reader: Reader, value: Value) -> Test:
    if reader.next.kind == "pattern":
        pattern = re.compile(reader.take("pattern").text)
        return lambda row: pattern.search(str(value(row) or "")) is not None
    part = reader.take("text").text
    return lambda row: part in str(value(row) or "")


def _function(reader: Reader) -> Test:
    name = reader.take("name").text.lower()
    reader.take("sign", "(")
    field = reader.take("name").text
    if name == _PRESENT:
        reader.take("sign", ")")
        return lambda row: row.get(field) is not None
    reader.take("sign", ",")
    block = reader.take("text")
    reader.take("sign", ")")
    try:
        network = ip_network(block.text, strict=False)
    except ValueError:
        raise Malformed(f"{block.text} is no subnet", block.place) from None
    versions = _VERSIONS[name]

    def is_inside(row: Row) -> bool:
        try:
            address = ip_address(row.get(field) or "")
        except ValueError:
            return False
        return address.version in versions and address in network

    return is_inside
