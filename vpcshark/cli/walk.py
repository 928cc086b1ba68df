"""``vpcshark walk``: can A reach B, and if not, which rule stands in the way? Must not know how that is found out."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpcshark.cli import console
from vpcshark.errors import AwsError
from vpcshark.text import line

if TYPE_CHECKING:
    from vpcshark.network.answer import Answer
    from vpcshark.survey.questions import Wanted

STATUSES = {"reachable": 0, "blocked": 1, "unknown": 3}

EPILOG = """\
SRC and DST: an ENI, an instance, a Name tag, an address, a DNS name, a load balancer (lb:NAME or its ARN), a VPC
endpoint, or internet. An IPv6 address with a port stands in brackets: [2001:db8::1]:443.

Exit status: 0 reachable, 1 blocked, 3 unknown (also if AWS could not be asked).
"""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "walk",
        help="say why A can't reach B: every hop, both ways, with the rule that decides",
        description="Walk the way of a packet from SRC to DST and back, by describes alone: nothing is made or sent.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC", help="where the packet begins")
    parser.add_argument("target", metavar="DST[:PORT]", help="where it shall arrive")
    parser.add_argument(
        "--protocol", default="", help="tcp, udp, icmp, any or a number (default: tcp with a port, else any)"
    )
    parser.add_argument(
        "--source-port", default="", metavar="N", help="the client's port or ports (default: its system's range)"
    )
    parser.add_argument("--no-return", action="store_true", help="leave out the way back")
    parser.add_argument("--all-paths", action="store_true", help="show each way where AWS chooses between several")
    parser.add_argument("--ipv6", action="store_true", help="by IPv6, where both ends have both")
    parser.add_argument("--vpc", default="", metavar="VPC", help="which VPC, where several have the address or name")
    parser.add_argument("--json", action="store_true", help="one object, for scripts")
    parser.add_argument(
        "--from-dump", type=Path, metavar="DIR", help="a folder of aws ec2 describe-… answers instead of AWS"
    )
    parser.add_argument("--profile", action="append", default=[], help="AWS profile; again for further accounts")
    parser.add_argument("--region", action="append", default=[], help="AWS region; again for further ones")
    parser.set_defaults(run=run)


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
    sources, targets = questions.resolved(wanted.source), questions.resolved(wanted.target)
    attempt = partial(questions.attempt, wanted=wanted, sources=sources, targets=targets)
    if options.from_dump is not None:
        from vpcshark.network.known import Known
        from vpcshark.survey import dump

        return attempt(Known(dump.read(options.from_dump)))
    from vpcshark.aws import client
    from vpcshark.survey import asking, rounds

    with console.working("Asking AWS about the way of the packets ...") as ask:
        places = [(profile, region) for profile in options.profile or [""] for region in options.region or [""]]
        accounts = [client.connect(profile, region, ask) for profile, region in places]
        return rounds.Survey(partial(asking.put, accounts)).look(attempt)


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
