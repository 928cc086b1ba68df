"""``vpcshark cleanup``: removes what dead captures left, and says what it did. Must not know how captures run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vpcshark.cli import console, statuses
from vpcshark.errors import VpcsharkError

if TYPE_CHECKING:
    from vpcshark.cleanup.report import CleanupReport


def run(options: argparse.Namespace) -> int:
    """Remove, or say what would be removed."""
    from vpcshark.capture.services import cleanup_report
    from vpcshark.cli import account

    places = account.places(options)
    with console.working("Looking for what is left ...") as ask:
        report = cleanup_report(places, options.which, dry_run=options.dry_run, ask=ask)
    if options.json:
        console.write_json(as_json(report, dry_run=options.dry_run))
    else:
        _print(report, "would be removed" if options.dry_run else "removed")
    if report.problems:
        raise VpcsharkError(" ".join(report.problems), "Run vpcshark cleanup again later.")
    return statuses.OK


def as_json(report: CleanupReport, *, dry_run: bool) -> dict[str, Any]:
    """The fields that scripts rely on. ``removed``: what would be removed, in a dry run."""
    removed = [
        {"kind": resource.kind, "id": resource.id, "capture": capture}
        for capture, resources in report.removed.items()
        for resource in resources
    ]
    kept = [{"capture": capture, "reason": reason} for capture, reason in report.kept.items()]
    told = {"unproved": [*report.unproved], "problems": [*report.problems]}
    return {"dry_run": dry_run, "removed": removed, "kept": kept, **told}


def _print(report: CleanupReport, verb: str) -> None:
    out = console.out()
    for capture, resources in report.removed.items():
        for resource in resources:
            out.print(f"{resource.kind} {resource.id} of the capture {capture} {verb}")
    for capture, reason in report.kept.items():
        out.print(f"The capture {capture} is left alone: {reason}")
    for sentence in report.unproved:
        out.print(sentence)
    if not report.removed:
        out.print("Nothing is left of dead captures." if not report.problems else "Nothing was removed.")
