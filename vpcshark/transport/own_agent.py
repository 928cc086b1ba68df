"""An SSH agent in this process (draft-ietf-sshm-ssh-agent) that has a few keys for one login, so that OpenSSH's ``ssh``
can sign with them and they stay in memory. Must not know who logs in where.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Sequence
from typing import Any

import paramiko

log = logging.getLogger(__name__)
REQUEST_IDENTITIES, IDENTITIES, SIGN_REQUEST, SIGN_RESPONSE, FAILURE = 11, 12, 13, 14, 5
_FLAGS = {2: "rsa-sha2-256", 4: "rsa-sha2-512"}  # of SIGN_REQUEST
_MOST = 256 << 10  # bytes of a request, as OpenSSH's agent has it


class Agent:
    """Answers by ``keys`` whoever has a connection to it."""

    def __init__(self, keys: Sequence[paramiko.PKey]) -> None:
        self._keys = {_blob(key): key for key in keys}

    def answer(self, connection: socket.socket) -> None:
        """Until the connection ends. OSError."""
        with connection.makefile("rb") as requests:
            while len(head := requests.read(4)) == 4:
                size = int(struct.unpack(">I", head)[0])
                if not 0 < size <= _MOST:
                    return
                reply = self._reply(requests.read(size))
                connection.sendall(struct.pack(">I", len(reply)) + reply)

    def _reply(self, request: bytes) -> bytes:
        if request[0] == REQUEST_IDENTITIES:
            listed = paramiko.Message()
            listed.add_byte(bytes([IDENTITIES]))
            listed.add_int(len(self._keys))
            for blob in self._keys:
                listed.add_string(blob)
                listed.add_string("vpcshark")
            return listed.asbytes()
        if request[0] == SIGN_REQUEST:
            return self._signed(paramiko.Message(request[1:]))
        return bytes([FAILURE])

    def _signed(self, request: paramiko.Message) -> bytes:
        key, data, flags = self._keys.get(request.get_binary()), request.get_binary(), request.get_int()
        if key is None:
            return bytes([FAILURE])
        try:
            signature: Any = key.sign_ssh_data(data, _FLAGS.get(flags & 6))
        except (paramiko.SSHException, OSError, EOFError, ValueError) as exc:
            log.info("The key for ssh does not sign: %s", exc)
            return bytes([FAILURE])
        answer = paramiko.Message()
        answer.add_byte(bytes([SIGN_RESPONSE]))
        answer.add_string(signature.asbytes() if isinstance(signature, paramiko.Message) else signature)
        return answer.asbytes()


def _blob(key: paramiko.PKey) -> bytes:
    """With a certificate around it, that."""
    signed = getattr(key, "public_blob", None)
    return bytes(signed.key_blob) if signed else key.asbytes()
