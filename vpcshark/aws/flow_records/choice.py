"""Which reader a flow log takes: by where records are delivered, how long a time it is, and what the user says."""

from __future__ import annotations

from collections.abc import Sequence

from vpcshark.aws.errors import mapped
from vpcshark.aws.flow_records import firehose
from vpcshark.aws.flow_records.athena import Athena, Where
from vpcshark.aws.flow_records.events import Events
from vpcshark.aws.flow_records.files import Files
from vpcshark.aws.flow_records.logs_insights import Query
from vpcshark.aws.flow_records.reading import Reader, Reading
from vpcshark.errors import InputError
from vpcshark.flowlogs import cover
from vpcshark.flowlogs.cover import FlowLog, Place
from vpcshark.flowlogs.objects import Layout
from vpcshark.flowlogs.wanted import COLUMNS

WAYS = ("cloudwatch", "insights", "s3", "athena")
_OF = {
    "": (cover.CLOUDWATCH, cover.S3, cover.FIREHOSE),
    "cloudwatch": (cover.CLOUDWATCH,),
    "insights": (cover.CLOUDWATCH,),
    "s3": (cover.S3, cover.FIREHOSE),
    "athena": (cover.S3,),
}
_SHORT = 2 * 3600
"""Seconds of which one interface's stream is read event by event; longer is a query's work."""
_FEW = 2


def best(place: Place, logs: Sequence[FlowLog], by: str = "") -> FlowLog:
    """The flow log to read: the closest that delivers to where we can read. InputError says why there is none."""
    if not logs:
        raise InputError(" ".join(cover.missing(place, logs)), f"This would make one: {cover.command(place, logs)}")
    readable = [log for log in logs if log.destination_type in _OF[by]]
    delivering = [log for log in readable if log.delivery == "SUCCESS"]
    if not delivering:
        said = [
            f"{log.id} delivers to {log.destination} ({log.destination_type})." for log in logs if log not in readable
        ]
        said += [f"{log.id}: {problem}" for log in readable for problem in log.problems]
        raise InputError(
            f"No flow log of {place.id} has records that can be read so. " + " ".join(said),
            "Files that lie elsewhere are read by: vpcshark flowlogs show FILE",
        )
    return min(delivering, key=lambda log: (not log.is_good, bool(log.lacks)))


def reader(reading: Reading, by: str = "", where: Where | None = None) -> Reader:
    """The reader. InputError, AwsError."""
    wanted = reading.wanted
    if not by:
        is_short = wanted.end - wanted.begin <= _SHORT and 0 < len(wanted.resources) <= _FEW
        is_in_files = reading.log.destination_type in _OF["s3"]
        by = "s3" if is_in_files else "cloudwatch" if is_short else "insights"
    if by == "cloudwatch":
        return Events(reading)
    if by == "insights":
        return Query(reading)
    if reading.log.destination_type == cover.FIREHOSE:
        return Files(reading, firehose.place(reading.aws, reading.log))
    layout = Layout(reading.log, owner(reading), reading.aws.region)
    if by == "s3":
        return Files(reading, layout)
    if where is None:
        raise InputError("Athena needs a table.", "Give --table NAME, or --create-table for one that is removed after.")
    return Athena(reading, layout, where)


def resources(place: Place, log: FlowLog) -> tuple[str, ...]:
    """Whose records are to be told from others': nobody's, where the flow log is of that place alone and its records do
    not name it."""
    names = [name for name in COLUMNS if name in log.format]
    return () if (log.resource == place.id and not names) or place.resource_type in ("Subnet", "VPC") else (place.id,)


def owner(reading: Reading) -> str:
    """The account, which is in every file's name. AwsError."""
    with mapped("ask whose account this is", service="sts"):
        return str(reading.aws.sts.get_caller_identity()["Account"])
