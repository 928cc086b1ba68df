"""What the receiver is told on stdin, lines of JSON: its config first, then commands. ``program`` says what is in them.

Sent to the capture host: Python 3.6 and the standard library only. Must not know what is done with it.
"""
# ruff: noqa: UP006, UP035

import json
import os
from typing import Any, Dict, List, NamedTuple

from vpcshark.receiver.frames import Source
from vpcshark.receiver.heartbeat import SILENCE
from vpcshark.wire.overlay.vxlan import STANDARD_PORTS, Ports

_MAX_COMMAND = 4 * 1024 * 1024


class Refused(Exception):
    """The receiver cannot work: (problem, remedy), whole sentences."""


class Commands:
    """Lines of JSON from stdin."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.closed = False
        self._rest = b""

    def read(self) -> List[Dict[str, Any]]:
        """Wait for input once and give the commands that are whole; ``closed`` says that none will follow."""
        data = os.read(self.descriptor, 65536)
        if not data:
            self.closed = True
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _MAX_COMMAND:
            raise Refused("A command to the receiver is too long.", "Use a shorter capture filter.")
        return [_parse(line) for line in lines if line.strip()]


def _parse(line: bytes) -> Dict[str, Any]:
    try:
        command = json.loads(line.decode())
    except ValueError as exc:
        raise Refused(f"The receiver got a command that is no JSON: {exc}.", "") from exc
    if not isinstance(command, dict):
        raise Refused("The receiver got a command that is no JSON object.", "")
    return command


class Earlier(NamedTuple):
    """The same capture's receiver before this one: the frames that it dropped, when it began (ns; 0: none was), and
    what is to be said of the gap since."""

    dropped: int
    started: int
    gap: str


NONE_EARLIER = Earlier(0, 0, "")


class Config:
    """The first command: what to receive."""

    def __init__(self, given: Dict[str, Any]) -> None:
        try:
            self.sources = [
                Source(
                    int(each["vni"]),
                    int(each["id"]),
                    bytes.fromhex(str(each.get("mac", "")).replace(":", "")),
                    int(each.get("received") or 0),
                )
                for each in given["interfaces"]
            ]
            self.earlier = Earlier(
                int(given.get("dropped") or 0), int(given.get("started") or 0), str(given.get("gap") or "")
            )
            self.port = int(given.get("port", STANDARD_PORTS.vxlan))
            self.geneve_port = int(given.get("geneve_port") or 0)
            self.address = str(given.get("address") or "")
            self.snaplen = int(given.get("snaplen") or 262144)
            self.program = given.get("program")
            self.socket_program = given.get("socket_program")
            self.mode = str(given.get("mode") or "")
            self.statistics_seconds = float(given.get("statistics_seconds") or 5.0)
            self.silence_seconds = float(given.get("silence_seconds") or 0.0)
            self.heartbeat = str(given.get("heartbeat") or "")
            self.process = int(given.get("pid") or 0), int(given.get("born") or 0)
            self.heartbeat_seconds = float(given.get("heartbeat_seconds") or SILENCE)
        except (KeyError, TypeError, ValueError) as exc:
            raise Refused(f"The receiver's config is not valid: {exc!r}.", "") from exc

    @property
    def ports(self) -> Ports:
        """Where VXLAN and Geneve are expected."""
        return Ports(self.port, self.geneve_port or STANDARD_PORTS.geneve)
