"""The blocks at the head of a capture file that describe its sources. Must not know how their frames are got."""

from __future__ import annotations

from collections.abc import Sequence

from vpcshark.aws.inventory import Eni
from vpcshark.capture import plan
from vpcshark.wire import pcapng


def of(
    sources: Sequence[Eni],
    enis: Sequence[Eni],
    capture_filter: str,
    *,
    names: bool,
    snaplen: int = 0,
    comment: str = "",
) -> bytes:
    """One interface block for each source, whose place among them is its interface id (pcapng: "the first IDB in a
    section has id 0") and that has the ``comment``, and the names of their VPCs if they are wanted."""
    blocks = b"".join(
        pcapng.interface_description(
            eni.id, plan.describe(eni), capture_filter=capture_filter, snaplen=snaplen, comment=comment
        )
        for eni in sources
    )
    records = list(plan.names(sources, enis)) if names else []
    return blocks + pcapng.name_resolution(records) if records else blocks
