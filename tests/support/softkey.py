"""An SSH agent with one security key (FIDO) in software, as OpenSSH's PROTOCOL.u2f has it: no test has hardware."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KIND = b"sk-ssh-ed25519@openssh.com"
APPLICATION = b"ssh:"
_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14  # draft-ietf-sshm-ssh-agent
_TOUCHED = 1


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class SoftKey:
    """Its public half, and what it signs."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = _string(KIND) + _string(raw) + _string(APPLICATION)

    @property
    def line(self) -> str:
        """As in authorized_keys."""
        return f"{KIND.decode()} {base64.b64encode(self.blob).decode()} soft"

    def sign(self, data: bytes) -> bytes:
        """With the flag that somebody touched it, and a counter."""
        said = bytes([_TOUCHED]) + struct.pack(">I", 7)
        signature = self._key.sign(hashlib.sha256(APPLICATION).digest() + said + hashlib.sha256(data).digest())
        return _string(KIND) + _string(signature) + said


@contextmanager
def agent(folder: Path) -> Iterator[tuple[SoftKey, str]]:
    """The key, and the socket at which its agent listens."""
    key, where = SoftKey(), str(folder / "soft-agent")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(where)
        server.listen()
        threading.Thread(target=_serve, args=(server, key), daemon=True).start()
        yield key, where
        server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, key: SoftKey) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = server.accept()
            with client, client.makefile("rwb") as stream:
                while head := stream.read(4):
                    stream.write(_string(_answer(key, stream.read(struct.unpack(">I", head)[0]))))
                    stream.flush()


def _answer(key: SoftKey, asked: bytes) -> bytes:
    if asked[0] == _LIST:
        return bytes([_LISTED]) + struct.pack(">I", 1) + _string(key.blob) + _string(b"soft")
    assert asked[0] == _SIGN
    start = 1 + 4 + len(key.blob)
    size = struct.unpack(">I", asked[start : start + 4])[0]
    return bytes([_SIGNED]) + _string(key.sign(asked[start + 4 : start + 4 + size]))
