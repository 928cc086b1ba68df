"""The blocks at the head of a capture file that describe its sources. Must not know how their frames are got."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from vpcshark.aws import tagging
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.lifecycle.context import Absent
from vpcshark.flowlogs.frames import NOTICE
from vpcshark.wire.capture_files import pcapng

RESOLVER = ("169.254.169.253", "fd00:ec2::253")
"""In every VPC ("Understanding Amazon DNS" in the VPC user guide)."""


def of(
    sources: Sequence[Eni],
    enis: Iterable[Eni] | None,
    capture_filter: str,
    *,
    snaplen: int = 0,
    comment: str = "",
    absent: Iterable[Absent] = (),
) -> bytes:
    """One interface block for each source, whose place among them is its interface id (pcapng: "the first IDB in a
    section has id 0") and that has the ``comment``; then one for each that is ``absent``, without packets, or for the
    records of a flow log. Behind them are the names of their VPCs, unless ``enis`` is None: reordercap knows no
    interface that comes after another kind of block."""
    blocks = b"".join(
        pcapng.interface_description(
            eni.id, describe(eni), capture_filter=capture_filter, snaplen=snaplen, comment=comment
        )
        for eni in sources
    )
    blocks += b"".join(map(_of_absent, absent))
    records = list(address_names(sources, enis)) if enis is not None else []
    return blocks + pcapng.name_resolution(records) if records else blocks


def _of_absent(each: Absent) -> bytes:
    said = f"Not captured: {each.why}"
    if not each.has_records:
        return pcapng.interface_description(each.id, "not captured", comment=said)
    return pcapng.interface_description(each.id, "flow log", comment=f"{said} {NOTICE}", link=pcapng.RAW_IP)


def describe(eni: Eni) -> str:
    """The interface's description in the capture file: what a person recognises, without the id that is its name."""
    parts = [eni.name, interfaces.interface_name(eni), eni.instance, *interfaces.some_addresses(eni)]
    return interfaces.SEPARATOR.join(dict.fromkeys(tagging.clean(part) for part in parts if part))


def address_names(sources: Collection[Eni], enis: Iterable[Eni]) -> Iterator[tuple[str, str]]:
    """(address, name) of every private address in the sources' VPCs that has a name of its own, and of AWS's resolver.

    The resolver's other address, the VPC's range plus two, hangs on that range, which nobody asks AWS for.
    """
    vpcs = {source.vpc for source in sources}
    for eni in enis:
        if eni.vpc in vpcs and eni.name != eni.id:
            for address in eni.addresses:
                yield address, tagging.clean(eni.name)
    for address in RESOLVER:
        yield address, "AmazonProvidedDNS"
