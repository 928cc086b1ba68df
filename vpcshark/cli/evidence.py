"""``vpcshark walk --evidence``: what flow logs show of the walk that was made. Must not know how that is found out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from vpcshark.aws.client import Aws
from vpcshark.cli import console
from vpcshark.clock import SystemClock
from vpcshark.evidence import counting, findings, points
from vpcshark.evidence.counting import Counted
from vpcshark.evidence.findings import Finding
from vpcshark.evidence.gathering import Gathering
from vpcshark.flowlogs.wanted import Wanted, moment
from vpcshark.network.answer import Answer
from vpcshark.text import line, many

STYLES = {
    findings.SEEN: "green",
    findings.REJECTED: "bold red",
    findings.NOT_SEEN: "red",
    findings.UNCLEAR: "yellow",
}


@dataclass(frozen=True)
class Evidence:
    """What is known of each point, of which time, and what gateways count."""

    found: Sequence[Finding]
    wanted: Wanted
    counted: Sequence[Counted]

    @property
    def counts(self) -> list[str]:
        """What gateways count, in sentences."""
        return [sentence for each in self.counted for sentence in each.sentences]

    def as_json(self, verdict: str) -> dict[str, Any]:
        """What scripts rely on; ``verdict`` is the walk's."""
        return {**findings.as_json(verdict, self.found, self.wanted), "counts": self.counts}

    def show(self, verdict: str, out: Console) -> None:
        """A table of both ways, then what the records say of the verdict, and what gateways count."""
        show(verdict, self.found, self.counts, out)


def gather(answer: Answer, accounts: Sequence[Aws], since: str) -> Evidence:
    """What flow logs have since then (15m, a time). InputError for a time that is none."""
    clock = SystemClock()
    now = clock.now()
    wanted = Wanted(moment(since, now), int(now))
    with console.working("Reading flow logs ..."):
        asked = points.of(answer)
        found = Gathering(accounts, clock, _remark).look(asked, wanted)
        return Evidence(found, wanted, counting.read(accounts, counting.gateways(answer), wanted))


def _remark(text: str) -> None:
    sys.stderr.write(f"vpcshark: {line(text)}\n")


def show(verdict: str, found: Sequence[Finding], counts: Sequence[str], out: Console) -> None:
    """A table of both ways, then what the records say of the verdict, and what gateways count."""
    out.print()
    out.print(console.styled("Evidence of flow logs", "bold"))
    table = console.table()
    for name in ("", "WAY", "RESOURCE", "RECORDS", "WHY"):
        table.add_column(name, no_wrap=name != "WHY", overflow="fold")
    for each in found:
        way = "there" if each.point.direction == "forward" else "back"
        counted = f"{many(each.packets, 'packet')}, {each.bytes} bytes" if each.count else ""
        status = console.styled(each.status, STYLES.get(each.status, ""))
        table.add_row(status, way, each.point.id, counted, console.styled(each.text))
    out.print(table)
    for sentence in [*findings.against(verdict, found), *counts]:
        out.print(sentence, soft_wrap=True)
    for command in dict.fromkeys(each.command for each in found if each.command):
        out.print(f"This would make a flow log (nothing was made): {command}", soft_wrap=True)
