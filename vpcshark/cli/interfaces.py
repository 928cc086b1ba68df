"""``vpcshark interfaces``: the ENIs that can be captured from, best candidate first. Must not know Wireshark."""

from __future__ import annotations

import argparse

from vpcshark.cli import console


def run(options: argparse.Namespace) -> int:
    """List them as a table or as JSON."""
    from vpcshark.aws import client, inventory

    with console.working("Asking AWS for the network interfaces ...") as ask:
        enis = inventory.list_enis(client.connect(options.profile, options.region, ask).ec2)
    if options.json:
        console.write_json([inventory.as_json(eni) for eni in enis])
        return 0
    table = console.table()
    for heading in ("ENI", "NAME", "INSTANCE", "ADDRESSES", "AZ", "VPC"):
        table.add_column(heading, no_wrap=heading == "ENI", overflow="fold")
    for eni in enis:
        table.add_row(eni.id, eni.name, eni.instance, " ".join(inventory.some_addresses(eni)), eni.az, eni.vpc)
    console.out().print(table)
    if not enis:
        console.err().print("There is no network interface in this region. Is it the right one (--region)?")
    return 0
