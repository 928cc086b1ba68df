"""``vpcshark walk``: can A reach B, and if not, which rule stands in the way? Must not know how that is found out."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from vpcshark.cli import console
from vpcshark.errors import AwsError, Mistake
from vpcshark.text import line

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpcshark.cli.evidence import Evidence
    from vpcshark.network.answer import Answer
    from vpcshark.network.known import Known
    from vpcshark.survey.questions import Wanted

T = TypeVar("T")
STATUSES = {"reachable": 0, "blocked": 1, "unknown": 3}


def run(options: argparse.Namespace) -> int:
    """Walk, tell; 0 reachable, 1 blocked, 3 unknown. AwsError where AWS can't be asked at all."""
    from vpcshark.network.decision import Unclear

    try:
        return _many(options) if options.sources or options.targets else _one(options)
    except Unclear as doubt:
        return _unanswered(options, doubt.text)


def _one(options: argparse.Namespace) -> int:
    """From one end to another."""
    from vpcshark.survey import questions

    if options.target is None:
        raise Mistake("A walk has two ends.", "Say vpcshark walk SRC DST[:PORT], or --from and --to for many walks.")
    asks_analyzer = _asks_analyzer(options)
    wanted = question(options, options.source, options.target)
    sources, targets = (questions.resolved(each, wanted.is_v6) for each in (wanted.source, wanted.target))
    found = look(options, partial(questions.attempt, wanted=wanted, sources=sources, targets=targets))
    try:
        return _told(options, found, asks_analyzer)
    except AwsError as error:  # of flow logs or the analyzer: 1 would say "blocked", which nobody knows
        return _unanswered(options, str(error))


def _told(options: argparse.Namespace, found: Answer, asks_analyzer: bool) -> int:
    """Say it, with what else was asked for."""
    from vpcshark.cli import walk_analyzer, walk_costs, walk_screen
    from vpcshark.network import contract

    proofs = _evidence(options, found)
    _draw(options, found, proofs)
    if options.json:
        said = {**contract.as_json(found, options.all_paths), "costs": walk_costs.as_json(found)}
        said["analyzer"] = analyzed(options, found, walk_analyzer.as_json) if asks_analyzer else None
        if proofs is not None:
            said["evidence"] = proofs.as_json(found.verdict)
        console.write_json(said)
        return STATUSES[found.verdict]
    walk_screen.show(found, console.out(), options.all_paths)
    if proofs is not None:
        proofs.show(found.verdict, console.out())
    for text in analyzed(options, found, walk_analyzer.words) if asks_analyzer else ():
        console.write_line(text)
    return STATUSES[found.verdict]


def _asks_analyzer(options: argparse.Namespace) -> bool:
    """Its price is agreed to before anything is asked. Mistake where it can't be asked."""
    if not options.analyzer:
        return False
    from vpcshark.cli import walk_analyzer

    if options.from_dump is not None:
        raise Mistake("--analyzer asks AWS, and --from-dump does not.", "Give one of both.")
    return walk_analyzer.agreed(options.yes)


def analyzed(options: argparse.Namespace, found: Answer, told: Callable[..., T]) -> T:
    """What the analyzer says, as ``told`` writes it. It is asked in the first account and Region."""
    from vpcshark.aws import client
    from vpcshark.cli import walk_analyzer

    place = places(options)[0]
    with console.working("Waiting for Reachability Analyzer (some minutes) ...") as ask:
        return told(*walk_analyzer.held(found, client.connect(*place, ask), place))


def _draw(options: argparse.Namespace, found: Answer, proofs: Evidence | None) -> None:
    """The page and the picture, as far as they are wanted. InputError where they can't be written."""
    if not (options.html or options.svg):
        return
    from vpcshark.cli import outfile, walk_costs
    from vpcshark.cli.drawing import page, records, svg
    from vpcshark.cli.drawing.markup import as_svg

    if options.html:
        shown = records.section(found.verdict, proofs.found, proofs.counted, proofs.wanted) if proofs else None
        outfile.write(options.html, page.page(found, [walk_costs.words(found)], options.all_paths, shown))
    if options.svg:
        outfile.write(options.svg, as_svg(svg.picture(found, is_linked=False)))


def _evidence(options: argparse.Namespace, found: Answer) -> Evidence | None:
    """What flow logs show, where that is asked for."""
    if not options.evidence:
        return None
    if options.from_dump is not None:
        raise Mistake("A folder of answers has no flow logs.", "Leave out --from-dump, or --evidence.")
    from vpcshark.aws import client
    from vpcshark.cli import evidence

    return evidence.gather(found, [client.connect(*place) for place in places(options)], options.since)


def _many(options: argparse.Namespace) -> int:
    """From each of several ends to each of several others."""
    from vpcshark.network import contract
    from vpcshark.survey import questions

    if options.analyzer:
        raise Mistake("--analyzer is for one walk: each costs.", "Say vpcshark walk SRC DST:PORT --analyzer.")
    if options.html or options.svg:
        raise Mistake("--html and --svg draw one walk.", "Say vpcshark walk SRC DST[:PORT] --html FILE.")
    if options.source is not None or not (options.sources and options.targets):
        raise Mistake("--from and --to go together, without SRC and DST.", "Give both, each as often as you like.")
    split = [questions.split(each) for each in options.targets]
    if len({port for _, port in split}) > 1:
        raise Mistake("The ports of --to differ.", "Walk to one port at a time.")
    wanted = question(options, options.sources[0], options.targets[0])
    ends = {"sources": options.sources, "targets": [text for text, _ in split]}
    found = look(options, partial(questions.many, wanted=wanted, **ends))
    said = contract.matrix_json(found)
    if options.json:
        console.write_json(said)
    else:
        from vpcshark.cli import walk_screen

        walk_screen.show_matrix(found, console.out())
    return STATUSES[said["verdict"]]


def _unanswered(options: argparse.Namespace, why: str) -> int:
    from vpcshark.network import contract

    if options.json:
        ends = (options.source, options.target) if options.source else (options.sources[0], options.targets[0])
        console.write_json(contract.unanswered(*ends, why))
    sys.stderr.write(f"vpcshark: unknown: {line(why)}\n")
    return STATUSES["unknown"]


def look(options: argparse.Namespace, attempt: Callable[[Known], T]) -> T:
    """What ``attempt`` finds, by the folder or by AWS. AwsError where that can't be asked at all."""
    if options.from_dump is not None:
        from vpcshark.network.known import Known
        from vpcshark.survey import dump

        return attempt(Known(dump.read(options.from_dump)))
    from vpcshark.aws import client
    from vpcshark.survey import asking, rounds

    with console.working("Asking AWS about the way of the packets ...") as ask:
        accounts = [client.connect(profile, region, ask) for profile, region in places(options)]
        return rounds.Survey(partial(asking.put_or_fail, accounts)).look(attempt)


def places(options: argparse.Namespace) -> list[tuple[str, str]]:
    """(profile, region) of each account and Region that is asked."""
    return [_settled(profile, region) for profile in options.profile or [""] for region in options.region or [""]]


def _settled(profile: str, region: str) -> tuple[str, str]:
    """Profile and region in force, as every command finds them."""
    from vpcshark.cli import account

    wanted, _ = account.settled({"profile": profile, "region": region})
    return wanted.profile, wanted.region


def question(options: argparse.Namespace, source: str, target: str) -> Wanted:
    """The walk in the user's words. InputError for ports and protocols that are none."""
    from vpcshark.survey import questions

    source, _ = questions.split(source)
    target, port = questions.split(target)
    return questions.Wanted(
        source,
        target,
        port,
        options.protocol,
        questions.ports(options.source_port) if options.source_port else None,
        not options.no_return,
        options.ipv6,
        options.vpc,
    )
