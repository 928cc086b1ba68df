"""What ``vpcshark flowlogs`` takes."""

from __future__ import annotations

import argparse
from typing import Any

from vpcshark.cli.arguments import common

MATCH = """\
--match: src:sport->dst:dport/proto, as in '10.0.1.5:49152->10.0.2.7:443/tcp'. What is left out, or *, is anything; an
end may be a network, then with a protocol (10.0.0.0/16/any); IPv6 with a port stands in brackets. Each end is looked
for in pkt-srcaddr or pkt-dstaddr too, so that records of gateways on the way are found.
"""


def add(commands: Any, name: str) -> None:
    """Declare it and its sub-commands."""
    parser = commands.add_parser(name, description="Read VPC and transit gateway flow logs.")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = _action(actions, "show", "print the records of files")
    _files(show)
    common.add_json(show, "one object a record and line, with AWS's field names")
    pcap = _action(actions, "pcap", "write the records of files as frames, for Wireshark")
    _files(pcap)
    pcap.add_argument("-w", "--write", required=True, metavar="OUT", help="the pcapng file; -: standard output")
    _where(actions)
    _read(actions)


def _read(actions: Any) -> None:
    """What is read from AWS, of when, by which way, and what it may cost."""
    read = _action(actions, "read", "read an ENI's records from CloudWatch Logs, S3 or Athena")
    meaning = "an ENI; or a subnet, a VPC, a transit gateway or its attachment, by id"
    common.add_eni(read, "id", metavar="ENI", help=meaning)
    when = "15m, 2h, 3d (before now), or a time: 2026-05-01T12:00:00Z"
    read.add_argument("--from", dest="begin", default="15m", metavar="WHEN", help=f"{when} (default: 15m)")
    read.add_argument("--to", dest="end", default="0s", metavar="WHEN", help="likewise (default: now)")
    read.add_argument("--match", default="", metavar="FLOW", help="only the records of this flow (see below)")
    ways = ("cloudwatch", "insights", "s3", "athena")
    read.add_argument("--by", choices=ways, default="", help="how (default: by destination and time)")
    read.add_argument("--show-query", action="store_true", help="print the query of Insights or Athena; ask nothing")
    read.add_argument("--limit", default="1G", metavar="BYTES", help="scan no more: 500M, 20G (default: 1G)")
    read.add_argument("--flow-log", default="", metavar="FL", help="which one, where several cover it")
    _athena(read)
    read.add_argument(
        "-w", "--write", default="", metavar="OUT", help="frames into this pcapng file; -: standard output"
    )
    common.add_place(read)
    common.add_json(read, "one object a record and line, with AWS's field names")


def _athena(parser: Any) -> None:
    parser.add_argument("--table", default="", help="Athena: a table over the files, with the LogFormat's fields")
    meaning = "Athena: make a table, and remove it after the query"
    parser.add_argument("--create-table", action="store_true", help=meaning)
    parser.add_argument("--database", default="default", help="Athena: the table's database (default: default)")
    parser.add_argument("--workgroup", default="primary", help="Athena: the workgroup (default: primary)")
    parser.add_argument("--output", default="", metavar="S3-URL", help="Athena: where results go (default: as it says)")


def _where(actions: Any) -> None:
    purpose = "say which flow logs cover an ENI, or what is missing and the command that would make one"
    where = actions.add_parser("where", help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    meaning = "an ENI; or a subnet, a VPC, a transit gateway or its attachment, by id"
    common.add_eni(where, "id", metavar="ENI", help=meaning)
    common.add_place(where)
    common.add_json(where, "one object, for scripts")


def _action(actions: Any, name: str, purpose: str) -> Any:
    return actions.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=MATCH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _files(parser: Any) -> None:
    """What is read, and what of it."""
    meaning = "flow logs: text, also packed with gzip, zstd or LZ4, or Parquet; -: standard input"
    parser.add_argument("files", nargs="+", metavar="FILE", help=meaning)
    meaning = "the flow log's LogFormat, default or tgw-default, where the files have no header line"
    parser.add_argument("--log-format", default="", metavar="FORMAT", help=meaning)
    parser.add_argument("--match", default="", metavar="FLOW", help="only the records of this flow (see below)")
