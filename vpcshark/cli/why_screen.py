"""``vpcshark why`` on a terminal: each step as it is taken, what the next one costs, the conclusion with its mend.

Must not know how a step is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vpcshark.cli import console
from vpcshark.why.captures import Capture
from vpcshark.why.steps import WORKS, Conclusion, Step

if TYPE_CHECKING:
    from rich.console import Console

    from vpcshark.why.inquiry import Later


class Screen:
    """The steps, numbered."""

    def __init__(self, out: Console) -> None:
        self._out, self._count = out, 0

    def step(self, step: Step, following: Later | None) -> None:
        """One that was taken, and what the next one costs."""
        self._count += 1
        head = f"{self._count}  {step.name}: {step.verdict}" + (", proved" if step.is_proved else "")
        self._out.print(console.styled(head, _style(step.is_proved, step.works)))
        self._out.print(console.styled(f"   {step.sentence}"), soft_wrap=True)
        if step.contradicts:
            self._out.print(console.styled(f"   But {step.contradicts}", "yellow"), soft_wrap=True)
        if following is not None:
            self._out.print(
                console.styled(f"   Next: {following.name}, which costs {following.price}."), soft_wrap=True
            )


def show_end(end: Conclusion, captures: Sequence[Capture], again: str, out: Console) -> None:
    """The conclusion; where packets would decide, how to get them."""
    out.print()
    head = "WORKS" if end.kind == WORKS else "CAUSE" if end.is_proved else "CAN'T TELL"
    style = _style(end.is_proved, end.kind == WORKS)
    out.print(console.styled(f"{head}  {end.kind}" if end.kind != WORKS else head, style))
    out.print(console.styled(f"  {end.sentence}"), soft_wrap=True)
    if end.mend:
        out.print(console.styled(f"  mend: {end.mend}"), soft_wrap=True)
    if captures:
        _show_captures(captures, again, out)


def _show_captures(captures: Sequence[Capture], again: str, out: Console) -> None:
    packets, records = ([each for each in captures if each.is_packets is is_packets] for is_packets in (True, False))
    if packets:
        out.print("Run these at once, try the connection, and end them with Ctrl-C:")
    for each in packets:
        out.print(console.styled(f"  {each.command}"), soft_wrap=True)
    if records:
        out.print(
            "Nobody can capture at these; they have records, if a flow log covers them (to look at in Wireshark):"
        )
    for each in records:
        out.print(console.styled(f"  {each.command}"), soft_wrap=True)
    if again:
        out.print("Then:")
        out.print(console.styled(f"  {again}"), soft_wrap=True)


def _style(is_proved: bool, works: bool) -> str:
    if not is_proved:
        return "yellow"
    return "green" if works else "bold red"
