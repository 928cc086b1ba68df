"""Host keys where OpenSSH's ``ssh`` checks them: the known_hosts files that it is given, and what it asks us of a key
that they do not have. ssh never accepts one by itself (StrictHostKeyChecking=yes).

Must not know how ssh is started.
"""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Sequence
from pathlib import Path

from vpcshark.errors import VpcsharkError
from vpcshark.transport import known_hosts
from vpcshark.transport.host_certificates import CERTIFICATE, Shown
from vpcshark.transport.known_hosts import Entry
from vpcshark.transport.ssh import Trust

log = logging.getLogger(__name__)
NO_FILE = "/dev/null"


class HostKeys:
    """Those of one host, which ssh looks up as ``target``: the configuration's alias, or its address with its port.

    ``error`` is why its key is not accepted, once ssh has asked."""

    def __init__(self, trust: Trust, address: str, port: int, alias: str) -> None:
        """TransportError if a file that the user named cannot be read."""
        self._trust = trust
        self._known = known_hosts.load(trust.files, trust.further, trust.usual)
        self._names = known_hosts.host_names(address, port, trust.aliases)
        self._plain = [address] if port != 22 else []
        self.target = alias or self._names[-1]
        self.error: VpcsharkError | None = None

    def files(self, private: Path) -> list[str]:
        """The files for ssh: the user's own, unless what is known is known by a name that ssh does not look up (the
        instance's id), or by one that goes before it. Then it is written into ``private``, with what is revoked."""
        decisive = self._known.decisive(self._names)
        if decisive in ("", self.target):
            usual = (*known_hosts.USER_FILES, *known_hosts.MACHINE_FILES)
            found = self._trust.files or (usual if self._trust.usual is None else self._trust.usual)
            return [str(Path(name).expanduser()) for name in found] or [NO_FILE]
        entries = [*self._known.entries(decisive), *self._known.authorities(self._names)]
        lines = [_line(self.target, one) for one in entries] + [_line("*", one) for one in self._known.revoked()]
        private.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        return [str(private)]

    def answer(self, connection: socket.socket) -> None:
        """ssh's question (``asked``): a line with the type and the key; the answer is a line of known_hosts, or none.
        OSError."""
        with connection.makefile("r", encoding="ascii") as asked:
            line = self.asked(asked.readline().split())
        connection.sendall(line.encode())

    def asked(self, tokens: Sequence[str]) -> str:
        """By ``%I %t %K``, which are for nothing but the host's own key under its name: is it to be accepted?"""
        if len(tokens) != 3 or tokens[0] != "HOSTNAME":
            return ""
        try:
            kind, blob = tokens[1], base64.b64decode(tokens[2], validate=True)
        except ValueError:
            return ""
        if kind.endswith(CERTIFICATE):
            return ""  # by an authority that the files have; else ssh asks for the key alone
        try:
            self._known.check(self._names, Shown(kind, blob), self._trust.accept, self._plain)
            return _line(self.target, Entry((), kind, blob)) + "\n"  # known by a file that ssh does not read: our own
        except known_hosts.UnknownHostKey as unknown:
            return self._vouched(kind, blob, unknown)
        except VpcsharkError as error:
            self.error = error
        return ""

    def _vouched(self, kind: str, blob: bytes, unknown: VpcsharkError) -> str:
        try:
            if self._trust.vouch is not None and self._trust.vouch(kind, blob):
                return _line(self.target, Entry((), kind, blob)) + "\n"
        except VpcsharkError as error:
            unknown = error
        except Exception:
            log.exception("Nobody can be asked about the host key of %s", self.target)
        self.error = unknown
        return ""


def _line(name: str, entry: Entry) -> str:
    marker = "@revoked " if entry.revoked else "@cert-authority " if entry.authority else ""
    return f"{marker}{name} {entry.key_type} {base64.b64encode(entry.key).decode()}"
