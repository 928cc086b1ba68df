"""A run of records as rows of its capture points' columns (NumPy). Must not know verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vpcshark.diagnose import headers
from vpcshark.diagnose.columns import Columns
from vpcshark.wire.capture_files.records import Layout

if TYPE_CHECKING:
    from vpcshark.diagnose.table import Table


def take(table: Table, data: bytearray, starts: Sequence[int], layout: Layout, first: int) -> list[int]:
    """Put the common packets of plain records into ``table``; gives the places of the others among ``starts``.
    ``first`` is the first record's number."""
    if layout.link not in headers.LINKS:
        return list(range(len(starts)))
    placed = headers.Placed(data, starts, layout)
    sound = np.flatnonzero(placed.is_sound)
    found = headers.Headers(data, placed.starts[sound], placed.ends[sound], layout.link)
    taken = sound[found.common]
    found.rows["number"], found.rows["at"] = taken + first, placed.at[taken]
    left = np.ones(len(starts), bool)
    left[taken] = False
    interfaces = placed.interfaces[taken]
    for interface in np.unique(interfaces).tolist():
        point = table.point(interface)
        if point.columns is None:
            point.columns = Columns()
        picked = np.flatnonzero(interfaces == interface)
        left[taken[picked[point.columns.take(data, found, picked)]]] = True
    places: list[int] = np.flatnonzero(left).tolist()
    return places
