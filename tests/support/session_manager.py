"""The lab's Session Manager without a lab: its gateway, an agent and the two calls that a plugin makes, on loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from vpcshark.clock import SystemClock
from vpcshark.lab import plugin
from vpcshark.lab.vpc import ssm_agent
from vpcshark.lab.vpc.ssm_service import SsmService
from vpcshark.transport import ssm
from vpcshark.transport.names import HostName
from vpcshark.transport.tunnel import Tunnel

INSTANCE = "i-0123456789abcdef0"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}


class Manager:
    """``service`` with one agent, that of ``INSTANCE``; ``endpoint`` answers ResumeSession and TerminateSession, and
    ``calls`` are those that came; a session that is begun leads to ``port`` of this machine."""

    def __init__(self, service: SsmService, endpoint: str, calls: list[str], port: int, folder: Path) -> None:
        self.service, self.endpoint, self.calls, self.port = service, endpoint, calls, port
        self.program = plugin.install(folder)

    def started(self) -> ssm.Started:
        """A new session, as StartSession answers it."""
        return ssm.Started(self.service.start(INSTANCE, self.port), HostName(INSTANCE), "eu-west-1", "", self.endpoint)

    def dial(self) -> Tunnel:
        """The stand-in plugin on a new session, as a capture has it."""
        return ssm.open_tunnel(str(self.program), self.started())

    def run(self, **more: Any) -> subprocess.Popen[bytes]:
        """The stand-in plugin on a new session, as the AWS CLI starts it."""
        started = self.started()
        words = [json.dumps(dict(started.response)), started.region, "StartSession", "", '{"Target": "i-1"}']
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([str(self.program), *words, self.endpoint], env=KEYS, **{**pipes, **more})


@contextmanager
def running(port: int, folder: Path) -> Iterator[Manager]:
    """One for sessions to ``port``; the plugin is put into ``folder``."""
    inside = socket.create_server(("127.0.0.1", 0))
    service, calls = SsmService([inside]), list[str]()
    where = f"127.0.0.1:{inside.getsockname()[1]}"
    over = threading.Event()
    threading.Thread(target=ssm_agent.serve, args=(INSTANCE, where, SystemClock(), over), daemon=True).start()
    api = ThreadingHTTPServer(("127.0.0.1", 0), _answering(service, calls))
    threading.Thread(target=api.serve_forever, daemon=True).start()
    try:
        service.await_agent(INSTANCE, 30.0)
        yield Manager(service, f"http://127.0.0.1:{api.server_address[1]}", calls, port, folder)
    finally:
        over.set()
        service.close()
        api.shutdown()
        api.server_close()


def _answering(service: SsmService, calls: list[str]) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            action = self.headers["X-Amz-Target"].rpartition(".")[2]
            session = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["SessionId"]
            calls.append(action)
            try:
                answer: dict[str, str] = {"SessionId": session}
                if action == "ResumeSession":
                    answer = service.resume(session)
                else:
                    service.end(session)
                status = 200
            except KeyError:
                answer, status = {"__type": "DoesNotExistException"}, 400
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    return Answering


@contextmanager
def echoing() -> Iterator[int]:
    """A port of this machine that sends back whatever comes, after a greeting."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=_echo, args=(connection,), daemon=True).start()
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _echo(connection: socket.socket) -> None:
    with connection:
        connection.sendall(GREETING)
        while data := connection.recv(1 << 16):
            connection.sendall(data)


GREETING = b"SSH-2.0-echo\r\n"
