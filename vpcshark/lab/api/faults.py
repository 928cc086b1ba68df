"""Faults on demand in front of the API: latency, error codes, throttling, lost replies; and a log of all calls.

A plain WSGI layer. Its control path, ``/_lab``, belongs to tests; production code never uses it.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from vpcshark.clock import Clock

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_CALLS_KEPT = 20_000
_SERVICE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")


@dataclass
class Fault:
    """What goes wrong with calls whose action matches ``action`` (a whole-match regular expression).

    ``delay``: seconds before the call is performed. ``code``: answer this error, and do not perform it.
    ``lost_reply``: perform it, then break the connection. ``skip`` matches are let through first, then ``times`` are
    hit (-1: all).
    """

    action: str
    delay: float = 0.0
    code: str = ""
    message: str = "Injected by the lab."
    status: int = 400
    lost_reply: bool = False
    times: int = -1
    skip: int = 0

    def hits(self, action: str) -> bool:
        """Whether this call is hit; counts it."""
        if not re.fullmatch(self.action, action):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times == 0:
            return False
        self.times -= 1 if self.times > 0 else 0
        return True


@dataclass
class Call:
    """One call as it was answered. Times are the lab's monotonic seconds; ``status`` 0: the reply was dropped."""

    service: str
    action: str
    start: float
    end: float
    status: int


class Faults:
    """The layer. ``after`` runs once a call was performed, before its answer is sent."""

    def __init__(self, app: App, clock: Clock, after: Callable[[str], None]) -> None:
        self._app, self._clock, self._after = app, clock, after
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._calls: deque[Call] = deque(maxlen=_CALLS_KEPT)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if path.startswith("/_lab/"):
            return self._control(path, environ, start_response)
        if path.startswith("/moto-api"):
            return self._app(environ, start_response)
        return self._call(environ, start_response)

    def _call(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = _read_body(environ)
        service, action = _service(environ), _action(environ, body)
        start = self._clock.monotonic()
        with self._lock:
            hit = [fault for fault in self._faults if fault.hits(action)]
        self._clock.sleep(sum(fault.delay for fault in hit))
        failing = next((fault for fault in hit if fault.code), None)
        if failing is not None:
            status, headers, answer = _error(service, environ, failing)
        else:
            status, headers, answer = _performed(self._app, environ)
            self._after(action)
        is_lost = any(fault.lost_reply for fault in hit)
        self._log(Call(service, action, start, self._clock.monotonic(), 0 if is_lost else int(status.split()[0])))
        if is_lost:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError("the lab drops this reply")  # werkzeug then answers nothing, and says nothing
        start_response(status, headers)
        return [answer]

    def _log(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def _control(self, path: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            answer, status = self._controlled(path, environ["REQUEST_METHOD"], _read_body(environ))
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def _controlled(self, path: str, method: str, body: bytes) -> tuple[Any, str]:
        items: Any = {"/_lab/faults": self._faults, "/_lab/calls": self._calls}.get(path)
        if items is None:
            return {"error": "no such path"}, "404 Not Found"
        if method == "DELETE":
            items.clear()
        elif method == "POST" and items is self._faults:
            items.append(Fault(**json.loads(body)))
        elif method != "GET":
            return {"error": "no such method"}, "405 Method Not Allowed"
        return [asdict(item) for item in items], "200 OK"


def _read_body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return body


def _service(environ: dict[str, Any]) -> str:
    found = _SERVICE.search(environ.get("HTTP_AUTHORIZATION", ""))
    return found[1] if found else ""


def _action(environ: dict[str, Any], body: bytes) -> str:
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")  # JSON services: "AmazonSSM.GetParameter"
    if target:
        return target.rpartition(".")[2]
    if "form-urlencoded" not in environ.get("CONTENT_TYPE", ""):
        return ""
    return parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]


def _performed(app: App, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Run the inner application to its end, so that its answer can be held back."""
    seen: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], None]:
        seen[:] = [status, headers]
        return written.append

    written: list[bytes] = []
    chunks = app(environ, start_response)
    body = b"".join([*chunks])
    return seen[0], seen[1], b"".join(written) + body


def _error(service: str, environ: dict[str, Any], fault: Fault) -> tuple[str, list[tuple[str, str]], bytes]:
    """The fault in the words of the service's protocol: EC2's XML, the XML of STS and IAM, or JSON."""
    status = f"{fault.status} Fault"
    if environ.get("HTTP_X_AMZ_TARGET"):
        answer = json.dumps({"__type": fault.code, "message": fault.message})
        return status, [("Content-Type", "application/x-amz-json-1.1")], answer.encode()
    error = f"<Error><Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message></Error>"
    if service == "ec2":
        answer = f"<Response><Errors>{error}</Errors><RequestID>lab</RequestID></Response>"
    else:
        answer = f"<ErrorResponse>{error}<RequestId>lab</RequestId></ErrorResponse>"
    return status, [("Content-Type", "text/xml")], answer.encode()
