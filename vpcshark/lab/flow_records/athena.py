"""Athena as flow logs are asked by it: tables over files, with projected partitions, and one SELECT, done by SQLite.

https://docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs.html and partition-projection.html. What Trino refuses and
SQLite would let pass (unknown columns, reserved words, other types) is refused. Must not know moto.
"""

from __future__ import annotations

import gzip
import io
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

_CREATE = re.compile(
    r"CREATE\s+EXTERNAL\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>`?[\w.]+`?)\s*\((?P<columns>.*?)\)\s*"
    r"(?:PARTITIONED\s+BY\s*\((?P<partitions>.*?)\)\s*)?(?P<how>ROW\s+FORMAT.*?)LOCATION\s+'(?P<location>s3://[^']+)'\s*"
    r"(?:TBLPROPERTIES\s*\((?P<properties>.*)\))?\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_DROP = re.compile(r"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?`?(\w+)`?\s*;?\s*", re.IGNORECASE)
_COLUMN = re.compile(r"\s*(`\w+`|\w+)\s+(string|int|bigint)\s*", re.IGNORECASE)
_PROPERTY = re.compile(r"[\"']([^\"']+)[\"']\s*=\s*[\"']([^\"']*)[\"']")
_TABLE = re.compile(r'\bFROM\s+"?(\w+)"?', re.IGNORECASE)
_QUOTED = re.compile(r'"(\w+)"')
_STRINGS = re.compile(r"'(?:[^']|'')*'")
_CAST = re.compile(r'TRY_CAST\((".*?") AS IPADDRESS\)', re.IGNORECASE)
_BETWEEN = re.compile(r"""((?:"\w+"|'/'|\s*\|\|\s*)+)\s+BETWEEN\s+('[^']*')\s+AND\s+('[^']*')""", re.IGNORECASE)
_COMPARED = re.compile(r"\"(\w+)\"\s*(?:=|<>|<=|>=|<|>)\s*('|\d)")
_RESERVED = {"end", "date", "group", "order", "select", "table", "from", "where"}
_NUMBERS = ("int", "bigint")


class Refused(Exception):
    """What Athena answers to a statement that it does not run."""


@dataclass(frozen=True)
class Table:
    """``columns`` and ``partitions``: name -> type. ``location`` is (bucket, prefix)."""

    columns: Mapping[str, str]
    partitions: Mapping[str, str]
    location: tuple[str, str]
    properties: Mapping[str, str]
    is_parquet: bool


@dataclass(frozen=True)
class Answer:
    """``rows`` are texts, None where there is nothing; ``scanned`` counts bytes of files."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str | None]] = ()
    scanned: int = 0


@dataclass
class Catalog:
    """The tables of one account and region, by database and name. ``files``: (bucket, prefix) -> key and content."""

    files: Callable[[str, str], Iterable[tuple[str, bytes]]]
    tables: dict[tuple[str, str], Table] = field(default_factory=dict)

    def run(self, text: str, database: str) -> Answer:
        """Refused with Athena's kind of reason."""
        if (made := _CREATE.fullmatch(text.strip())) is not None:
            name = made["name"].strip("`").rpartition(".")[2].lower()
            self.tables.setdefault((database, name), _table(made))
            return Answer()
        if (dropped := _DROP.fullmatch(text.strip())) is not None:
            self.tables.pop((database, dropped[1].lower()), None)
            return Answer()
        if re.match(r"SELECT\b", text.strip(), re.IGNORECASE):
            return self._select(text, database)
        raise Refused(f"FAILED: ParseException line 1:0 cannot recognize input near '{text.split()[:3]}'")

    def _select(self, text: str, database: str) -> Answer:
        named = _TABLE.search(text)
        name = named[1].lower() if named else ""
        table = self.tables.get((database, name))
        if table is None:
            raise Refused(f"TABLE_NOT_FOUND: line 1:1: Table 'awsdatacatalog.{database}.{name}' does not exist")
        _check(text, name, table)
        with sqlite3.connect(":memory:") as base:
            scanned = self._fill(base, name, table, text)
            cursor = base.execute(_CAST.sub(r"ipaddress(\1)", text))
            rows = [[None if value is None else str(value) for value in row] for row in cursor]
            columns = [each[0] for each in cursor.description]
        base.close()
        return Answer(columns, rows, scanned)

    def _fill(self, base: sqlite3.Connection, name: str, table: Table, text: str) -> int:
        base.create_function("ipaddress", 1, _address)
        base.create_function("contains", 2, _contains)
        columns = {**table.columns, **table.partitions}
        made = ", ".join(f'"{each}" {"INTEGER" if kind in _NUMBERS else "TEXT"}' for each, kind in columns.items())
        base.execute(f'CREATE TABLE "{name}" ({made})')
        scanned = 0
        for partition, data in self._chosen(table, text):
            scanned += len(data)
            values = ([*row, *partition] for row in _rows(table, data))
            base.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})', values)
        return scanned

    def _chosen(self, table: Table, text: str) -> Iterator[tuple[list[str], bytes]]:
        """(partition values, content) of the files whose partition the query does not leave out."""
        bucket, prefix = table.location
        place = _template(table)
        for key, data in self.files(bucket, prefix):
            found = place.match(f"s3://{bucket}/{key}")
            if found is not None and _is_wanted(found.groupdict(), text):
                yield [found[name] for name in table.partitions], data


def _table(made: re.Match[str]) -> Table:
    properties = dict(_PROPERTY.findall(made["properties"] or ""))
    bucket, _, prefix = made["location"].removeprefix("s3://").partition("/")
    if not made["location"].endswith("/"):
        raise Refused("FAILED: location is not a folder: it has no slash at its end")
    partitions = _columns(made["partitions"] or "")
    if partitions and properties.get("projection.enabled") == "true":
        for name in partitions:
            if f"projection.{name}.type" not in properties:
                raise Refused(f"INVALID_TABLE_PROPERTY: projection.{name}.type is missing")
    return Table(_columns(made["columns"]), partitions, (bucket, prefix), properties, "parquet" in made["how"].lower())


def _columns(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split(",") if text.strip() else ():
        matched = _COLUMN.fullmatch(part)
        if matched is None:
            raise Refused(f"FAILED: ParseException: mismatched input near '{part.strip()}'")
        name = matched[1]
        if not name.startswith("`") and name.lower() in _RESERVED:
            raise Refused(f"FAILED: ParseException: no viable alternative at input '{name}'")
        if name.strip("`").lower() in found:
            raise Refused(f"FAILED: SemanticException: Duplicate column name: {name.strip('`')}")
        found[name.strip("`").lower()] = matched[2].lower()
    return found


def _check(text: str, name: str, table: Table) -> None:
    """What SQLite would let pass."""
    if "`" in text:
        raise Refused("mismatched input '`': backquoted identifiers are not supported; use double quotes")
    columns = {**table.columns, **table.partitions}
    bare = _STRINGS.sub("''", text)
    for quoted in _QUOTED.findall(bare):
        if quoted.lower() not in (*columns, name):
            raise Refused(f"COLUMN_NOT_FOUND: line 1:1: Column '{quoted}' cannot be resolved")
    words = _QUOTED.sub("", bare)
    if re.search(r"\bend\b", words, re.IGNORECASE):
        raise Refused("mismatched input 'end'")
    for column, other in _COMPARED.findall(text):
        is_number = columns.get(column) in _NUMBERS
        if is_number == (other == "'"):
            kinds = (columns.get(column), "varchar" if other == "'" else "integer")
            raise Refused(f"TYPE_MISMATCH: Cannot apply operator: {kinds[0]} = {kinds[1]}")


def _template(table: Table) -> re.Pattern[str]:
    """Which file is in which partition. Without projection nobody has loaded any."""
    text = table.properties.get("storage.location.template", "")
    if not table.partitions:
        return re.compile(re.escape("s3://{}/{}".format(*table.location)) + ".*")
    if table.properties.get("projection.enabled") != "true" or not text:
        return re.compile(r"(?!)")
    pattern = re.escape(text.rstrip("/") + "/")
    for name in table.partitions:
        kind = table.properties.get(f"projection.{name}.type")
        form = r"\d{4}/\d\d/\d\d" if kind == "date" else r"\w+"
        pattern = pattern.replace(re.escape(f"${{{name}}}"), f"(?P<{name}>{form})")
    return re.compile(pattern + "[^/]+")


def _is_wanted(partition: Mapping[str, str], text: str) -> bool:
    """By the one condition that bounds days: Athena reads no file of another."""
    for expression, low, high in _BETWEEN.findall(text):
        names = _QUOTED.findall(expression)
        if names and all(name in partition for name in names):
            parts = re.findall(r"\"\w+\"|'[^']*'", expression)
            value = "".join(partition[part.strip('"')] if part[0] == '"' else part.strip("'") for part in parts)
            return bool(low.strip("'") <= value <= high.strip("'"))
    return True


def _rows(table: Table, data: bytes) -> Iterator[list[object]]:
    if table.is_parquet:
        from pyarrow import parquet

        for row in parquet.read_table(io.BytesIO(data)).to_pylist():
            yield [row.get(name) for name in table.columns]
        return
    lines = gzip.decompress(data).decode().splitlines()
    for line in lines[int(table.properties.get("skip.header.line.count", "0")) :]:
        values = line.split(" ") + [""] * len(table.columns)
        yield [_typed(value, kind) for value, kind in zip(values, table.columns.values(), strict=False)]


def _typed(value: str, kind: str) -> object:
    if kind in _NUMBERS:
        return int(value) if value.isdigit() else None
    return value


def _address(text: str | None) -> str | None:
    try:
        return str(ip_address(text or ""))
    except ValueError:
        return None


def _contains(block: str, address: str | None) -> bool | None:
    if address is None:
        return None
    return ip_address(address) in ip_network(block, strict=False)
