"""One record: its values typed, and what they mean in words. Must not know lines, files or frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vpcshark.flowlogs import fields
from vpcshark.flowlogs.logformat import LogFormat

NONE = b"-"
_LONGEST_NUMBER = 20
"""Digits: a 64-bit number has no more. What is longer stays text, which Python need not read as a number."""
_TCP = 6

Record = Mapping[str, Any]


def typed(kind: LogFormat, row: Sequence[bytes]) -> dict[str, Any]:
    """Name -> int, text, or None where AWS has "-". What should be a number and is none stays text: nothing is lost."""
    return {
        name: None
        if value == NONE
        else int(value)
        if is_number and value.isdigit() and len(value) <= _LONGEST_NUMBER
        else value.decode("utf-8", "replace")
        for name, is_number, value in zip(kind.names, kind.are_numbers, row, strict=True)
    }


def source(record: Record) -> Any:
    """The packet's own source, where the record has it, and the interface's view of it elsewhere."""
    return record.get("pkt-srcaddr") or record.get("srcaddr")


def destination(record: Record) -> Any:
    """The same of its destination."""
    return record.get("pkt-dstaddr") or record.get("dstaddr")


def flags(number: object) -> list[str]:
    """The names of ``tcp-flags``."""
    return [name for bit, name in fields.FLAGS.items() if isinstance(number, int) and number & bit]


def meaning(record: Record) -> dict[str, Any]:
    """What the numbers of a record say, as far as the documentation lets it be said; nothing is guessed."""
    found: dict[str, Any] = {}
    status = record.get("log-status")
    if status == "SKIPDATA":
        found["verdict"] = "unknown: records were lost"
    elif status == "NODATA":
        found["verdict"] = "no traffic in this interval"
    elif "action" in record:
        found["verdict"] = {"ACCEPT": "accepted", "REJECT": "rejected"}.get(str(record["action"]), "unknown")
    if lost := {why: record[name] for name, why in fields.LOST.items() if _number(record.get(name)) > 0}:
        found["lost"] = lost
    if source(record) and destination(record):
        found["flow"] = f"{_end(source(record), record, 'srcport')}>{_end(destination(record), record, 'dstport')}"
    found |= _of_flags(record)
    if (path := fields.PATHS.get(record.get("traffic-path") or 0)) is not None:
        found["traffic-path"] = path
    if (state := fields.ENCRYPTION.get(_number(record.get("encryption-status")))) is not None:
        found["encryption-status"] = state
    return found | _seen_from(record)


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1


def _end(address: str, record: Record, port: str) -> str:
    number = record.get(port)
    if not isinstance(number, int) or record.get("protocol") in (1, 58):
        return address
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"


def _of_flags(record: Record) -> dict[str, Any]:
    """A record with SYN and without ACK is of the side that began; with both, of the one that answered. Without SYN
    (a later interval) nobody can say."""
    number = record.get("tcp-flags")
    if not isinstance(number, int) or record.get("protocol", _TCP) != _TCP:
        return {}
    found: dict[str, Any] = {"tcp-flags": flags(number)}
    if number & 2:
        found["initiator"] = "dst" if number & 16 else "src"
    return found


def _seen_from(record: Record) -> dict[str, Any]:
    """Which of the addresses are not the packet's: an interface on the way puts its own there."""
    found = {}
    for name in ("srcaddr", "dstaddr"):
        real = record.get(f"pkt-{name}")
        if real and record.get(name) and real != record[name]:
            found[name] = f"the interface's own address; the packet's is {real}"
    return found
