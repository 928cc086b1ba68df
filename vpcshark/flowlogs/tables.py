"""Athena's table over a flow log's files, and the query that finds records in it. Pure.

Partitions are projected, so nothing has to be loaded (https://docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs.html);
columns are in the LogFormat's order, and a day bounds what a query scans. Must not know who asks.
"""

from __future__ import annotations

from datetime import datetime, timezone

from vpcshark.errors import InputError
from vpcshark.flowlogs import fields, match
from vpcshark.flowlogs.logformat import LogFormat
from vpcshark.flowlogs.objects import Layout
from vpcshark.flowlogs.wanted import COLUMNS, GAPS, Wanted

_BIG = ("bytes", "packets", "start", "end")
_DAY = "%Y/%m/%d"
_TEXT = "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '"
_PARQUET = (
    "ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n"
    "STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat'\n"
    "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'"
)


def create(layout: Layout, table: str) -> str:
    """CREATE EXTERNAL TABLE. In text all columns are strings but numbers are bigint: "-" is then NULL."""
    log = layout.log
    is_parquet = log.file_format == "parquet"
    columns = ",\n".join(f"  `{_name(each)}` {_type(each)}" for each in log.format)
    hours = "year=${year}/month=${month}/day=${day}" if log.hive else "${day}"
    hours += ("/hour=${hour}" if log.hive else "/${hour}") if log.hourly else ""
    location = f"s3://{layout.bucket}/{layout.folder()}"
    properties = {
        **({} if is_parquet else {"skip.header.line.count": "1"}),
        "projection.enabled": "true",
        **_projections(log.hive, log.hourly),
        "storage.location.template": location + hours,
    }
    return "\n".join(
        [
            f"CREATE EXTERNAL TABLE IF NOT EXISTS `{table}` (\n{columns}\n)",
            f"PARTITIONED BY ({', '.join(f'`{each}` string' for each in _partitions(log.hive, log.hourly))})",
            _PARQUET if is_parquet else _TEXT,
            f"LOCATION '{location}'",
            "TBLPROPERTIES (" + ", ".join(f"'{key}'='{value}'" for key, value in properties.items()) + ")",
        ]
    )


def _partitions(is_hive: bool, is_hourly: bool) -> list[str]:
    return [*(["year", "month", "day"] if is_hive else ["day"]), *(["hour"] if is_hourly else [])]


def _projections(is_hive: bool, is_hourly: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    if is_hive:
        for name, most, digits in (("year", "2015,2099", 4), ("month", "1,12", 2), ("day", "1,31", 2)):
            found |= _digits(name, most, digits)
    else:
        found = {"projection.day.type": "date", "projection.day.format": "yyyy/MM/dd"}
        found["projection.day.range"] = "2015/01/01,NOW"
    return found | (_digits("hour", "0,23", 2) if is_hourly else {})


def _digits(name: str, most: str, digits: int) -> dict[str, str]:
    kind = f"projection.{name}"
    return {f"{kind}.type": "integer", f"{kind}.range": most, f"{kind}.digits": str(digits)}


def drop(table: str) -> str:
    """What takes the table away; the files stay."""
    return f"DROP TABLE IF EXISTS `{table}`"


def select(layout: Layout, table: str, wanted: Wanted, most: int) -> str:
    """The newest ``most`` records, of the days of ``wanted`` alone. InputError where the format lacks what it takes."""
    log = layout.log
    kind = LogFormat(log.format)
    wanted.test(kind)
    tests = [
        _of_days(log.hive, wanted),
        *_of_time(kind, wanted),
        *_of_resources(kind, wanted),
        *_of_flows(kind, wanted),
    ]
    order = '\nORDER BY "start" DESC' if "start" in kind.places else ""
    columns = ", ".join(_quoted(name) for name in kind.names)
    return f'SELECT {columns}\nFROM "{table}"\nWHERE ' + "\n  AND ".join(tests) + f"{order}\nLIMIT {most}"


def _of_days(is_hive: bool, wanted: Wanted) -> str:
    first, last = (datetime.fromtimestamp(each, timezone.utc) for each in (wanted.begin, wanted.end + 1200))
    column = '"year" || \'/\' || "month" || \'/\' || "day"' if is_hive else '"day"'
    return f"{column} BETWEEN '{first:{_DAY}}' AND '{last:{_DAY}}'"


def _of_time(kind: LogFormat, wanted: Wanted) -> list[str]:
    found = [f'"start" <= {wanted.end}'] if "start" in kind.places else []
    return [*found, *([f'"end" >= {wanted.begin}'] if "end" in kind.places else [])]


def _of_resources(kind: LogFormat, wanted: Wanted) -> list[str]:
    ids = ", ".join(f"'{each}'" for each in wanted.resources)
    found = [f"{_quoted(name)} IN ({ids})" for name in COLUMNS if name in kind.places]
    return ["(" + " OR ".join(found) + ")"] if wanted.resources else []


def _of_flows(kind: LogFormat, wanted: Wanted) -> list[str]:
    found = ["(" + (" AND ".join(_of_flow(kind, flow)) or "true") + ")" for flow in wanted.flows]
    if found and wanted.has_gaps and "log-status" in kind.places:
        found.append('"log_status" IN (' + ", ".join(f"'{each.decode()}'" for each in GAPS) + ")")
    return ["(" + " OR ".join(found) + ")"] if found else []


def _of_flow(kind: LogFormat, flow: match.Flow) -> list[str]:
    ends = [
        "(" + " OR ".join(_in(_quoted(each), network) for each in (f"pkt-{name}", name) if each in kind.places) + ")"
        for name, network in flow.ends.items()
    ]
    return [*ends, *(f"{_quoted(name)} = {number}" for name, number in flow.ports.items())]


def _in(name: str, network: match.Network) -> str:
    if network.version == 4 and network.num_addresses == 1:
        return f"{name} = '{network.network_address}'"
    return f"contains('{network}', TRY_CAST({name} AS IPADDRESS))"


def _name(name: str) -> str:
    if not name.replace("-", "").isalnum():
        raise InputError(f'Athena takes no column called "{name}".')
    return name.replace("-", "_")


def _quoted(name: str) -> str:
    return f'"{_name(name)}"'


def _type(name: str) -> str:
    if name not in fields.NUMBERS:
        return "string"
    return "bigint" if name in _BIG else "int"
