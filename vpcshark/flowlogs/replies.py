"""A rejected answer to what was accepted: then a network ACL did it, since a security group lets answers through.

"Security group and network ACL rules" of
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html.
Must not know where records come from.
"""

from __future__ import annotations

from typing import Any

from vpcshark.flowlogs import records

WHO = "a network ACL: the same interface accepted what this answers, and security groups let answers through"
_MOST = 50_000
"""Flows that are remembered; the oldest goes first, lest memory grows with the input."""


class Replies:
    """Takes records in their order, and says of each whether it is such an answer. Only what was accepted before
    counts, in the file and by its times."""

    def __init__(self) -> None:
        self._accepted: dict[tuple[Any, ...], int] = {}

    def meaning(self, record: records.Record) -> dict[str, str]:
        """``rejected-by`` where that can be said."""
        flow = (record.get("srcaddr"), record.get("srcport"), record.get("dstaddr"), record.get("dstport"))
        where, rest = flow[:2], flow[2:]
        key = (record.get("interface-id"), record.get("protocol"))
        start, end = record.get("start"), record.get("end")
        if None in (*key, where[0], rest[0]) or not isinstance(start, int) or not isinstance(end, int):
            return {}
        if record.get("action") == "ACCEPT":
            self._keep((*key, *rest, *where), start)
        elif record.get("action") == "REJECT" and self._accepted.get((*key, *flow), end + 1) <= end:
            return {"rejected-by": WHO}
        return {}

    def _keep(self, answer: tuple[Any, ...], start: int) -> None:
        if len(self._accepted) >= _MOST:
            del self._accepted[next(iter(self._accepted))]
        self._accepted.setdefault(answer, start)
