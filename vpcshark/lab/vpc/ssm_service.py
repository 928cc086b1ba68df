"""The lab's message gateway of Session Manager: it joins a plugin on this machine with an agent inside the VPC.

Both come by websocket to ``/v1/data-channel/SESSION`` and name themselves first (OpenDataChannel); from then on their
messages are passed on as they are (aws/session-manager-plugin, src/datachannel; aws/amazon-ssm-agent,
agent/session/datachannel). An agent's control channel brings it the sessions' tasks. The agent's side is AWS's as far
as the agent's source shows it: only the lab's own agent talks to it. Must not know the API, nor what is in a stream.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.server import ServerConnection, serve

from vpcshark.clock import Clock, SystemClock
from vpcshark.lab.session import messages
from vpcshark.lab.vpc.ssm_faults import AGENT, CLIENT, Closed, Cut, SessionFaults

_log = logging.getLogger(__name__)
_PATIENCE = 5.0  # seconds for a channel's first words
_SCHEMAS = ("1.0", "1")  # the plugin's, and what another client of AWS's sends (pyssm-client 0.2)
_POLICY = 1008  # a close code: RFC 6455, 7.4.1
_GONE = (ConnectionClosed, OSError)
HOW: dict[str, Any] = {"compression": None, "ping_interval": None, "max_size": 1 << 16, "close_timeout": 1.0}


@dataclass
class _Session:
    """``tokens`` are good once each; ``agent_token`` as long as the session lives."""

    id: str
    instance: str
    port: int
    tokens: set[str] = field(default_factory=set)
    agent_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    client: ServerConnection | None = None
    agent: ServerConnection | None = None
    is_begun: bool = False


class SsmService:
    """Runs in threads of this process from its making to ``close``. Agents come to the sockets ``inside``, which
    listen; plugins to one on loopback."""

    def __init__(
        self, inside: Iterable[socket.socket], faults: SessionFaults | None = None, clock: Clock | None = None
    ) -> None:
        self.faults = faults or SessionFaults()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._agents: dict[str, ServerConnection] = {}
        self._sessions: dict[str, _Session] = {}
        self._open: set[ServerConnection] = set()
        outside = socket.create_server(("127.0.0.1", 0))
        self._port = outside.getsockname()[1]
        doors = [*((one, self._from_inside) for one in inside), (outside, self._client)]
        self._servers = [serve(self._kept(served), sock=door, logger=_log, **HOW) for door, served in doors]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, name="lab-ssm", daemon=True).start()

    def managed(self) -> list[str]:
        """The instances whose agent is connected."""
        with self._lock:
            return list(self._agents)

    def await_agent(self, instance: str, timeout: float) -> bool:
        """Until it is connected; False if it is not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: instance in self._agents, timeout)

    def start(self, instance: str, port: int) -> dict[str, str]:
        """A new session's id, token and URL."""
        session = _Session(f"lab-{secrets.token_hex(8)}", instance, port)
        with self._lock:
            self._sessions[session.id] = session
        return self._offer(session)

    def resume(self, session: str) -> dict[str, str]:
        """The same of one that stands; its earlier connection goes on until the new one is there. No token and no URL
        if it timed out. KeyError if there is none."""
        with self._lock:
            found = self._sessions[session]
        if not self.faults.may_resume(found.instance):
            return {"SessionId": session, "TokenValue": "", "StreamUrl": ""}
        return self._offer(found)

    def end(self, session: str, output: str = "") -> None:
        """Close both ends' channels, and let nobody use its tokens any more. ``output``: why, for a person."""
        with self._lock:
            found = self._sessions.pop(session, None)
        if found is None:
            return
        closed = messages.encode(messages.closed(found.id, found.instance, output, self._now()))
        for connection in (found.client, found.agent):
            if connection is not None:
                with contextlib.suppress(*_GONE):
                    connection.send(closed)
                    threading.Thread(target=connection.close, name="lab-ssm-end", daemon=True).start()

    def sessions(self) -> list[str]:
        """Those that stand."""
        with self._lock:
            return list(self._sessions)

    def close(self) -> None:
        """End everything."""
        self.faults.ask("DELETE", {})
        for server in self._servers:
            server.shutdown()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            _cut(connection)

    def _offer(self, session: _Session) -> dict[str, str]:
        token = secrets.token_urlsafe(32)
        with self._lock:
            session.tokens.add(token)
        url = f"ws://127.0.0.1:{self._port}/v1/data-channel/{session.id}?role=publish_subscribe"
        return {"SessionId": session.id, "TokenValue": token, "StreamUrl": url}

    def _kept(self, served: Callable[[ServerConnection], None]) -> Callable[[ServerConnection], None]:
        """A connection ends with the service; what ends it otherwise is nobody's business here."""

        def serving(connection: ServerConnection) -> None:
            with self._lock:
                self._open.add(connection)
            try:
                served(connection)
            except (WebSocketException, OSError, ValueError, KeyError) as error:
                _log.info("a channel ended: %s", error)
            finally:
                with self._lock:
                    self._open.discard(connection)

        return serving

    def _from_inside(self, connection: ServerConnection) -> None:
        kind, name = _path(connection)
        first = _first_words(connection)
        if kind == "control-channel":
            self._control(connection, name)
        else:
            with self._lock:
                session = self._sessions.get(name)
            if session is None or first.get("TokenValue") != session.agent_token:
                return connection.close(_POLICY, "no such session")
            self._agent(connection, session)

    def _control(self, connection: ServerConnection, instance: str) -> None:
        with self._changed:
            self._agents[instance] = connection
            self._changed.notify_all()
        try:
            for data in connection:
                message = messages.decode(_binary(data))
                if message.kind == messages.TASK_COMPLETE:
                    told = message.facts()
                    self.end(str(told["TaskId"]), str(told.get("Output", "")))
        finally:
            with self._lock:
                if self._agents.get(instance) is connection:
                    del self._agents[instance]

    def _agent(self, connection: ServerConnection, session: _Session) -> None:
        with self._lock:
            session.agent, before = connection, session.agent
            is_awaited = session.client is not None
        if before is not None:
            _cut(before)
        self._tell(connection, messages.START if is_awaited else messages.PAUSE)
        try:
            for data in connection:
                if messages.kind_of(_binary(data)) in (messages.OUTPUT, messages.ACKNOWLEDGE):
                    self._pass_on(session, CLIENT, _binary(data))
        finally:
            with self._lock:
                session.agent = None if session.agent is connection else session.agent

    def _client(self, connection: ServerConnection) -> None:
        _, name = _path(connection)
        token = str(_first_words(connection).get("TokenValue"))
        with self._lock:
            session = self._sessions.get(name)
            if session is None or token not in session.tokens:
                session = None
            else:
                session.tokens.discard(token)
        if session is None:
            return connection.close(_POLICY, "no such session, or its token was used")
        self._attach(connection, session)
        try:
            for data in connection:
                if not isinstance(data, str):
                    self._pass_on(session, AGENT, data)
        finally:
            self._detach(connection, session)

    def _attach(self, connection: ServerConnection, session: _Session) -> None:
        with self._lock:
            session.client, before = connection, session.client
            is_new, session.is_begun = not session.is_begun, True
            agent, control = session.agent, self._agents.get(session.instance)
        if before is not None:
            _cut(before)
        if agent is not None:
            self._tell(agent, messages.START)
            self._tell(connection, messages.START)
        elif is_new and control is not None:
            with contextlib.suppress(*_GONE):
                control.send(messages.encode(_task(session, self._now())))

    def _detach(self, connection: ServerConnection, session: _Session) -> None:
        with self._lock:
            is_last = session.client is connection
            session.client = None if is_last else session.client
            agent = session.agent
        if is_last and agent is not None:
            self._tell(agent, messages.PAUSE)

    def _pass_on(self, session: _Session, towards: str, data: bytes) -> None:
        is_stream = messages.kind_of(data) in messages.STREAM
        try:
            if not self.faults.passes(session.instance, towards, is_stream=is_stream):
                return
        except Cut:
            if (client := session.client) is not None:
                _cut(client)
            return
        except Closed:
            return self.end(session.id)
        there = session.client if towards == CLIENT else session.agent
        if there is not None:
            with contextlib.suppress(*_GONE):  # whoever it was for asks for it again
                there.send(data)

    def _tell(self, connection: ServerConnection, kind: str) -> None:
        with contextlib.suppress(*_GONE):
            connection.send(messages.encode(messages.said(kind, {}, self._now())))

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


def _task(session: _Session, now: int) -> messages.Message:
    """As agent/session/contracts/model.go has it (MGSPayload, AgentTaskPayload), with what AWS-StartSSHSession says."""
    properties = {"portNumber": str(session.port)}
    content = {
        "DocumentName": "AWS-StartSSHSession",
        "DocumentContent": {"schemaVersion": "1.0", "sessionType": "Port", "properties": properties},
        "SessionId": session.id,
        "Parameters": {"portNumber": [str(session.port)]},
        "DataChannelToken": session.agent_token,
    }
    task = {"Content": json.dumps(content), "TaskId": session.id, "Topic": "lab", "SchemaVersion": 1}
    return messages.said(messages.TASK, task, now)


def _path(connection: ServerConnection) -> tuple[str, str]:
    """("data-channel", its name)."""
    assert connection.request is not None
    kind, _, name = connection.request.path.partition("?")[0].removeprefix("/v1/").partition("/")
    return kind, name


def _first_words(connection: ServerConnection) -> dict[str, Any]:
    """What a channel is opened with. ValueError for what is none."""
    try:
        found = json.loads(connection.recv(_PATIENCE))
    except TimeoutError as error:
        raise ValueError("nothing was said on a channel") from error
    if not isinstance(found, dict) or str(found.get("MessageSchemaVersion")) not in _SCHEMAS:
        raise ValueError("a channel was opened with something else")
    return found


def _binary(data: str | bytes) -> bytes:
    if isinstance(data, str):
        raise ValueError("text came where messages are")
    return data


def _cut(connection: ServerConnection) -> None:
    """Without a word."""
    with contextlib.suppress(OSError):
        connection.socket.shutdown(socket.SHUT_RDWR)
