"""Which columns a flow log's records have: by the LogFormat that it was made with, its file's header, or the default.

Must not know where the lines come from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vpcshark.errors import InputError
from vpcshark.flowlogs import fields

_IN_BRACES = re.compile(r"\$\{([^{}\s]+)\}")
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.]*Z")
_STATUSES = (b"OK", b"NODATA", b"SKIPDATA")
HEADS = frozenset(form.encode() for name in fields.NAMES for form in (name, name.replace("-", "_")))
"""What a header line may begin with, and no record: Parquet's and Athena's names have underscores."""


@dataclass(frozen=True)
class LogFormat:
    """Column names in their order."""

    names: tuple[str, ...]

    @cached_property
    def places(self) -> dict[str, int]:
        """Name -> column, from 0."""
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def are_numbers(self) -> tuple[bool, ...]:
        """Which columns hold numbers."""
        return tuple(name in fields.NUMBERS for name in self.names)

    def row(self, line: bytes) -> list[bytes] | None:
        """The values of a line, which any blanks part (AWS's own examples have two in one place). A time before them,
        as CloudWatch's exports have it, goes. None if there are more or fewer values than columns."""
        row = line.split()
        if len(row) == len(self.names) + 1 and _STAMP.fullmatch(row[0]):
            del row[0]
        return row if len(row) == len(self.names) else None


DEFAULT = LogFormat(fields.DEFAULT)
TRANSIT_GATEWAY = LogFormat(fields.TRANSIT_GATEWAY)
_NAMED = {"default": DEFAULT, "tgw-default": TRANSIT_GATEWAY}


def parse(text: str) -> LogFormat:
    """A LogFormat as AWS has it ("${version} ${account-id}"), plain names, "default" or "tgw-default". InputError."""
    if (named := _NAMED.get(text.strip().lower())) is not None:
        return named
    names = tuple(_IN_BRACES.findall(text) if "${" in text else text.split())
    rest = _IN_BRACES.sub("", text).strip() if "${" in text else ""
    if not names or rest:
        raise InputError(
            f'"{text}" is no LogFormat of a flow log.', "One looks like: ${version} ${interface-id} ${srcaddr}"
        )
    if len(set(names)) < len(names):
        raise InputError(f'The LogFormat "{text}" has a field twice.', "Copy it from: aws ec2 describe-flow-logs")
    return LogFormat(names)


def header(line: bytes) -> LogFormat | None:
    """The format that a header line names; None if it is a record."""
    words = [word.decode("ascii", "replace").replace("_", "-") for word in line.split()]
    known = sum(word in fields.NAMES for word in words)
    if known * 2 > len(words) and len(set(words)) == len(words):
        return LogFormat(tuple(words))
    return None


def guessed(line: bytes) -> LogFormat | None:
    """The default format that a record without a header fits; None if it fits none."""
    row = DEFAULT.row(line)
    if row and row[-1] in _STATUSES:
        return DEFAULT
    row = TRANSIT_GATEWAY.row(line)
    if row and row[1].startswith(b"TransitGateway"):
        return TRANSIT_GATEWAY
    return None


def of_first(line: bytes, name: str) -> LogFormat:
    """The format of a file that begins with ``line``. InputError if that can't be told."""
    found = header(line) or guessed(line)
    if found is None:
        raise InputError(
            f"The records of {name} have {len(line.split())} columns and no header line that names them.",
            "Give the flow log's LogFormat with --log-format, as aws ec2 describe-flow-logs shows it.",
        )
    return found


def text(names: Sequence[str]) -> str:
    """As CreateFlowLogs takes it."""
    return " ".join("${" + name + "}" for name in names)
