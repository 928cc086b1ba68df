"""A rejected answer to what was accepted: then a network ACL did it, since a security group lets answers through.

"Security group and network ACL rules" of
https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html. A security group does so only while it
tracks the connection: not after that has ended, nor after its idle time-out ("Connection tracking timeouts" of
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html).
Must not know where records come from.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from vpcshark.flowlogs import records

WHO = "a network ACL: the same interface accepted what this answers, and security groups let answers through"
PERHAPS = (
    "a network ACL, or a security group that no longer tracked the connection: the same interface had accepted what "
    "this answers"
)
_MOST = 50_000
"""Flows that are remembered; those without a record for longest go first, lest memory grows with the input."""
_TCP = 6
_TCP_TRACKED, _TRACKED = 60, 30
"""The least seconds that a security group can be told to track an idle connection of TCP, and of UDP (EC2 API,
ConnectionTrackingConfiguration); how it is told to is not in the records. Of ICMP AWS says nothing."""


class _Accepted(NamedTuple):
    """When the first record of a flow began, and when the newest one began and ended."""

    first: int
    start: int
    end: int


class Replies:
    """Takes records in their order, and says of each whether it is such an answer. Only what was accepted before
    counts, in the file and by its times."""

    def __init__(self) -> None:
        self._accepted: dict[tuple[Any, ...], _Accepted] = {}

    def meaning(self, record: records.Record) -> dict[str, str]:
        """``rejected-by`` where that can be said."""
        there = (record.get("srcaddr"), record.get("srcport"))
        back = (record.get("dstaddr"), record.get("dstport"))
        place = (record.get("interface-id"), record.get("protocol"))
        start, end = record.get("start"), record.get("end")
        if None in (*place, there[0], back[0]) or not isinstance(start, int) or not isinstance(end, int):
            return {}
        if record.get("action") == "ACCEPT":
            self._keep((*place, *there, *back), start, end)
        elif record.get("action") == "REJECT":
            asked = self._accepted.get((*place, *back, *there))
            if asked is not None and asked.first <= end:
                answered = self._accepted.get((*place, *there, *back))
                return {"rejected-by": WHO if _is_tracked(place[1], start, end, asked, answered) else PERHAPS}
        return {}

    def _keep(self, flow: tuple[Any, ...], start: int, end: int) -> None:
        known = self._accepted.pop(flow, None)
        if len(self._accepted) >= _MOST:
            del self._accepted[next(iter(self._accepted))]
        first, newest = (known.first, known) if known is not None else (start, _Accepted(start, start, end))
        self._accepted[flow] = _Accepted(min(first, start), max(newest.start, start), max(newest.end, end))


def _is_tracked(protocol: object, start: int, end: int, asked: _Accepted, answered: _Accepted | None) -> bool:
    """Did a security group track it for sure, when an answer was rejected from ``start`` to ``end``? What TCP sends
    late, when both sides have closed, is no answer to it any more."""
    if protocol == _TCP and answered is not None:
        return False
    newest = max(each.end for each in (asked, answered) if each is not None)
    is_before = all(each.start <= end for each in (asked, answered) if each is not None)
    return is_before and start <= newest + (_TCP_TRACKED if protocol == _TCP else _TRACKED)
