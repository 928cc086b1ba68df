"""``vpcshark flowlogs read``: records from where AWS delivers them. Must not know how they are asked for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from vpcshark.aws import client
from vpcshark.aws.flow_records import choice
from vpcshark.aws.flow_records.athena import Athena, Where
from vpcshark.aws.flow_records.logs_insights import Query
from vpcshark.aws.flow_records.reading import Reader, Reading
from vpcshark.aws.monitoring import flow_logs
from vpcshark.cli import account, console, statuses
from vpcshark.cli.flowlogs import tell, write_frames
from vpcshark.clock import SystemClock
from vpcshark.errors import InputError
from vpcshark.flowlogs import match
from vpcshark.flowlogs.wanted import Wanted, moment

_BYTES = re.compile(r"(\d{1,9})([KMGT]?)(?:i?B)?", re.IGNORECASE)


def run(options: argparse.Namespace, remark: Callable[[str], None]) -> int:
    """0: there were records; 3: there was none."""
    reading, reader = _opened(options, remark)
    if options.show_query:
        return _show_query(reader)
    rows = reader.rows()
    count = write_frames(rows, options.write) if options.write else tell(rows, options.json)
    for sentence in reading.tally.sentences(reading.log, reading.wanted, reading.clock.now()):
        remark(sentence)
    if not count:
        remark(f"No record of {options.id} was found in that time." + _why_nothing(reading))
    return statuses.OK if count else statuses.EMPTY


def _opened(options: argparse.Namespace, remark: Callable[[str], None]) -> tuple[Reading, Reader]:
    """The reading that the options mean. InputError, AwsError."""
    now = SystemClock().now()
    begin, end = moment(options.begin, now), moment(options.end, now)
    if begin >= end:
        raise InputError("--from is not before --to.", "Say for example --from 2h --to 1h.")
    flows = (match.parse(options.match),) if options.match else ()
    where, limit = _table(options), number(options.limit)
    wanted, _ = account.settled({"profile": options.profile, "region": options.region})
    with console.working("Asking AWS about flow logs ...") as ask:
        aws = client.connect(wanted.profile, wanted.region, ask)
        place, logs = flow_logs.covering(aws, options.id)
    if options.flow_log:
        logs = [log for log in logs if log.id == options.flow_log]
    log = choice.best(place, logs, options.by)
    for problem in log.problems:
        remark(f"{log.id}: {problem}")
    asked = Wanted(begin, end, choice.resources(place, log), flows)
    reading = Reading(aws, log, asked, remark, limit)
    return reading, choice.reader(reading, options.by, where)


def _table(options: argparse.Namespace) -> Where | None:
    if not re.fullmatch(r"\w{0,128}", options.table) or not re.fullmatch(r"\w{1,128}", options.database):
        raise InputError("The names of a table and a database are letters, digits and _.")
    if not options.table and not options.create_table and not options.show_query:
        return None
    return Where(options.workgroup, options.database, options.table, options.output)


def number(text: str) -> int:
    """Bytes of "500M". InputError."""
    found = _BYTES.fullmatch(text.strip())
    if found is None:
        raise InputError(f'"{text}" is no number of bytes.', "Say for example 500M or 20G.")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[found[2].upper()]


def _show_query(reader: Reader) -> int:
    if isinstance(reader, Query):
        said = [reader.text]
    elif isinstance(reader, Athena):
        said = [f"{each};" for each in reader.statements()]
    else:
        raise InputError("These records are read without a query.", "Say --by insights or --by athena.")
    for line in "\n\n".join(said).splitlines():
        console.write_line(line)
    return statuses.OK


def _why_nothing(reading: Reading) -> str:
    if reading.tally.rows:
        return " Others were, so records are delivered."
    if any(flow.source or flow.destination for flow in reading.wanted.flows) and reading.log.lacks:
        return f" Its records have no {', '.join(reading.log.lacks)}: behind a gateway nothing is found by address."
    return ""
