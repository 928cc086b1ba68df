"""Records out of S3 by Athena, for months of them: a table of the user's or one of ours, a query, its answer.

Athena is charged by the bytes that it scans: they are counted while it runs, and at the limit the query is stopped. A
table that we made is removed after the query. Must not know what records are wanted for.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vpcshark.aws.errors import mapped
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.errors import AwsError, InputError
from vpcshark.flowlogs import tables
from vpcshark.flowlogs.objects import Layout
from vpcshark.flowlogs.scan import Row

_PAUSE = 1.0  # seconds
_PATIENCE = 1800.0
_PAGE = 1000
MOST = 100_000
"""Records of one answer."""
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
DOING = "query the records with Athena"


@dataclass(frozen=True)
class Where:
    """``table`` "": one of ours is made and removed. ``output`` "": where the workgroup puts results."""

    workgroup: str = "primary"
    database: str = "default"
    table: str = ""
    output: str = ""


@dataclass
class Athena:
    """Reads by one query."""

    reading: Reading
    layout: Layout
    where: Where

    def statements(self) -> list[str]:
        """What would be asked: the table's DDL if one is made, and the query. InputError."""
        table = self.where.table or "vpcshark_flow_logs"
        made = [] if self.where.table else [tables.create(self.layout, table)]
        return [*made, tables.select(self.layout, table, self.reading.wanted, MOST)]

    def rows(self) -> Iterator[Row]:
        """See ``Reader``."""
        name = self.where.table or f"vpcshark_{uuid.uuid4().hex[:12]}"
        text = tables.select(self.layout, name, self.reading.wanted, MOST)
        self.reading.allow(None, "Athena scans the files of the days from the first to the last")
        if not self.where.table:
            self._ran(tables.create(self.layout, name))
        try:
            id = self._ran(text)
            yield from self.reading.kept(self._results(id))
        finally:
            if not self.where.table:
                self._ran(tables.drop(name))

    def _ran(self, text: str) -> str:
        """The id of a statement that went well. AwsError with Athena's reason where it did not."""
        athena, where = self.reading.aws.client("athena"), self.where
        output = {"ResultConfiguration": {"OutputLocation": where.output}} if where.output else {}
        with mapped(DOING, service="athena"):
            started = athena.start_query_execution(
                QueryString=text,
                QueryExecutionContext={"Database": where.database},
                WorkGroup=where.workgroup,
                **output,
            )
        id = str(started["QueryExecutionId"])
        has_ended = False
        try:
            state = self._ended(athena, id)
            has_ended = True
        finally:
            if not has_ended:
                self._stop(athena, id)
        if state["State"] != "SUCCEEDED":
            why = state.get("StateChangeReason", "it gives no reason")
            raise AwsError(f"Athena did not do it ({state['State']}): {why}", "See --workgroup, --database, --output.")
        return id

    def _stop(self, athena: Any, id: str) -> None:
        """Lest it scans on for nobody. That it could not be stopped is said beside what went wrong."""
        try:
            with mapped("stop a query of Athena", service="athena"):
                athena.stop_query_execution(QueryExecutionId=id)
        except AwsError as error:
            self.reading.tell(f"The query {id} could not be stopped: {error}")

    def _ended(self, athena: Any, id: str) -> Any:
        end = self.reading.clock.monotonic() + _PATIENCE
        while True:
            with mapped(DOING, service="athena"):
                found = athena.get_query_execution(QueryExecutionId=id)["QueryExecution"]
            if found["Status"]["State"] in _ENDED:
                return found["Status"]
            scanned = int(found.get("Statistics", {}).get("DataScannedInBytes", 0))
            if self.reading.is_over(scanned, "The query") or self.reading.stop.is_set():
                raise InputError("Athena was stopped before it answered.", "Ask for a shorter time, or raise --limit.")
            if self.reading.clock.monotonic() > end:
                raise AwsError(f"Athena did not end within {_PATIENCE / 60:.0f} minutes.", "Ask for less.")
            self.reading.clock.sleep(_PAUSE)

    def _results(self, id: str) -> Iterator[Row]:
        """Each row; the first of the first page has the columns' names."""
        athena, kind = self.reading.aws.client("athena"), self.reading.kind
        token, is_first = "", True
        while True:
            more = {"NextToken": token} if token else {}
            with mapped(DOING, service="athena"):
                page = athena.get_query_results(QueryExecutionId=id, MaxResults=_PAGE, **more)
            rows = page["ResultSet"].get("Rows", [])
            for row in rows[1:] if is_first else rows:
                values = [str(each.get("VarCharValue", "-") or "-").encode() for each in row["Data"]]
                if len(values) == len(kind.names):
                    yield kind, values
                else:
                    self.reading.tally.unreadable += 1
            is_first = False
            if not (token := page.get("NextToken", "")):
                return
