"""``vpcshark interfaces``: the ENIs that can be captured from, best candidate first. Must not know Wireshark."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vpcshark.cli import console

if TYPE_CHECKING:
    from vpcshark.aws.inventory.interfaces import Eni
    from vpcshark.capture.inventory.catalog import Place


def run(options: argparse.Namespace) -> int:
    """List them as a table or as JSON, and have Wireshark's list made of the same. The first place that can't be asked
    is an error behind all that others have."""
    from vpcshark.cli import account, listing

    places = account.places(options)
    with console.working("Asking AWS for the network interfaces ...") as ask:
        known = account.listed(places, ask)
    found, problems = account.parted(known)
    if found and not (options.profile or options.region):  # without flags it is what Wireshark's list has
        listing.keep(known)
    if options.json:
        console.write_json([as_json(place, eni) for place, enis in found.items() for eni in enis])
    elif found:
        _print(found)
    if problems:
        raise problems[0]
    return 0


def as_json(place: Place, eni: Eni) -> dict[str, Any]:
    """The fields that scripts rely on. ``profile`` and ``region`` are null where they are as AWS chooses."""
    from vpcshark.aws.inventory import interfaces

    return {**interfaces.as_json(eni), "profile": place.profile or None, "region": place.region or None}


def _print(found: Mapping[Place, Sequence[Eni]]) -> None:
    from vpcshark.aws.inventory import interfaces

    table = console.table()
    several = ("PROFILE", "REGION") if len(found) > 1 else ()
    for heading in ("ENI", "NAME", "INSTANCE", "ADDRESSES", "AZ", "VPC", *several):
        table.add_column(heading, no_wrap=heading == "ENI", overflow="fold")
    for place, enis in found.items():
        for eni in enis:
            addresses = " ".join(interfaces.some_addresses(eni))
            where = (place.profile or "-", place.region or "-") if several else ()
            table.add_row(eni.id, eni.name, eni.instance, addresses, eni.az, eni.vpc, *where)
    if any(found.values()):
        console.out().print(table)
    else:
        console.err().print("There is no network interface in this region. Is it the right one (--region)?")
