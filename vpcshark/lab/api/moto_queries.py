"""Logs Insights and Athena in moto: queries are run over what its log groups and buckets have, or refused as AWS does.

moto gives every event to any query, and no rows of Athena. Changes moto for the whole process. Must not know flow logs'
packets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from moto.athena.models import AthenaBackend, QueryResults
from moto.athena.responses import AthenaResponse
from moto.core.exceptions import JsonRESTError
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse
from moto.s3.models import s3_backends

from vpcshark.lab.flow_records import queries
from vpcshark.lab.flow_records.athena import Answer, Catalog, Refused
from vpcshark.lab.flow_records.expressions import Malformed

_CATALOG, _ANSWER, _PROBLEM = "vpcshark_catalog", "vpcshark_answer", "vpcshark_problem"
_MOST = 10_000
_plain_filter = LogsResponse.filter_log_events
_start_execution = AthenaBackend.start_query_execution
_show_execution = AthenaResponse.get_query_execution


def install() -> None:
    """Put our answers into moto. Doing it again changes nothing."""
    LogsResponse.start_query = _start_query
    LogsResponse.get_query_results = _query_results
    LogsResponse.stop_query = _stop_query
    LogsResponse.filter_log_events = _by_prefix(_plain_filter)
    AthenaBackend.start_query_execution = _execute
    AthenaResponse.get_query_execution = _execution
    AthenaResponse.get_query_results = _results


def _by_prefix(answer: Any) -> Any:
    """moto takes no notice of logStreamNamePrefix."""

    def filter_log_events(response: Any) -> str:
        prefix = response._get_param("logStreamNamePrefix")
        said = str(answer(response))
        if not prefix:
            return said
        found = json.loads(said)
        found["events"] = [each for each in found["events"] if str(each["logStreamName"]).startswith(prefix)]
        return json.dumps(found)

    return filter_log_events


class _Query:
    """A query that was started: it runs when it is looked at first, and has ended when it is looked at again."""

    def __init__(self, identity: str, answer: list[dict[str, str]], scanned: tuple[int, int]) -> None:
        self.query_id, self.status = identity, "Scheduled"
        self.answer, self.scanned = answer, scanned

    def looked_at(self) -> dict[str, Any]:
        following = {"Scheduled": "Running", "Running": "Complete"}
        self.status = following.get(self.status, self.status)
        rows = self.answer if self.status == "Complete" else []
        size, count = self.scanned
        return {
            "status": self.status,
            "results": [[{"field": name, "value": value} for name, value in row.items()] for row in rows],
            "statistics": {
                "recordsMatched": float(len(rows)),
                "recordsScanned": float(count),
                "bytesScanned": float(size),
            },
        }


def _refused(code: str, message: str) -> JsonRESTError:
    return JsonRESTError(code, message)


def _start_query(response: Any) -> str:
    backend: LogsBackend = response.logs_backend
    asked = {name: response._get_param(name) for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers")}
    given = [value for value in asked.values() if value]
    if len(given) != 1:
        raise _refused("InvalidParameterException", "Exactly one of logGroupName, logGroupNames, logGroupIdentifiers.")
    names = [given[0]] if isinstance(given[0], str) else list(given[0])
    names = [str(name).rpartition(":log-group:")[2] for name in names]
    begin, end = int(response._get_param("startTime")), int(response._get_param("endTime"))
    limit = int(response._get_param("limit") or _MOST)
    if begin > end or not 1 <= limit <= _MOST:
        raise _refused("InvalidParameterException", "End time must not be before start time, nor limit out of bounds.")
    for name in names:
        if name not in backend.groups:
            raise _refused("ResourceNotFoundException", f"Log group '{name}' does not exist for account ID.")
    try:
        query = queries.read(str(response._get_param("queryString")))
    except Malformed as error:
        raise _refused("MalformedQueryException", f"{error} at line 1 and position {error.place}") from None
    events = [row for name in names for row in _events(backend.groups[name], begin, end)]
    size = sum(len(row["@message"]) for row in events)
    identity = f"{len(backend.queries):08x}-0000-4000-8000-{time.time_ns() % (1 << 48):012x}"
    backend.queries[identity] = _Query(identity, query.run(events, limit), (size, len(events)))
    return json.dumps({"queryId": identity})


def _events(group: Any, begin: int, end: int) -> Iterator[dict[str, str]]:
    """Both ends are seconds, and within."""
    for stream in group.streams.values():
        for event in stream.events:
            if begin * 1000 <= event.timestamp <= end * 1000 + 999:
                when = datetime.fromtimestamp(event.timestamp / 1000, timezone.utc)
                yield {
                    "@timestamp": when.strftime("%Y-%m-%d %H:%M:%S.") + f"{event.timestamp % 1000:03d}",
                    "@message": event.message,
                    "@logStream": stream.log_stream_name,
                    "@log": group.name,
                    "@ptr": str(event.event_id),
                }


def _find(response: Any) -> _Query:
    found = response.logs_backend.queries.get(response._get_param("queryId"))
    if found is None:
        raise _refused("ResourceNotFoundException", "Query does not exist.")
    return found  # type: ignore[no-any-return]


def _query_results(response: Any) -> str:
    return json.dumps(_find(response).looked_at())


def _stop_query(response: Any) -> str:
    query = _find(response)
    if query.status not in ("Scheduled", "Running"):
        raise _refused("InvalidParameterException", "The query has already ended.")
    query.status = "Cancelled"
    return json.dumps({"success": True})


def _execute(backend: Any, query: str, context: Any, config: Any, workgroup: str, execution_parameters: Any) -> str:
    """Run it at once. Where results go must be said, and be there."""
    group = backend.work_groups.get(workgroup or "primary")
    default = ((group.configuration if group else {}).get("ResultConfiguration") or {}).get("OutputLocation", "")
    place = (config or {}).get("OutputLocation") or default
    if not place:
        raise _refused("InvalidRequestException", "No output location provided. An output location is required.")
    config = {**(config or {}), "OutputLocation": place}
    identity = str(_start_execution(backend, query, context, config, workgroup, execution_parameters))
    execution = backend.executions[identity]
    catalog = backend.__dict__.setdefault(_CATALOG, Catalog(lambda bucket, prefix: _files(backend, bucket, prefix)))
    bucket = place.removeprefix("s3://").partition("/")[0]
    try:
        if bucket not in s3_backends[backend.account_id]["aws"].buckets:
            raise Refused(f"Unable to verify/create output bucket {bucket}")
        answer = catalog.run(query, ((context or {}).get("Database") or "default").lower())
    except Refused as error:
        answer = Answer()
        setattr(execution, _PROBLEM, str(error))
    setattr(execution, _ANSWER, answer)
    backend.query_results[identity] = QueryResults(_shown(answer), [])
    return identity


def _files(backend: Any, bucket: str, prefix: str) -> Iterable[tuple[str, bytes]]:
    there = s3_backends[backend.account_id]["aws"].buckets
    keys = there[bucket].keys.items() if bucket in there else ()
    return [(name, key.value) for name, key in keys if name.startswith(prefix)]


def _shown(answer: Answer) -> list[dict[str, Any]]:
    """The first row has the columns' names."""
    if not answer.columns:
        return []
    header: list[str | None] = [*answer.columns]
    return [
        {"Data": [{} if value is None else {"VarCharValue": value} for value in row]} for row in (header, *answer.rows)
    ]


def _execution(response: Any) -> Any:
    """moto's answer, with what was scanned, and why it failed."""
    said = json.loads(_show_execution(response))
    shown = said["QueryExecution"]
    execution = response.athena_backend.executions[shown["QueryExecutionId"]]
    answer: Answer = getattr(execution, _ANSWER, Answer())
    shown["Statistics"]["DataScannedInBytes"] = answer.scanned
    problem = getattr(execution, _PROBLEM, "")
    if problem and shown["Status"]["State"] == "SUCCEEDED":
        shown["Status"] |= {"State": "FAILED", "StateChangeReason": problem}
    return json.dumps(said)


def _results(response: Any) -> str:
    """In pages of at most a thousand rows."""
    found = response.athena_backend.get_query_results(response._get_param("QueryExecutionId"))
    first = int(response._get_param("NextToken") or 0)
    count = min(int(response._get_param("MaxResults") or 1000), 1000)
    said: dict[str, Any] = {
        "ResultSet": {"Rows": found.rows[first : first + count], "ResultSetMetadata": {"ColumnInfo": []}}
    }
    if first + count < len(found.rows):
        said["NextToken"] = str(first + count)
    return json.dumps(said)
