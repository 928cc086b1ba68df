"""What ``vpcshark capture`` takes: the options of Wireshark's dialog, dumpcap's limits, and where packets go."""

from __future__ import annotations

from typing import Any

from vpcshark.cli import limits
from vpcshark.cli.arguments import common
from vpcshark.options import command_line


def add(commands: Any, name: str) -> None:
    """Declare it; the options of the dialog come from the one table."""
    parser = commands.add_parser(
        name,
        description="Capture from ENIs, decapsulated, as pcapng with an interface for each. Ctrl-C ends it; nothing "
        "stays in the account. An ENI that is named and cannot be mirrored is an error, before anything is made; of "
        "those that a tag, group or load balancer means, what cannot be mirrored is skipped and listed.",
    )
    common.add_eni(
        parser,
        "source",
        metavar="SOURCE",
        nargs="+",
        help='what to capture from: ids or names of "vpcshark interfaces", an instance\'s id or an address; '
        "tag:KEY=VALUE (several: all must fit; * for any text), asg:NAME (the instances of an Auto Scaling group), "
        "lb:NAME (the targets of a load balancer), path:SRC->DST:PORT (the interfaces that a connection passes); or "
        "the name of a capture in the settings",
    )
    parser.add_argument(
        "-w", dest="file", metavar="FILE", help="where to (-: standard output; default: SOURCE-TIME.pcapng here)"
    )
    parser.add_argument("-f", dest="filter", metavar="FILTER", default="", help="capture filter, as in pcap-filter(7)")
    parser.add_argument("-s", dest="snaplen", metavar="N", help="the same as --packet-length N")
    limits.add(parser)
    parser.add_argument(
        "--diagnose",
        action="store_true",
        help="say on stderr what the packets prove as soon as they do (vpcshark diagnose), in a process beside the "
        "capture that takes half of a core at most; what comes faster is captured and left out of the diagnosis",
    )
    parser.add_argument("--trace", action="store_true", help="print a timeline of the capture's steps at its end")
    common.add_json(parser, "one object at the end, for scripts: packets, files, and why there are none")
    command_line.add_arguments(parser)
