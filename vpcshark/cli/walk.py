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

    from vpcshark.evidence.findings import Finding
    from vpcshark.flowlogs.wanted import Wanted as RecordsWanted
    from vpcshark.network.answer import Answer
    from vpcshark.network.known import Known
    from vpcshark.survey.questions import Wanted

T = TypeVar("T")
STATUSES = {"reachable": 0, "blocked": 1, "unknown": 3}


def run(options: argparse.Namespace) -> int:
    """Walk, tell; 0 reachable, 1 blocked, 3 unknown."""
    from vpcshark.network.decision import Unclear

    try:
        return _many(options) if options.sources or options.targets else _one(options)
    except Unclear as doubt:
        return _unanswered(options, doubt.text)
    except AwsError as error:  # 1 would say "blocked", which nobody knows
        return _unanswered(options, str(error))


def _one(options: argparse.Namespace) -> int:
    """From one end to another."""
    from vpcshark.network import contract
    from vpcshark.survey import questions

    if options.target is None:
        raise Mistake("A walk has two ends.", "Say vpcshark walk SRC DST[:PORT], or --from and --to for many walks.")
    wanted = question(options, options.source, options.target)
    sources, targets = (questions.resolved(each, wanted.is_v6) for each in (wanted.source, wanted.target))
    found = look(options, partial(questions.attempt, wanted=wanted, sources=sources, targets=targets))
    proofs = _evidence(options, found)
    if options.json:
        said = contract.as_json(found, options.all_paths)
        if proofs is not None:
            from vpcshark.evidence import findings

            said["evidence"] = {**findings.as_json(found.verdict, *proofs[:2]), "counts": proofs[2]}
        console.write_json(said)
    else:
        from vpcshark.cli import walk_screen

        walk_screen.show(found, console.out(), options.all_paths)
        if proofs is not None:
            from vpcshark.cli import evidence

            evidence.show(found.verdict, proofs[0], proofs[2], console.out())
    return STATUSES[found.verdict]


def _evidence(options: argparse.Namespace, found: Answer) -> tuple[list[Finding], RecordsWanted, list[str]] | None:
    """What flow logs show, where that is asked for."""
    if not options.evidence:
        return None
    if options.from_dump is not None:
        raise Mistake("A folder of answers has no flow logs.", "Leave out --from-dump, or --evidence.")
    from vpcshark.aws import client
    from vpcshark.cli import evidence

    places = [_settled(profile, region) for profile in options.profile or [""] for region in options.region or [""]]
    return evidence.gather(found, [client.connect(profile, region) for profile, region in places], options.since)


def _many(options: argparse.Namespace) -> int:
    """From each of several ends to each of several others."""
    from vpcshark.network import contract
    from vpcshark.survey import questions

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
    """What ``attempt`` finds, by the folder or by AWS."""
    if options.from_dump is not None:
        from vpcshark.network.known import Known
        from vpcshark.survey import dump

        return attempt(Known(dump.read(options.from_dump)))
    from vpcshark.aws import client
    from vpcshark.survey import asking, rounds

    with console.working("Asking AWS about the way of the packets ...") as ask:
        places = [_settled(profile, region) for profile in options.profile or [""] for region in options.region or [""]]
        accounts = [client.connect(profile, region, ask) for profile, region in places]
        return rounds.Survey(partial(asking.put, accounts)).look(attempt)


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
