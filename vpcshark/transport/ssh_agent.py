"""The SSH agent's keys (draft-ietf-sshm-ssh-agent), also those that paramiko has no class for: of security keys, smart
cards, and certificates. Must not know what is signed with them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from paramiko.agent import (
    ALGORITHM_FLAG_MAP,
    SSH2_AGENT_SIGN_RESPONSE,
    AgentSSH,
    cSSH2_AGENTC_SIGN_REQUEST,
)
from paramiko.pkey import PublicBlob

from vpcshark.transport.host_certificates import CERTIFICATE

log = logging.getLogger(__name__)
PATIENCE = 120.0  # seconds; a person may be asked to touch a key, or to confirm


def agent_keys(where: str = "") -> list[AgentKey]:
    """The keys of the agent at the socket ``where``: "" for the environment's, "none" for no agent."""
    if where.lower() == "none":
        return []
    try:
        with _opened(where) as agent:
            return [AgentKey(agent, key.blob, key.comment, where) for key in agent.get_keys()]
    except (paramiko.SSHException, OSError, EOFError) as exc:
        log.info("The SSH agent %s does not answer: %s", where, exc)
        return []


class AgentKey(paramiko.AgentKey):
    """One with a connection of its own for each signature: paramiko's is for one login at a time, and stays open."""

    def __init__(self, agent: AgentSSH, blob: bytes, comment: str, where: str) -> None:
        super().__init__(agent, blob, comment)
        self._where = where
        if self.name.endswith(CERTIFICATE):  # which is shown whole; paramiko would show the key in it
            self.public_blob: Any = PublicBlob(self.name, blob)

    def sign_ssh_data(self, data: Any, algorithm: str | None = None) -> Any:
        """As paramiko's, but by the very key that the agent listed. SSHException if the agent does not sign."""
        message = paramiko.Message()
        message.add_byte(cSSH2_AGENTC_SIGN_REQUEST)
        message.add_string(self.blob)
        message.add_string(data)
        message.add_int(ALGORITHM_FLAG_MAP.get(algorithm or "", 0))
        with _opened(self._where) as agent:
            kind, answer = agent._send_message(message)
        if kind != SSH2_AGENT_SIGN_RESPONSE:
            raise paramiko.SSHException("The SSH agent does not sign with the key.")
        return answer.get_binary()


@contextmanager
def _opened(where: str) -> Iterator[Any]:
    if not where or os.name == "nt":  # there paramiko finds Pageant and OpenSSH's by their own ways
        with contextlib.closing(paramiko.Agent()) as usual:
            yield usual
        return
    agent = AgentSSH()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(where)
        agent._connect(connection)  # type: ignore[attr-defined]
        yield agent
