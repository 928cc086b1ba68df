"""``vpcshark preflight``: why a capture would be empty, before it is made. Must not know how that is found out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console

from vpcshark import settings
from vpcshark.capture.options import CaptureOptions
from vpcshark.cli import console
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, as_json, failures

STYLES = {OK: "green", WARN: "yellow", FAIL: "bold red"}


def run(options: argparse.Namespace) -> int:
    """Look, tell; 1 if a capture would stay empty."""
    from vpcshark.aws import client
    from vpcshark.capture import preflight
    from vpcshark.capture.here import is_here

    wanted = CaptureOptions(
        host=options.host,
        host_type=options.host_type,
        host_template=options.host_template,
        packet_length=options.packet_length,
        profile=options.profile,
        region=options.region,
    )
    with console.working("Asking AWS about the way of the packets ...") as ask:
        aws, allowed = client.connect(options.profile, options.region, ask), settings.load().hosts
        found = preflight.findings(aws, options.eni, wanted, is_here, allowed)
    if options.json:
        console.write_json([as_json(finding) for finding in found])
    else:
        show(found, console.out())
    return 1 if failures(found) else 0


def show(found: Sequence[Finding], out: Console) -> None:
    """Every finding in the order of the packets' way, then the commands that mend what is not in order."""
    table = console.table()
    table.add_column("", no_wrap=True)
    table.add_column("CHECK", no_wrap=True)
    table.add_column("FINDING", overflow="fold")
    for finding in found:
        style = STYLES[finding.level]
        said = console.styled(finding.sentence, "" if finding.level == OK else style)
        table.add_row(console.styled(finding.level, style), finding.check, said)
    out.print(table)
    mending = [finding for finding in found if finding.command]
    for number, finding in enumerate(mending):
        if not number:
            out.print()
        out.print(console.styled(f"To mend {finding.check} ({finding.level}):", STYLES[finding.level]))
        out.print(f"  {finding.command}", soft_wrap=True)
    out.print()
    out.print(summary(found))


def summary(found: Sequence[Finding]) -> str:
    """One line: will packets arrive?"""
    failed = failures(found)
    doubtful = [finding for finding in found if finding.level == WARN]
    if failed:
        count = "one reason" if len(failed) == 1 else f"{len(failed)} reasons"
        return f"A capture would stay empty, for {count}."
    if doubtful:
        return "Packets will arrive; mind the warnings."
    return "Nothing is in the way of the packets."
