"""Faults on demand in front of the API: latency, error codes, throttling, lost replies; and a log of all calls.

A plain WSGI layer. Its control path, ``/_lab``, belongs to tests; production code never uses it.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from vpcshark.clock import Clock
from vpcshark.lab.api.switches import SWITCHES

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_CALLS_KEPT = 20_000
_RECORDED = 200  # exchanges of an action
_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/")


@dataclass
class Fault:
    """What goes wrong with calls whose action matches ``action`` (a whole-match regular expression).

    ``delay``: seconds before the call is performed. ``code``: answer this error, and do not perform it.
    ``lost_reply``: perform it, then break the connection. ``skip`` matches are let through first, then ``times`` are
    hit (-1: all). ``caller``: only calls that are signed with this access key id. ``process``: send ``signal`` to that
    process when the call comes, or once it is performed if ``signal_after``; the answer then waits ``pause`` seconds,
    so that the process is gone before it could come. ``seconds``: over so long after the first hit (0: never).
    ``old`` in the text of its answer becomes ``new``.
    ``spreads``: from the first hit on every action is hit. ``count`` counts hits. ``bucket``: as EC2 throttles, so many
    matches are let through at first and ``refill`` more each second; only those beyond are hit (0: no bucket).
    """

    action: str
    delay: float = 0.0
    code: str = ""
    message: str = "Injected by the lab."
    status: int = 400
    lost_reply: bool = False
    times: int = -1
    skip: int = 0
    caller: str = ""
    process: int = 0
    signal: int = 9
    signal_after: bool = False
    pause: float = 0.05
    seconds: float = 0.0
    old: str = ""
    new: str = ""
    spreads: bool = False
    bucket: float = 0.0
    refill: float = 0.0
    tokens: float = 0.0
    drawn: float = 0.0
    count: int = 0
    first: float = 0.0

    def hits(self, action: str, caller: str, now: float) -> bool:
        """Whether this call is hit; counts it. ``now``: monotonic seconds."""
        if not self._matches(action, caller) or (self.seconds and self.count and now - self.first > self.seconds):
            return False
        if self.bucket and self._draw(now):
            return False
        self.first = self.first if self.count else now
        self.count += 1
        if self.spreads:
            self.action = ".*"
        return True

    def _draw(self, now: float) -> bool:
        """Take a token out of the bucket, if there is one."""
        if not self.drawn:
            self.tokens = self.bucket
        self.tokens = min(self.bucket, self.tokens + (now - (self.drawn or now)) * self.refill)
        self.drawn = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def _matches(self, action: str, caller: str) -> bool:
        if self.caller not in ("", caller) or not re.fullmatch(self.action, action):
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
    """One call as it was answered. Times are the lab's monotonic seconds; ``status`` 0: the reply was dropped;
    ``caller``: the access key id that it was signed with."""

    service: str
    action: str
    start: float
    end: float
    status: int
    caller: str = ""


class Faults:
    """The layer. ``after`` runs once a call was performed, before its answer is sent. ``describe`` takes what a test
    says of a network interface (/_lab/enis); False if there is none. ``sessions`` takes what it wants of Session
    Manager's sessions (/_lab/sessions): a method and a fault; None where there are none. ``controls``: more of that
    kind, by the last word of their path."""

    def __init__(
        self,
        app: App,
        clock: Clock,
        after: Callable[[str], None],
        describe: Callable[..., bool] = lambda eni_id, **facts: False,
        sessions: Callable[[str, dict[str, Any]], list[dict[str, Any]] | None] = lambda method, facts: None,
        controls: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self._controls = {} if controls is None else controls
        self._app, self._clock, self._after, self._describe = app, clock, after, describe
        self._sessions = sessions
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._calls: deque[Call] = deque(maxlen=_CALLS_KEPT)
        self._recorded: Counter[str] = Counter()

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
        (caller, service), action = signed(environ), _action(environ, body)
        start = self._clock.monotonic()
        with self._lock:
            hit = [fault for fault in self._faults if fault.hits(action, caller, start)]
        self._send_signals(hit, is_after=False)
        self._clock.sleep(sum(fault.delay for fault in hit))
        failing = next((fault for fault in hit if fault.code), None)
        if failing is not None:
            status, headers, answer = _error(service, environ, failing)
        else:
            status, headers, answer = _performed(self._app, environ)
            status, headers, answer = status, *_rewritten(headers, answer, hit)
            self._after(action)
            self._record(environ, service, action, body, status, answer)
        self._send_signals(hit, is_after=True)
        is_lost = any(fault.lost_reply for fault in hit)
        number = 0 if is_lost else int(status.split()[0])
        self._log(Call(service, action, start, self._clock.monotonic(), number, caller))
        if is_lost:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError("the lab drops this reply")  # werkzeug then answers nothing, and says nothing
        start_response(status, headers)
        return [answer]

    def _send_signals(self, hit: Iterable[Fault], *, is_after: bool) -> None:
        for fault in hit:
            if fault.process and fault.signal_after == is_after:
                with suppress(ProcessLookupError):
                    os.kill(fault.process, fault.signal)
                self._clock.sleep(fault.pause)

    def _record(
        self, environ: dict[str, Any], service: str, action: str, body: bytes, status: str, answer: bytes
    ) -> None:
        """For whoever judges what is said (``switches``): the first few of each action. What cannot be text is left
        out."""
        if not SWITCHES.record or not action:
            return
        self._recorded[action] += 1
        if self._recorded[action] > _RECORDED:
            return
        said = {
            "service": service,
            "action": action,
            "agent": environ.get("HTTP_USER_AGENT", ""),
            "request": body.decode("utf-8", "replace"),
            "status": int(status.split()[0]),
            "answer": answer.decode("utf-8", "replace"),
        }
        with self._lock, open(SWITCHES.record, "a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")

    def _log(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    def _control(self, path: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self._lock:
            whose = parse_qs(environ.get("QUERY_STRING", "")).get("caller", [""])[0]
            answer, status = self._controlled(path, environ["REQUEST_METHOD"], _read_body(environ), whose)
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(answer).encode()]

    def _controlled(self, path: str, method: str, body: bytes, whose: str) -> tuple[Any, str]:
        """``whose``: see or clear only those of this access key id."""
        if path == "/_lab/enis" and method == "POST":
            is_known = self._describe(**json.loads(body))
            return ([], "200 OK") if is_known else ({"error": "no such interface"}, "404 Not Found")
        if path == "/_lab/switches" and method in ("POST", "DELETE"):
            SWITCHES.reset() if method == "DELETE" else SWITCHES.set(**json.loads(body))
            return [], "200 OK"
        if path == "/_lab/sessions":
            told = self._sessions(method, json.loads(body or b"{}"))
            return (told, "200 OK") if told is not None else ({"error": "there are no sessions"}, "404 Not Found")
        more = self._controls.get(path.rpartition("/")[2])
        if more is not None and method == "POST":
            return more(**json.loads(body)), "200 OK"
        items: Any = {"/_lab/faults": self._faults, "/_lab/calls": self._calls}.get(path)
        if items is None:
            return {"error": "no such path"}, "404 Not Found"
        chosen = [item for item in items if whose in ("", item.caller)]
        if method == "DELETE":
            for item in chosen:
                items.remove(item)
            chosen = []
        elif method == "POST" and items is self._faults:
            chosen = [Fault(**json.loads(body))]
            items.extend(chosen)
        elif method != "GET":
            return {"error": "no such method"}, "405 Method Not Allowed"
        return [asdict(item) for item in chosen], "200 OK"


def _read_body(environ: dict[str, Any]) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return body


def signed(environ: dict[str, Any]) -> tuple[str, str]:
    """Access key id and service of the signature (SigV4)."""
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return (found[1], found[2]) if found else ("", "")


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


def _rewritten(
    headers: list[tuple[str, str]], answer: bytes, hit: Iterable[Fault]
) -> tuple[list[tuple[str, str]], bytes]:
    """As the faults want it."""
    text = answer
    for fault in hit:
        text = text.replace(fault.old.encode(), fault.new.encode()) if fault.old else text
    if text == answer:
        return headers, answer
    return [(name, value) for name, value in headers if name.lower() != "content-length"], text


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
