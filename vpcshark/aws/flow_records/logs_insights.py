"""Records out of CloudWatch Logs by a query of Logs Insights, which is charged by the bytes that it scans.

The bytes that came into the group in that time are what it will scan: they are said before, and counted while it runs.
A query that nobody waits for any more is stopped. Must not know what records are wanted for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vpcshark.aws.errors import is_throttle, mapped
from vpcshark.aws.flow_records import groups
from vpcshark.aws.flow_records.reading import Reading
from vpcshark.errors import AwsError
from vpcshark.flowlogs import insights
from vpcshark.flowlogs.scan import Row

_PAUSE = 1.0  # seconds between looks at a query that runs
_PATIENCE = 600.0
_WAYS_TO_START = 5
_ENDED = ("Complete", "Failed", "Cancelled", "Timeout", "Unknown")
_CROWDED = "LimitExceededException"
DOING = "query the log group with Logs Insights"


@dataclass
class Query:
    """Reads by one query."""

    reading: Reading

    @property
    def text(self) -> str:
        """The query, as the console takes it. InputError."""
        return insights.query(self.reading.kind, self.reading.wanted)

    def rows(self) -> Iterator[Row]:
        """See ``Reader``."""
        reading, log = self.reading, self.reading.log
        text, begin = self.text, reading.wanted.begin - log.interval
        try:
            expected = groups.incoming(reading.aws, log.destination, begin, reading.wanted.end)
        except AwsError as error:
            reading.tell(f"What this will scan is not known: {error}")
            expected = None
        reading.allow(expected, f"Logs Insights scans what came into {log.destination} in that time")
        logs = reading.aws.client("logs")
        id = self._start(logs, text, begin)
        is_running = True
        try:
            answer = self._answer(logs, id)
            is_running = answer["status"] not in _ENDED
        finally:
            if is_running:
                self._stop(logs, id)
        rows = [self._message(row) for row in answer.get("results", [])]
        if len(rows) >= insights.MOST:
            reading.tell(f"Logs Insights gave the newest {insights.MOST:,} records: older ones are missing.")
        yield from reading.kept(reading.of_lines(rows))

    def _start(self, logs: Any, text: str, begin: int) -> str:
        """Where too many queries run already, or too many begin, it is asked again."""
        log = self.reading.log
        for left in reversed(range(_WAYS_TO_START)):
            try:
                with groups.told(log), mapped(DOING, service="logs"):
                    started = logs.start_query(
                        logGroupName=log.destination,
                        startTime=begin,
                        endTime=self.reading.wanted.end,
                        queryString=text,
                        limit=insights.MOST,
                    )
                    return str(started["queryId"])
            except AwsError as error:
                if not left or not (is_throttle(error) or error.code == _CROWDED):
                    raise
                self.reading.clock.sleep(_PAUSE * (_WAYS_TO_START - left))
        raise AssertionError

    def _answer(self, logs: Any, id: str) -> Any:
        """The answer once the query ended, or where the limit or the user ended it: what was found by then."""
        end = self.reading.clock.monotonic() + _PATIENCE
        while True:
            with mapped(DOING, service="logs"):
                answer = logs.get_query_results(queryId=id)
            if answer["status"] == "Complete":
                return answer
            if answer["status"] in _ENDED:
                raise AwsError(f"The query of {self.reading.log.destination} ended: {answer['status']}.", "Try again.")
            scanned = int(answer.get("statistics", {}).get("bytesScanned", 0))
            if self.reading.is_over(scanned, "The query") or self.reading.stop.is_set():
                return answer
            if self.reading.clock.monotonic() > end:
                raise AwsError(
                    f"Logs Insights did not end within {_PATIENCE / 60:.0f} minutes.", "Ask for a shorter time."
                )
            self.reading.clock.sleep(_PAUSE)

    def _stop(self, logs: Any, id: str) -> None:
        """Lest it scans on for nobody. That it could not be stopped is said beside what went wrong."""
        try:
            with mapped("stop a query of Logs Insights", service="logs"):
                logs.stop_query(queryId=id)
        except AwsError as error:
            self.reading.tell(f"The query {id} could not be stopped: {error}")

    @staticmethod
    def _message(row: Any) -> str:
        return next((str(each.get("value", "")) for each in row if each.get("field") == "@message"), "")
