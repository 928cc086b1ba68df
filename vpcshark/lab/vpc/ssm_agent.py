"""The SSM agent of an instance: keeps a control channel to the lab's service, and opens sessions to its ports.

``python -m vpcshark.lab.vpc.ssm_agent INSTANCE ADDRESS``; the service is at ADDRESS, TCP 443. What a session does, and
in which order, is that of aws/amazon-ssm-agent: agent/session/datachannel (PerformHandshake), and plugins/port beside
it (``port_basic.go``: 1,024 bytes, then a millisecond's pause). It ends with its stdin. Must not know the API.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from vpcshark.clock import Clock, SystemClock
from vpcshark.lab.session import messages, stream
from vpcshark.lab.session.messages import Message

SERVICE_PORT = 443
VERSION = "3.3.987.0"
_log = logging.getLogger(__name__)
_PR_SET_NAME = 15
_PAUSE = 0.2
_PACE = 0.001  # seconds between two reads
_HANDSHAKE = 15.0
_LAST_WORDS = 3.0  # seconds for the client to acknowledge what a port said before it closed
_UNANSWERED = "Handshake timed out. Please ensure that you have the latest version of the session manager plugin."
_NO_SESSION = 1008  # a close code: the service does not know it any more
_HOW: dict[str, Any] = {"compression": None, "ping_interval": None, "max_size": 1 << 16, "proxy": None}
_GONE = (WebSocketException, OSError)
Dial = Callable[[int], socket.socket]
"""A port of the instance -> a connection. OSError."""


def main(instance: str, address: str) -> None:
    """Serve until stdin ends."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, b"ssm-agent-worker", 0, 0, 0)
    service = f"[{address}]:{SERVICE_PORT}" if ":" in address else f"{address}:{SERVICE_PORT}"
    threading.Thread(target=serve_for_ever, args=(instance, service), daemon=True).start()
    while os.read(0, 1):
        pass


def serve_for_ever(instance: str, service: str, clock: Clock | None = None) -> None:
    """Serve as the agent of ``instance``; ``service`` is "host:port"."""
    serve(instance, service, clock or SystemClock(), threading.Event())


def serve(instance: str, service: str, clock: Clock, over: threading.Event, dial: Dial | None = None) -> None:
    """The same until it is ``over``, and its sessions with it; ``dial`` connects to the instance."""
    while not over.is_set():
        with contextlib.suppress(*_GONE, AssertionError):  # websockets' own, of a greeting that breaks in the middle
            _serve(instance, service, clock, over, dial or _dial)
        over.wait(_PAUSE)


def _dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 5)


def _serve(instance: str, service: str, clock: Clock, over: threading.Event, dial: Dial) -> None:
    with connect(f"ws://{service}/v1/control-channel/{instance}?role=subscribe", **_HOW) as control:
        control.send(messages.open_channel("", ClientId=instance))

        def complete(session: str, output: str) -> None:
            told = {"SchemaVersion": 1, "TaskId": session, "Topic": "lab", "InstanceId": instance, "Output": output}
            with contextlib.suppress(*_GONE):
                control.send(messages.encode(messages.said(messages.TASK_COMPLETE, told, int(clock.now() * 1000))))

        for data in control:
            assert isinstance(data, bytes)
            message = messages.decode(data)
            if message.kind == messages.TASK:
                session = PortSession(service, json.loads(message.facts()["Content"]), complete, clock, dial, over)
                threading.Thread(target=session.run, name="session", daemon=True).start()


class PortSession:
    """One session, from its handshake to its end; ``complete`` is told its id and why it ended ("": in order)."""

    def __init__(
        self,
        service: str,
        task: Mapping[str, Any],
        complete: Callable[[str, str], None],
        clock: Clock,
        dial: Dial,
        agent_over: threading.Event,
    ) -> None:
        self._agent_over = agent_over
        self._id, self._token = str(task["SessionId"]), str(task["DataChannelToken"])
        self._properties: Mapping[str, str] = task["DocumentContent"]["properties"]
        self._url = f"ws://{service}/v1/data-channel/{self._id}?role=publish_subscribe"
        self._complete, self._clock, self._dial = complete, clock, dial
        self._connection: ClientConnection | None = None
        self._port: socket.socket | None = None
        self._problem = ""
        self._is_greeted, self._over = threading.Event(), threading.Event()
        self._stream = stream.Stream(messages.OUTPUT, self._send, self._take, clock, keeps=True)

    def run(self) -> None:
        """The whole of it."""
        for work in (self._carry, self._resend):
            threading.Thread(target=work, name="session", daemon=True).start()
        output = self._serve()
        self._stream.wait_acknowledged(0 if self._over.is_set() else _LAST_WORDS)
        self._over.set()
        self._complete(self._id, output)
        if (connection := self._connection) is not None:
            connection.close()

    def _serve(self) -> str:
        """Why it ended."""
        began = self._clock.monotonic()
        action = {"SessionType": "Port", "Properties": self._properties}
        asked = [{"ActionType": "SessionType", "ActionParameters": action}]
        self._put(messages.HANDSHAKE_REQUEST, {"AgentVersion": VERSION, "RequestedClientActions": asked})
        if not self._is_greeted.wait(_HANDSHAKE) or self._problem:
            return self._problem or _UNANSWERED
        if self._over.is_set():
            return ""
        took = int((self._clock.monotonic() - began) * 1e9)
        self._put(messages.HANDSHAKE_COMPLETE, {"HandshakeTimeToComplete": took, "CustomerMessage": ""})
        try:
            port = self._port = self._dial(int(self._properties["portNumber"]))
        except OSError as error:
            return f"Unable to connect to specified port: {error}"
        port.settimeout(None)
        with port, contextlib.suppress(OSError):
            while not self._over.is_set():
                if not self._stream.is_paused:
                    data = port.recv(messages.MOST)
                    if not data:
                        break
                    self._stream.put(messages.DATA, data)
                self._clock.sleep(_PACE)
        return ""

    def _put(self, payload_type: int, content: Mapping[str, Any]) -> None:
        self._stream.put(payload_type, json.dumps(content).encode())

    def _send(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            raise ConnectionError("the data channel is not connected")
        try:
            connection.send(data)
        except WebSocketException as error:
            raise ConnectionError(str(error)) from error

    def _resend(self) -> None:
        while not self._over.wait(stream.EVERY):
            self._stream.resend()

    def _carry(self) -> None:
        """The data channel, and another one when it breaks."""
        while not self._over.is_set():
            try:
                self._carry_once()
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code == _NO_SESSION:
                    self._cancel()
            except _GONE as error:
                _log.info("a data channel broke: %s", error)
            self._connection = None
            if self._agent_over.is_set():
                self._cancel()
            self._over.wait(_PAUSE)

    def _carry_once(self) -> None:
        with connect(self._url, **_HOW) as connection:
            connection.send(messages.open_channel(self._token, ClientId=self._id))
            self._connection = connection
            for data in connection:
                assert isinstance(data, bytes)
                self._hear(messages.decode(data))

    def _hear(self, message: Message) -> None:
        if message.kind == messages.CHANNEL_CLOSED:
            self._cancel()
        elif message.kind == messages.PAUSE:
            self._stream.is_paused = True
        else:
            self._stream.is_paused = False
            if message.kind in (messages.INPUT, messages.ACKNOWLEDGE):
                self._stream.receive(message)

    def _take(self, message: Message) -> bool:
        """False: not yet."""
        if message.payload_type == messages.HANDSHAKE_RESPONSE:
            for action in message.facts()["ProcessedClientActions"]:
                if action["ActionStatus"] != messages.SUCCESS:
                    self._problem = f"{action['ActionType']} failed on client: {action.get('Error')}"
            self._is_greeted.set()
        elif message.payload_type == messages.FLAG:
            self._cancel()
        elif message.payload_type == messages.DATA and self._is_greeted.is_set():
            if self._port is None:
                return False
            with contextlib.suppress(OSError):
                self._port.sendall(message.payload)
        return True

    def _cancel(self) -> None:
        self._over.set()
        self._is_greeted.set()
        if self._port is not None:
            with contextlib.suppress(OSError):
                self._port.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main(*sys.argv[1:3])
