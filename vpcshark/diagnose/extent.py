"""How far a report's captures reach: what was looked at of each point, in numbers. Must not know findings."""

from __future__ import annotations

from collections import Counter

from vpcshark.diagnose.table import Point
from vpcshark.diagnose.view import View
from vpcshark.text import many

COUNTED = ("packets", "connections", "datagrams", "unsure", "crowd")
"""What ``Sound`` counts, too."""


def counted(view: View) -> Counter[str]:
    """What was looked at."""
    of = {"packets": len(view.packets), "connections": len(view.pairs), "datagrams": len(view.datagrams)}
    return Counter({**of, "unsure": sum(1 for pair in view.pairs if not pair.connection.is_sure)})


def seen(of: Counter[str], point: Point, count: int) -> str:
    """The remark on one of ``count`` points."""
    name = f"{point.called}: " if count > 1 else ""
    told = f"{name}{of['packets']} packets, {of['connections']} TCP connections, {of['datagrams']} UDP flows"
    told += f"; of {of['unsure']} connections the beginning is not in the capture" if of["unsure"] else ""
    crowd = f"; {of['crowd']} connections that did not get beyond their opening are counted, not looked at one by one"
    cut = f"; {many(point.cut, 'packet')} more, of which too little was captured to tell anything"
    return told + (crowd if of["crowd"] else "") + (cut if point.cut else "")
