"""What a capture meets in a test: AWS's refusal as boto3 raises it, and a stop whose waits take no time.

Must not know what is refused.
"""

from __future__ import annotations

from typing import Any

from vpcshark.capture.contract.stop import Stop


class Refusal(Exception):
    """What boto3 raises when AWS answers with an error."""

    __module__ = "botocore.exceptions"

    def __init__(self, code: str, operation: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code, "Message": "No."}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        self.operation_name = operation


Refusal.__name__ = "ClientError"


class QuickStop(Stop):
    """Waiting takes the fake clock's time."""

    def __init__(self, clock: Any) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        if not self.requested() and timeout:
            self._clock.sleep(timeout)
        return self.requested()
