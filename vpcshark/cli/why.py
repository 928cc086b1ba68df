"""``vpcshark why``: one question, taken through walk, evidence, analyzer, a test connection and packets. Must not know
what proves what.

Everything is read only, but for what the analyzer and a capture make for their answer, with a price that is agreed to.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from vpcshark.cli import console, walk
from vpcshark.errors import Mistake

if TYPE_CHECKING:
    from vpcshark.diagnose.chosen import Graph
    from vpcshark.diagnose.report import Examination, Report
    from vpcshark.diagnose.table import Table
    from vpcshark.evidence.findings import Finding as Shown
    from vpcshark.network.answer import Answer
    from vpcshark.why.captures import Capture
    from vpcshark.why.inquiry import Found, Later
    from vpcshark.why.steps import Conclusion, Step

WORKS, CAUSE, CANNOT_TELL = 0, 1, 3


@dataclass
class Kept:
    """What the steps found, beyond what they say, for the report; graphs where it ``is_drawn``."""

    is_drawn: bool
    shown: Sequence[Shown] = ()
    report: Report | None = None
    files: Sequence[str] = ()
    graphs: Mapping[int, Sequence[Graph]] = field(default_factory=dict)


def run(options: argparse.Namespace) -> int:
    """Ask step by step, tell; 0 it works, 1 the cause is found, 3 cannot tell. AwsError where AWS can't be asked at
    all."""
    from vpcshark.cli import why_screen
    from vpcshark.survey import questions
    from vpcshark.why import inquiry

    _check(options)
    wanted = walk.question(options, options.source, options.target)
    sources, targets = (questions.resolved(each, wanted.is_v6) for each in (wanted.source, wanted.target))
    attempt = partial(questions.attempt, wanted=wanted, sources=sources, targets=targets)
    tell = _quiet if options.json else why_screen.Screen(console.out()).step
    kept = Kept(bool(options.html))
    found = inquiry.inquire(lambda: walk.look(options, attempt), _later(options, kept), tell, options.all)
    captures = _captures(options, found)
    if options.html:
        _write_report(options, kept, found, captures)
    if options.json:
        console.write_json(_as_json(options, found, captures))
    else:
        why_screen.show_end(found.conclusion, captures, _again(options, captures), console.out())
    return status_of(found.conclusion)


def status_of(end: Conclusion) -> int:
    """The exit status that says it."""
    from vpcshark.why import steps

    if not end.is_proved:
        return CANNOT_TELL
    return WORKS if end.kind == steps.WORKS else CAUSE


def _check(options: argparse.Namespace) -> None:
    """Refuses what can't be done, before anything is asked."""
    from vpcshark.cli import diagnose, walk_analyzer, why_hosts

    if options.files:
        diagnose.check_files(options.files)
    why_hosts.check(options)
    if options.analyzer and options.from_dump is not None:
        raise Mistake("--analyzer asks AWS, and --from-dump does not.", "Give one of both.")
    if options.analyzer and not options.yes and not console.has_person():
        walk_analyzer.agreed(options.yes)


def _quiet(_: Step, __: Later | None) -> None:
    """Scripts get all at once."""


def _later(options: argparse.Namespace, kept: Kept) -> list[Later]:
    """The steps after the walk, with what each costs."""
    from vpcshark.aws import prices
    from vpcshark.cli import why_hosts
    from vpcshark.why import steps
    from vpcshark.why.inquiry import Later

    found = []
    if options.from_dump is None:
        price = "nothing, but for S3's price of a request where records lie in files there"
        found.append(Later(steps.EVIDENCE, price, partial(_evidence, options, kept)))
    if options.analyzer:
        price = f"{prices.ANALYSIS_USD:.2f} USD, and some minutes"
        found.append(Later(steps.ANALYZER, price, partial(_analyzer, options)))
    if options.probe:
        price = "nothing: one connection and some echo requests, from SRC's own host"
        found.append(Later(steps.PROBE, price, partial(why_hosts.probe, options)))
    if options.files:
        found.append(Later(steps.DIAGNOSE, "nothing", partial(_diagnose, kept, options.files)))
    if options.capture:
        price = f"${prices.SESSION_HOUR_USD:.3f} an hour for each interface that is mirrored, and is asked before"
        judge = partial(_diagnose, kept)
        found.append(Later(steps.CAPTURE, price, why_hosts.Recording(options, why_hosts.record, judge).take))
    return found


def _evidence(options: argparse.Namespace, kept: Kept, answer: Answer) -> Step:
    from vpcshark.aws import client
    from vpcshark.cli import evidence
    from vpcshark.why import from_counts, from_records

    accounts = [client.connect(*place) for place in walk.places(options)]
    proofs = evidence.gather(answer, accounts, options.since)
    kept.shown = proofs.found
    return from_counts.beside(from_records.judge(answer, proofs.found, proofs.wanted.end), proofs.counted)


def _analyzer(options: argparse.Namespace, answer: Answer) -> Step:
    """It is asked only now, so that what is proved for nothing costs nothing."""
    from vpcshark.cli import walk_analyzer
    from vpcshark.why import from_analyzer, steps

    try:
        walk_analyzer.query(answer)
    except Mistake as limit:
        return steps.Step(steps.ANALYZER, "not comparable", limit.problem)
    if not walk_analyzer.agreed(options.yes):
        return steps.Step(steps.ANALYZER, "not asked", "Its price was not agreed to.")
    return from_analyzer.judge(answer, *walk.analyzed(options, answer, lambda told, findings: (told, findings)))


def _diagnose(kept: Kept, files: Sequence[str], answer: Answer) -> Step:
    from vpcshark.cli import diagnose
    from vpcshark.network import contract
    from vpcshark.why import from_packets, named_hops
    from vpcshark.why.asked_flow import AskedFlow

    flow = AskedFlow(answer)

    def keep(found: Report, tables: Sequence[Table], examination: Examination) -> None:
        kept.report, kept.files, kept.graphs = diagnose.drawn(files, found, tables, examination)

    found = diagnose.examined(files, flow.see, keep if kept.is_drawn else None)
    return from_packets.judge(flow, named_hops.told(found, contract.as_json(answer)), files)


def _write_report(options: argparse.Namespace, kept: Kept, found: Found, captures: Sequence[Capture]) -> None:
    """InputError where it can't be written."""
    import time

    from vpcshark.cli import outfile
    from vpcshark.cli.drawing import inquiry

    commands = _commands(options, captures)
    question, when = f"{options.source} → {options.target}", time.strftime("%Y-%m-%d %H:%M %Z")
    outfile.write(
        options.html,
        inquiry.report(
            inquiry.Found(
                question,
                when,
                found.answer,
                found.steps,
                found.conclusion,
                commands,
                kept.shown,
                kept.report,
                kept.files,
                kept.graphs,
            )
        ),
    )


def _captures(options: argparse.Namespace, found: Found) -> list[Capture]:
    """Where packets would decide, and none of the flow were given."""
    from vpcshark.why import captures, steps

    if found.answer is None or not steps.needs_packets(found.steps):
        return []
    return captures.of(found.answer, _place(options), options.since)


def _place(options: argparse.Namespace) -> list[str]:
    """One profile and Region are the captures' too; of several nobody knows here whose an interface is."""
    given = (("--profile", options.profile), ("--region", options.region))
    return [word for name, values in given if len(values) == 1 for word in (name, values[0])]


def _again(options: argparse.Namespace, captures: Sequence[Capture]) -> str:
    """The command that goes on with the captures' packets; "" where none would have any."""
    import shlex

    files = [word for each in captures if each.is_packets for word in ("--file", each.file)]
    kept: list[str] = []
    for name in ("protocol", "source_port", "vpc", "from_dump"):
        value = getattr(options, name)
        kept += [f"--{name.replace('_', '-')}", str(value)] if value else []
    kept += ["--ipv6"] if options.ipv6 else []
    for name in ("profile", "region"):
        kept += [word for value in getattr(options, name) for word in (f"--{name}", value)]
    return shlex.join(["vpcshark", "why", options.source, options.target, *kept, *files]) if files else ""


def _as_json(options: argparse.Namespace, found: Found, captures: Sequence[Capture]) -> dict[str, Any]:
    from vpcshark.network import contract
    from vpcshark.why import steps

    ends = {"source": options.source, "destination": options.target}
    question = contract.question(found.answer) if found.answer is not None else ends
    return steps.as_json(question, found.steps, _commands(options, captures), found.conclusion)


def _commands(options: argparse.Namespace, captures: Sequence[Capture]) -> list[str]:
    again = _again(options, captures)
    return [*(each.command for each in captures), *([again] if again else [])]
