"""The lab's Session Manager: agents connect from inside the VPC, the plugin's stand-in from this machine.

Must not know the API. The bytes between plugin and service are not AWS's protocol (a token line, then raw bytes):
what is under test is what goes through AWS's own plugin, not the plugin.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading

from vpcshark.lab.vpc import netns
from vpcshark.lab.vpc.relay import join, line_of
from vpcshark.lab.vpc.ssm_agent import SERVICE_PORT
from vpcshark.lab.vpc.topology import SERVICES6

_PATIENCE = 5.0


class SsmService:
    """Runs in threads of this process from its making to ``close``. ``address`` is in the namespace ``fabric``."""

    def __init__(self, fabric: str, address: str) -> None:
        self._inside = netns.inside(fabric, lambda: socket.create_server((address, SERVICE_PORT)))
        self._inside6 = netns.inside(
            fabric, lambda: socket.create_server((SERVICES6, SERVICE_PORT), family=socket.AF_INET6)
        )
        self._outside = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._agents: dict[str, socket.socket] = {}
        self._standing: dict[str, tuple[str, int]] = {}  # session -> instance, port
        self._sessions: dict[str, tuple[str, str, int]] = {}  # token -> session, instance, port
        self._awaited: set[str] = set()
        self._data: dict[str, socket.socket] = {}
        self._joined: dict[str, list[socket.socket]] = {}
        doors = ((self._inside, self._agent), (self._inside6, self._agent), (self._outside, self._plugin))
        for server, serve in doors:
            threading.Thread(target=_accept, args=(server, serve), name="lab-ssm", daemon=True).start()

    def managed(self) -> list[str]:
        """The instances whose agent is connected."""
        with self._changed:
            return list(self._agents)

    def start(self, instance: str, port: int) -> dict[str, str]:
        """A new session's id, token and URL."""
        return self._offer(f"lab-{secrets.token_hex(8)}", instance, port)

    def resume(self, session: str) -> dict[str, str]:
        """The same of one that stands; its earlier connection is over. KeyError if it does not."""
        with self._changed:
            instance, port = self._standing[session]
        self._cut(session)
        return self._offer(session, instance, port)

    def _offer(self, session: str, instance: str, port: int) -> dict[str, str]:
        token = secrets.token_urlsafe(32)
        with self._changed:
            self._standing[session] = (instance, port)
            self._sessions[token] = (session, instance, port)
        url = f"ws://127.0.0.1:{self._outside.getsockname()[1]}/v1/data-channel/{session}"
        return {"SessionId": session, "TokenValue": token, "StreamUrl": url}

    def end(self, session: str) -> None:
        """End the session's connections, and let nobody use its token any more."""
        with self._changed:
            self._standing.pop(session, None)
        self._cut(session)

    def _cut(self, session: str) -> None:
        with self._changed:
            self._sessions = {token: facts for token, facts in self._sessions.items() if facts[0] != session}
            joined = self._joined.pop(session, [])
        _close(joined)

    def close(self) -> None:
        """End everything."""
        _close([self._inside, self._inside6, self._outside, *self._agents.values(), *self._data.values()])
        for session in list(self._joined):
            self.end(session)

    def _agent(self, sock: socket.socket) -> None:
        word, _, rest = line_of(sock).partition(" ")
        with self._changed:
            if word == "control":
                self._agents[rest] = sock
            elif word == "data" and rest in self._awaited:
                self._data[rest] = sock
            else:
                sock.close()  # too late: nobody waits for it any more
            self._changed.notify_all()
        if word == "control":
            with contextlib.suppress(OSError):
                sock.recv(1)  # an agent says nothing more: this is its end
            with self._changed:
                if self._agents.get(rest) is sock:
                    del self._agents[rest]

    def _plugin(self, sock: socket.socket) -> None:
        token = line_of(sock)
        with self._changed:
            facts = self._sessions.pop(token, None)  # a token is good once
            agent = self._agents.get(facts[1]) if facts else None
        if facts is None or agent is None:
            sock.close()
            return
        session, _, port = facts
        with self._changed:
            self._awaited.add(token)
        agent.sendall(f"open {token} {port}\n".encode())
        with self._changed:
            self._changed.wait_for(lambda: token in self._data, _PATIENCE)
            self._awaited.discard(token)
            data = self._data.pop(token, None)
            if data is not None:
                self._joined[session] = [sock, data]
        if data is None:
            sock.close()
            return
        join(sock, data)
        with self._changed:
            self._joined.pop(session, None)


def _accept(server: socket.socket, serve: object) -> None:
    assert callable(serve)
    with contextlib.suppress(OSError):
        while True:
            sock, _ = server.accept()
            threading.Thread(target=_quietly, args=(serve, sock), name="lab-ssm", daemon=True).start()


def _quietly(serve: object, sock: socket.socket) -> None:
    assert callable(serve)
    with contextlib.suppress(OSError):
        serve(sock)


def _close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()
