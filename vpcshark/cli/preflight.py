"""``vpcshark preflight``: why a capture would be empty, before it is made. Must not know how that is found out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console

from vpcshark.cli import console
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, as_json, failures

_OPTIONS = ("host", "host-type", "host-template", "packet-length", "profile", "region")
STYLES = {OK: "green", WARN: "yellow", FAIL: "bold red"}


def run(options: argparse.Namespace) -> int:
    """Look, tell; 1 if a capture would stay empty."""
    from vpcshark.aws import client
    from vpcshark.capture.connection.local_machine import is_here
    from vpcshark.capture.contract.selection import Selection
    from vpcshark.capture.mirror import path_check
    from vpcshark.capture.services import placed
    from vpcshark.cli import account

    given = {name: getattr(options, name.replace("-", "_")) for name in _OPTIONS}
    wanted, known = account.settled(given)
    (eni,), wanted = account.named_enis([options.eni], wanted, known)
    wanted = placed(Selection((eni,)), wanted)
    with console.working("Asking AWS about the way of the packets ...") as ask:
        aws = client.connect(wanted.profile, wanted.region, ask)
        found = path_check.findings(aws, eni, wanted, is_here, known.hosts)
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
    """One line: will packets arrive? Never a promise that a warning denies: what is not known may stop them, and a
    source without a running instance has none, though that may change while a capture runs."""
    failed = failures(found)
    doubtful = [finding for finding in found if finding.level == WARN]
    idle = [finding for finding in doubtful if finding.check == "source"]
    if failed:
        count = "one reason" if len(failed) == 1 else f"{len(failed)} reasons"
        return f"A capture would stay empty, for {count}."
    if idle:
        others = "; mind the other warnings" if len(doubtful) > len(idle) else ""
        return f"No packets will come as long as the source has no running instance{others}."
    if doubtful:
        return "Nothing is known to stop the packets; mind the warnings."
    return "Nothing is in the way of the packets."
