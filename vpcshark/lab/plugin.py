"""A stand-in for AWS's session-manager-plugin, in the lab alone: the same arguments, the same words on stdout, the same
data channel, for what a document like AWS-StartSSHSession has it do (a session of the type "Port" over standard input
and output; nothing of the lab asks for encryption, a shell or several connections in one).

It does what AWS's does (aws/session-manager-plugin: session/session.go, sessionhandler.go,
portsession/standardstreamforwarding.go, datachannel/streaming.go), also where that is no help: until the handshake is
complete it reads no input, so that its end is not seen; what is read while no connection stands ends it. Must not know
the lab's API, nor what is carried.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import random
import signal
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import websocket

import vpcshark
from vpcshark.clock import Clock, SystemClock
from vpcshark.lab.session import messages, stream
from vpcshark.lab.session.messages import Message

VERSION = "1.2.677.0"
NAME = "session-manager-plugin"
_TOKEN_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
_ATTEMPTS = 5
_FIRST_PAUSE, _MOST_PAUSE = 0.1, 5.0  # seconds; doubled each time
_PACE = 0.001  # seconds between two reads
_INSTALLED = "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n"
_BROKEN = (websocket.WebSocketException, OSError, AttributeError)  # the last: closed while it was used


def install(folder: Path) -> Path:
    """Put the program into a folder, under AWS's name."""
    program = folder / NAME
    package = str(Path(vpcshark.__file__).parents[1])
    program.write_text(
        f"#!{sys.executable} -I\nimport sys\nsys.path.insert(0, {package!r})\n"
        "from vpcshark.lab import plugin\nplugin.main(sys.argv[1:])\n",
        encoding="utf-8",
    )
    program.chmod(0o700)
    return program


def main(arguments: Sequence[str]) -> None:
    """``RESPONSE REGION StartSession PROFILE PARAMETERS ENDPOINT``; ends the process."""
    if len(arguments) < 4:
        _say(f"{VERSION}\n" if arguments == ["--version"] else _INSTALLED)
        return
    given = arguments[0]
    text = os.environ.pop(given, "") if given.startswith(_TOKEN_VARIABLE) else given
    if arguments[2] != "StartSession":
        return _say("Invalid Operation")
    try:
        response = json.loads(text)
    except ValueError as error:
        return _say(f"Cannot perform start session: {error}\n")
    json.loads(arguments[4])["Target"]  # AWS's ends with a trace where there is none
    Session(response, Service(arguments[5], arguments[1], os.environ, SystemClock()), SystemClock()).run()


class Service:
    """Session Manager's API at ``endpoint``, by the keys of the environment."""

    def __init__(self, endpoint: str, region: str, environment: Mapping[str, str], clock: Clock) -> None:
        self._endpoint, self._region, self._environment, self._clock = endpoint, region, environment, clock

    def call(self, action: str, **parameters: str) -> dict[str, Any]:
        """OSError."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        body = json.dumps(parameters).encode()
        headers = {"X-Amz-Target": f"AmazonSSM.{action}", "Content-Type": "application/x-amz-json-1.1"}
        request = AWSRequest("POST", self._endpoint, headers, body)
        words = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        key, secret, token = (self._environment.get(word) for word in words)
        if key is None or secret is None:
            raise PermissionError("there are no keys in the environment")
        SigV4Auth(Credentials(key, secret, token), "ssm", self._region).add_auth(request)
        asked = Request(self._endpoint, body, dict(request.headers.items()), method="POST")
        with build_opener(ProxyHandler({})).open(asked, timeout=30) as answer:
            return dict(json.loads(answer.read()))


class Session:
    """One session, until it ends the process."""

    def __init__(self, response: Mapping[str, str], service: Service, clock: Clock) -> None:
        self._id, self._url, self._token = (response[name] for name in ("SessionId", "StreamUrl", "TokenValue"))
        self._service, self._clock = service, clock
        self._client = str(uuid.uuid4())
        self._connection: websocket.WebSocket | None = None
        self._is_port = False
        self._begun: queue.Queue[bool] = queue.Queue()
        self._stream = stream.Stream(messages.INPUT, self._send, self._take, clock, keeps=False)

    def run(self) -> None:
        """As ``Execute`` and ``OpenDataChannel`` of AWS's."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _say(f"\nStarting session with SessionId: {self._id}\n")
        self._tried(self._open)
        for work in (self._listen, self._resend):
            threading.Thread(target=work, daemon=True).start()
        if not self._begun.get():
            return _say("Cannot perform start session: unable to determine SessionType\n")
        for number in (signal.SIGINT, signal.SIGTSTP, signal.SIGQUIT):  # sessionutil/control_signals_unix.go
            signal.signal(number, self._terminated)
        try:
            while data := os.read(0, messages.MOST):
                self._stream.put(messages.DATA, data)
                self._clock.sleep(_PACE)
        except OSError as error:
            _say(f"Cannot perform start session: {error}\n")
        os._exit(0)

    def _open(self) -> None:
        connection = websocket.create_connection(self._url, timeout=10, enable_multithread=True)
        connection.settimeout(None)
        opened = messages.open_channel(self._token, ClientId=self._client, ClientVersion=VERSION)
        connection.send(opened)
        self._connection = connection

    def _listen(self) -> None:
        """Until the process ends, or no connection can be had any more: that does not end it."""
        while (connection := self._connection) is not None:
            try:
                kind, data = connection.recv_data()
            except _BROKEN:
                kind, data = websocket.ABNF.OPCODE_CLOSE, b""
            if kind == websocket.ABNF.OPCODE_BINARY:
                with contextlib.suppress(ValueError):  # AWS's passes over what is no message
                    self._hear(messages.decode(data))
            elif kind == websocket.ABNF.OPCODE_CLOSE and not self._tried(self._resume):
                return

    def _resume(self) -> None:
        answer = self._service.call("ResumeSession", SessionId=self._id)
        if not answer.get("TokenValue"):
            _say(f"Session: {self._id} timed out.\n")
            os._exit(0)
        self._token, self._url = answer["TokenValue"], answer.get("StreamUrl") or self._url
        before, self._connection = self._connection, None
        if before is not None:
            with contextlib.suppress(*_BROKEN):
                before.shutdown()  # type: ignore[no-untyped-call]
        self._open()

    def _tried(self, work: Any) -> bool:
        pause = _FIRST_PAUSE * (1 + random.random())
        for _ in range(_ATTEMPTS):
            try:
                work()
                return True
            except (*_BROKEN, ValueError):
                self._clock.sleep(min(pause, _MOST_PAUSE))
                pause *= 2
        return False

    def _hear(self, message: Message) -> None:
        if message.kind in (messages.OUTPUT, messages.ACKNOWLEDGE):
            self._stream.receive(message)
        elif message.kind == messages.CHANNEL_CLOSED:
            output = message.facts().get("Output", "")
            said = f"Exiting session with sessionId: {self._id}." if not output else f"SessionId: {self._id} : {output}"
            _say(f"\n\n{said}\n\n")
            os._exit(0)

    def _take(self, message: Message) -> bool:
        """What came in order; False: not before the session has begun."""
        if message.payload_type == messages.HANDSHAKE_REQUEST:
            self._answer(message.facts()["RequestedClientActions"])
        elif message.payload_type == messages.HANDSHAKE_COMPLETE:
            self._begun.put(self._is_port)
            if words := message.facts().get("CustomerMessage"):
                _say(f"{words}\n")
        elif not self._is_port:
            return False
        else:
            _write(message.payload)
        return True

    def _answer(self, asked: Sequence[Mapping[str, Any]]) -> None:
        """One at a time: a session of the type "Port" is all that this stand-in can."""
        done, errors = list[dict[str, Any]](), list[str]()
        for action in asked:
            kind = action["ActionType"]
            is_known = kind == "SessionType" and action["ActionParameters"]["SessionType"] == "Port"
            self._is_port = self._is_port or is_known
            problem = "" if is_known else f"Unsupported action {kind}"
            errors += [problem] if problem else []
            done.append(
                {
                    "ActionType": kind,
                    "ActionStatus": messages.SUCCESS if is_known else messages.UNSUPPORTED,
                    "ActionResult": None,
                    "Error": problem,
                }
            )
        answer = {"ClientVersion": VERSION, "ProcessedClientActions": done, "Errors": errors or None}
        self._stream.put(messages.HANDSHAKE_RESPONSE, json.dumps(answer).encode())

    def _send(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            raise ConnectionError("Can't send message: Connection is closed.")
        try:
            connection.send_binary(data)
        except (websocket.WebSocketException, AttributeError) as error:
            raise ConnectionError(str(error)) from error

    def _resend(self) -> None:
        while self._stream.resend():
            self._clock.sleep(stream.EVERY)
        self._service.call("TerminateSession", SessionId=self._id)

    def _terminated(self, *_: object) -> None:
        _say("Terminate signal received, exiting.\n")
        with contextlib.suppress(OSError):
            self._stream.put(messages.FLAG, messages.TERMINATE_SESSION.to_bytes(4, "big"))
        os._exit(0)


def _say(text: str) -> None:
    """On stdout, before and after what is carried."""
    _write(text.encode())


def _write(data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(1, view) :]
    except OSError:  # nobody reads on
        os._exit(1)
