"""A diagnosis on a terminal: what is wrong, by which frames, what to do now. Must not know how it is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vpcshark.cli import console
from vpcshark.diagnose.finding import ARTEFACTS, Finding
from vpcshark.diagnose.report import Report

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"proved": "bold red", "likely": "bold yellow", "cannot-tell": "yellow"}
_WORDS = {"proved": "PROVED", "likely": "LIKELY", "cannot-tell": "CAN'T TELL"}
_MOST = 16


def show(found: Report, files: Sequence[str], out: Console) -> None:
    """The findings, the most harmful first; then how far the captures reach."""
    for finding in found.findings:
        _show(finding, files, out)
    if found.is_healthy:
        out.print(console.styled("HEALTHY  Nothing is wrong in what was captured.", "green"))
    for remark in found.remarks:
        out.print(console.styled(f"Looked at: {remark}."))


def _show(finding: Finding, files: Sequence[str], out: Console) -> None:
    style = "cyan" if finding.kind in ARTEFACTS else _STYLES[finding.confidence]
    out.print(console.styled(f"{_WORDS[finding.confidence]}  {finding.kind}", style))
    out.print(console.styled(f"  {finding.sentence}"))
    for place, name in enumerate(files):
        numbers = [frame.number for frame in finding.frames if frame.file == place]
        if numbers:
            more = " ..." if len(numbers) > _MOST else ""
            listed = ", ".join(map(str, numbers[:_MOST]))
            out.print(console.styled(f"  Frames{f' of {name}' if len(files) > 1 else ''}: {listed}{more}"))
    for text in finding.checked:
        out.print(console.styled(f"  Checked: {text}"))
    if finding.next:
        out.print(console.styled(f"  Next: {finding.next}"))
    if finding.filter:
        out.print(console.styled(f"  Filter: {finding.filter}"))
    out.print()
