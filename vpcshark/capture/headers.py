"""The blocks at the head of a capture file that describe its one source. Must not know how its frames are got."""

from __future__ import annotations

from collections.abc import Sequence

from vpcshark.aws.inventory import Eni
from vpcshark.capture import plan
from vpcshark.wire import pcapng


def of(source: Eni, enis: Sequence[Eni], capture_filter: str, *, names: bool, snaplen: int = 0) -> bytes:
    """Interface 0, and the VPC's names if they are wanted."""
    described = plan.describe(source)
    blocks = pcapng.interface_description(source.id, described, capture_filter=capture_filter, snaplen=snaplen)
    records = list(plan.names(source, enis)) if names else []
    return blocks + pcapng.name_resolution(records) if records else blocks
