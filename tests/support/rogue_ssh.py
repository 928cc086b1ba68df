"""A real SSH server on loopback that does whatever a test has it do: paramiko's server side makes the honest words, the
test the others. Must not know the product: what its receiver and its questions sound like is written down here anew."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import paramiko
from paramiko import common

Raw = Callable[[socket.socket], None]
Speak = Callable[["Command"], None]
PACKET_BLOCK = 6


class Command:
    """One command that was asked for, and the honest things to say to it."""

    mac = "0a:00:00:00:00:01"  # of the interface that honest answers name, and "MAC" in others

    def __init__(self, channel: paramiko.Channel, command: bytes) -> None:
        self.channel, self.text = channel, command

    @property
    def is_probe(self) -> bool:
        return b"say end ok" in self.text

    def out(self, data: bytes) -> None:
        self.channel.sendall(data)

    def err(self, data: bytes) -> None:
        self.channel.sendall_stderr(data)

    def event(self, **words: Any) -> None:
        self.err(json.dumps(words).encode() + b"\n")

    def end(self, status: int = 0) -> None:
        self.channel.send_exit_status(status)
        self.channel.close()

    def begun(self) -> None:
        """What a receiver prints before all else."""
        self.out(b"vpcshark-receiver-begins\n")
        self.err(b"\n")

    def ready(self) -> None:
        self.begun()
        self.event(event="ready", mode="ring", time=time.time_ns())

    def until_told_to_end(self, most: float = 30.0) -> None:
        """An honest command ends when its input does."""
        self.channel.settimeout(most)
        with contextlib.suppress(OSError):
            while self.channel.recv(1 << 16):
                pass

    def facts(self, *lines: str) -> None:
        """Honest answers to the questions before tcpdump, ``lines`` behind them, which count more."""
        programs = ("tcpdump:/usr/bin/tcpdump", "timeout:/usr/bin/timeout")
        usual = ("user:root", *programs, "rights:root", "link:2 MAC - hardware eth0")
        said = [f"vpcshark:{line}\n".replace("MAC", self.mac) for line in (*usual, *lines, "end:ok")]
        self.out("".join(said).encode())
        self.end()


def block(kind: int, body: bytes) -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def frame(interface: int = 0, data: bytes = bytes(60), captured: int | None = None) -> bytes:
    """An enhanced packet block."""
    head = struct.pack("<IIIII", interface, 0, 1, len(data) if captured is None else captured, len(data))
    return block(PACKET_BLOCK, head + data)


@dataclass(frozen=True)
class Rogue:
    """A listening host: ``port``, and a known_hosts file with the key that it ought to have."""

    port: int
    known_hosts: Path
    key: Path


class _Server(paramiko.ServerInterface):
    def __init__(self, speak: Speak, ways: dict[str, Any], transport: paramiko.Transport) -> None:
        self._speak, self._ways, self._transport = speak, ways, transport

    def _reach(self, stage: str) -> None:
        """A way "at_STAGE" is done with the transport before the answer there."""
        if act := self._ways.get(f"at_{stage}"):
            act(self._transport)

    def get_allowed_auths(self, username: str) -> str:
        return str(self._ways.get("methods", "publickey"))

    def check_auth_none(self, username: str) -> int:
        return common.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._reach("login")
        return common.AUTH_FAILED if self._ways.get("refuses") else common.AUTH_SUCCESSFUL

    def get_banner(self) -> tuple[str | None, str]:
        return self._ways.get("banner"), "en"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        self._reach("channel")
        refused = common.OPEN_FAILED_RESOURCE_SHORTAGE
        return refused if self._ways.get("no_channel") else common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._reach("command")
        if self._ways.get("no_command"):
            return False
        work = _quietly(lambda: self._speak(Command(channel, command)))
        threading.Thread(target=work, daemon=True).start()
        return True


class Rogues:
    """Makes hosts; its keys are made once. ``known_hosts`` is written anew for each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._host_key, self._other = (paramiko.RSAKey.generate(2048) for _ in range(2))
        self.key = folder / "id"
        paramiko.RSAKey.generate(2048).write_private_key_file(str(self.key))

    def raw(self, serve: Raw) -> contextlib.AbstractContextManager[Rogue]:
        """Something at a TCP port that closes what it has accepted when it is done."""

        def closing(connection: socket.socket) -> None:
            with connection:
                serve(connection)

        return self.listening(closing)

    @contextmanager
    def listening(self, serve: Raw) -> Iterator[Rogue]:
        """A TCP port on which ``serve`` gets each connection in a thread."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            threading.Thread(target=_accept, args=(listener, serve), daemon=True).start()
            known = self._folder / f"known-{port}"
            known.write_text(f"[127.0.0.1]:{port} ssh-rsa {self._host_key.get_base64()}\n")
            yield Rogue(port, known, self.key)
            listener.shutdown(socket.SHUT_RDWR)

    def ssh(self, speak: Speak, **ways: Any) -> contextlib.AbstractContextManager[Rogue]:
        """An SSH server whose commands ``speak``."""

        def serve(connection: socket.socket) -> None:
            transport = paramiko.Transport(connection)
            transport.add_server_key(self._other if ways.get("other_key") else self._host_key)
            transport.start_server(event=threading.Event(), server=_Server(speak, ways, transport))

        return self.listening(serve)


def _accept(listener: socket.socket, serve: Raw) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_quietly(partial(serve, connection)), daemon=True).start()


def _quietly(work: Callable[[], None]) -> Callable[[], None]:
    """A rogue whose victim has gone has nothing to complain of."""

    def run() -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            work()

    return run
