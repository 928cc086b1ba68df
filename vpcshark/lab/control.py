"""A client of the lab's control path, for tests: faults, the log of calls, IAM on and off.

Production code never uses it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener


class LabControl:
    """The control path of the API at ``endpoint`` (``AWS_ENDPOINT_URL`` of a lab)."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._opener = build_opener(ProxyHandler({}))

    def add_fault(self, action: str, **fault: Any) -> None:
        """Let calls go wrong; the fields are those of ``vpcshark.lab.api.faults.Fault``."""
        self._ask("POST", "/_lab/faults", json.dumps({"action": action, **fault}).encode())

    def throttle(self, action: str, times: int = -1) -> None:
        """Answer RequestLimitExceeded, as EC2 does."""
        self.add_fault(action, code="RequestLimitExceeded", message="Request limit exceeded.", status=503, times=times)

    def limit(self, action: str, bucket: float, refill: float) -> None:
        """Throttle as EC2 does: so many calls at once, and so many more each second."""
        self.add_fault(
            action,
            code="RequestLimitExceeded",
            message="Request limit exceeded.",
            status=503,
            bucket=bucket,
            refill=refill,
        )

    def lose_reply(self, action: str, times: int = 1) -> None:
        """Perform the call, but drop its answer."""
        self.add_fault(action, lost_reply=True, times=times)

    def faults(self, caller: str = "") -> list[dict[str, Any]]:
        """The faults (for ``caller``) as they stand: ``times`` and ``skip`` count down, ``count`` counts hits."""
        return list(self._ask("GET", f"/_lab/faults?caller={caller}"))

    def clear_faults(self, caller: str = "") -> None:
        """Nothing goes wrong any more (for calls signed with the access key id ``caller``)."""
        self._ask("DELETE", f"/_lab/faults?caller={caller}")

    def calls(self, caller: str = "") -> list[dict[str, Any]]:
        """All calls (of ``caller``) in the order of their answers: service, action, start and end (seconds), status
        (0: lost), caller."""
        return list(self._ask("GET", f"/_lab/calls?caller={caller}"))

    def clear_calls(self) -> None:
        """Forget the calls so far."""
        self._ask("DELETE", "/_lab/calls")

    def describe_eni(self, eni_id: str, **facts: Any) -> None:
        """Have EC2 describe an interface so from now on; the facts are those of ``moto_enis.describe_as``."""
        self._ask("POST", "/_lab/enis", json.dumps({"eni_id": eni_id, **facts}).encode())

    def switch(self, **switches: Any) -> None:
        """Have EC2 behave so from now on; see ``vpcshark.lab.api.switches``."""
        self._ask("POST", "/_lab/switches", json.dumps(switches).encode())

    def reset_switches(self) -> None:
        """As the lab is at first."""
        self._ask("DELETE", "/_lab/switches")

    def fault_sessions(self, kind: str, **fault: Any) -> None:
        """Let sessions of Session Manager go wrong; the fields are those of ``vpcshark.lab.vpc.ssm_faults``."""
        self._ask("POST", "/_lab/sessions", json.dumps({"kind": kind, **fault}).encode())

    def session_faults(self) -> list[dict[str, Any]]:
        """Those faults as they stand: ``count`` counts hits."""
        return list(self._ask("GET", "/_lab/sessions"))

    def clear_session_faults(self) -> None:
        """No session goes wrong any more; what is stalled goes on."""
        self._ask("DELETE", "/_lab/sessions")

    def flow_logs(self, **facts: Any) -> None:
        """How the lab keeps flow logs from now on; the facts are those of ``vpc.flow_logging.FlowLogging.control``."""
        self._ask("POST", "/_lab/flow-logs", json.dumps(facts).encode())

    def pass_time(self, ahead: float) -> None:
        """It is ``ahead`` seconds later for schedules: what is due is done. Only where there has been a stack."""
        self._ask("POST", "/_lab/schedules", json.dumps({"ahead": ahead}).encode())

    def enforce_iam(self, *, is_on: bool) -> None:
        """Whether moto checks signatures and IAM policies from now on."""
        self._ask("POST", "/moto-api/reset-auth", b"0" if is_on else b"inf")

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = Request(self._endpoint + path, data=body, method=method)  # the endpoint is the lab's, always http
        request.add_header("Content-Type", "application/json")
        with self._opener.open(request, timeout=30) as answer:
            return json.loads(answer.read())
