"""``vpcshark walk``: can A reach B, and if not, which rule stands in the way? Must not know how that is found out."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING

from vpcshark.cli import console
from vpcshark.errors import AwsError
from vpcshark.text import line

if TYPE_CHECKING:
    from vpcshark.network.answer import Answer
    from vpcshark.survey.questions import Wanted

STATUSES = {"reachable": 0, "blocked": 1, "unknown": 3}


def run(options: argparse.Namespace) -> int:
    """Walk, tell; 0 reachable, 1 blocked, 3 unknown."""
    from vpcshark.network import contract
    from vpcshark.network.decision import Unclear

    try:
        found = look(options)
    except Unclear as doubt:
        return _unanswered(options, doubt.text)
    except AwsError as error:  # 1 would say "blocked", which nobody knows
        return _unanswered(options, str(error))
    if options.json:
        console.write_json(contract.as_json(found, options.all_paths))
    else:
        from vpcshark.cli import walk_screen

        walk_screen.show(found, console.out(), options.all_paths)
    return STATUSES[found.verdict]


def _unanswered(options: argparse.Namespace, why: str) -> int:
    from vpcshark.network import contract

    if options.json:
        console.write_json(contract.unanswered(options.source, options.target, why))
    sys.stderr.write(f"vpcshark: unknown: {line(why)}\n")
    return STATUSES["unknown"]


def look(options: argparse.Namespace) -> Answer:
    """The answer, from the folder or from AWS."""
    from vpcshark.survey import questions

    wanted = question(options)
    sources, targets = (questions.resolved(each, wanted.is_v6) for each in (wanted.source, wanted.target))
    attempt = partial(questions.attempt, wanted=wanted, sources=sources, targets=targets)
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


def question(options: argparse.Namespace) -> Wanted:
    """The walk in the user's words. InputError for ports and protocols that are none."""
    from vpcshark.survey import questions

    source, _ = questions.split(options.source)
    target, port = questions.split(options.target)
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
