"""Records on their way: as events of a log group, or as files of a bucket; late, and in no order. Pure.

Streams are named by interface, events have their record's start as time; files are of five minutes
(https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html and flow-logs-s3-path.html). Must not know moto.
"""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

from vpcshark.lab.flow_records import formats
from vpcshark.lab.flow_records.flow_log import CLOUDWATCH, FIREHOSE, S3, FlowLog

_FILE = 300


@dataclass(frozen=True)
class Line:
    """A record as text. ``stream``: the log stream that it goes to."""

    start: int
    end: int
    text: str
    stream: str


@dataclass(frozen=True)
class Events:
    """For a stream of a log group: (milliseconds since the epoch, line), in the order of time."""

    group: str
    stream: str
    rows: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Object:
    """For a bucket."""

    bucket: str
    key: str
    data: bytes


@dataclass
class Queue:
    """What is not delivered yet. ``is_shuffled``: a part of each batch waits up to half as long again."""

    chance: random.Random
    is_shuffled: bool = True
    _waiting: list[tuple[float, FlowLog, Line]] = field(default_factory=list)

    def add(self, due: float, more: float, log: FlowLog, lines: Iterable[Line]) -> None:
        """Deliver these at ``due``, or up to ``more`` seconds later."""
        for each in lines:
            late = self.chance.random() * more if self.is_shuffled and self.chance.random() < 0.5 else 0.0
            self._waiting.append((due + late, log, each))

    def take(self, now: float) -> list[tuple[FlowLog, Events | Object]]:
        """What has to go now."""
        ready: dict[FlowLog, list[Line]] = {}
        for due, log, each in self._waiting:
            if due <= now:
                ready.setdefault(log, []).append(each)
        self._waiting = [each for each in self._waiting if each[0] > now]
        found: list[tuple[FlowLog, Events | Object]] = []
        for log, lines in ready.items():
            if self.is_shuffled:
                self.chance.shuffle(lines)
            found += [(log, each) for each in packed(log, lines, f"{self.chance.getrandbits(32):08x}")]
        return found


def packed(log: FlowLog, lines: Sequence[Line], unique: str) -> Iterator[Events | Object]:
    """As the destination takes it; ``unique`` tells files apart."""
    if log.destination_type == CLOUDWATCH:
        streams: dict[str, list[tuple[int, str]]] = {}
        for each in lines:
            streams.setdefault(each.stream, []).append((each.start * 1000, each.text))
        for stream, rows in streams.items():  # a call of PutLogEvents must be in order
            yield Events(log.destination, stream, tuple(sorted(rows, key=lambda row: row[0])))
    elif log.destination_type == S3:
        files: dict[int, list[Line]] = {}
        for each in lines:
            files.setdefault(each.end // _FILE * _FILE, []).append(each)
        for stamp, members in files.items():
            bucket, _, folder = log.destination.partition("/")
            data = _parquet(log, members) if log.is_parquet else _text(log, members)
            yield Object(bucket, key(log, folder.strip("/"), stamp, unique), data)
    elif log.destination_type == FIREHOSE:
        yield _delivered(log, lines, unique)


def key(log: FlowLog, folder: str, stamp: int, unique: str) -> str:
    """A file's name below its folders."""
    when = datetime.fromtimestamp(stamp, timezone.utc)
    if log.is_hive:
        parts = [f"aws-account-id={log.account}", "aws-service=vpcflowlogs", f"aws-region={log.region}"]
        days = when.strftime("year=%Y/month=%m/day=%d")
        hours = when.strftime("/hour=%H")
    else:
        parts = [log.account, "vpcflowlogs", log.region]
        days, hours = when.strftime("%Y/%m/%d"), when.strftime("/%H")
    ending = "log.parquet" if log.is_parquet else "log.gz"
    name = f"{log.account}_vpcflowlogs_{log.region}_{log.id}_{when:%Y%m%dT%H%M}Z_{unique}.{ending}"
    return "/".join(filter(None, [folder, "AWSLogs", *parts, days + (hours if log.is_hourly else ""), name]))


def _text(log: FlowLog, lines: Sequence[Line]) -> bytes:
    header = " ".join(log.fields)
    return gzip.compress("\n".join([header, *(each.text for each in lines), ""]).encode())


def _parquet(log: FlowLog, lines: Sequence[Line]) -> bytes:
    """Columns have underscores; numbers are INT32 or INT64, and what is "-" is null."""
    import pyarrow
    from pyarrow import parquet

    columns = {}
    for place, name in enumerate(log.fields):
        texts = [value if (value := each.text.split(" ")[place]) != "-" else None for each in lines]
        is_number = name in formats.NUMBERS
        wide = pyarrow.int64() if name in ("packets", "bytes", "start", "end") else pyarrow.int32()
        values = [int(value) if value is not None else None for value in texts] if is_number else texts
        columns[name.replace("-", "_")] = pyarrow.array(values, wide if is_number else pyarrow.string())
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file, compression="gzip")
    return file.getvalue()


def _delivered(log: FlowLog, lines: Sequence[Line], unique: str) -> Object:
    """Data Firehose's own names and folders; each record is an object with the line as "message", and nothing stands
    between two. The stream's bucket is filled in by whoever knows it."""
    when = datetime.fromtimestamp(max(each.end for each in lines), timezone.utc)
    name = f"{log.destination}-1-{when:%Y-%m-%d-%H-%M-%S}-{unique}"
    data = "".join(json.dumps({"message": each.text}, separators=(",", ":")) for each in lines).encode()
    return Object("", f"{when:%Y/%m/%d/%H}/{name}", data)
