"""The receiver as a process, as it runs on a capture host, and namespaces joined by a veth pair to run it in."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from vpcshark import receiver
from vpcshark.wire.bpf import kernel_filter
from vpcshark.wire.bpf.libpcap import compile_filter
from vpcshark.wire.capture_files import pcapng

MAC = "0a:00:00:00:00:01"
PATIENCE = 20.0
"""Seconds after which something that should happen at once is said not to happen."""


def pythons() -> list[str]:
    """Every Python from 3.6 on that this machine has, our own first."""
    found = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
    return [sys.executable, *(str(path) for path in found if path.resolve() != Path(sys.executable).resolve())]


def make_inner(payload: bytes = b"x" * 100, source: str = MAC) -> bytes:
    """Ethernet, IPv4, UDP from the mirrored interface."""
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0) + bytes([10, 0, 0, 1, 10, 0, 0, 2])
    head = bytes.fromhex("0a0000000002" + source.replace(":", "")) + b"\x08\x00"
    return head + ip + struct.pack(">HHHH", 5353, 53, 8 + len(payload), 0) + payload


def make_vxlan(inner: bytes, vni: int = 77, flags: int = 8) -> bytes:
    return struct.pack(">BxxxI", flags, vni << 8) + inner


class Receiving:
    """One receiver process. Its stdout is collected by a thread from ``read_on`` on, its stderr at once."""

    def __init__(self, command: list[str], config: dict[str, Any], reading: bool) -> None:
        self.config = config
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)
        self.events: list[dict[str, Any]] = []
        self.output = bytearray()
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=self._collect_events)]
        self.threads[0].start()
        assert self.process.stdin
        self.process.stdin.write(receiver.preamble())
        self.command(config)
        if reading:
            self.read_on()

    def read_on(self) -> None:
        self.threads.append(threading.Thread(target=self._collect_output))
        self.threads[-1].start()

    def _collect_events(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def _collect_output(self) -> None:
        assert self.process.stdout
        while data := self.process.stdout.read(1 << 20):
            with self.changed:
                self.output += data
                self.changed.notify_all()

    def command(self, command: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    def event(self, name: str) -> dict[str, Any]:
        """The last event of that name; waits for the first."""
        with self.changed:
            assert self.changed.wait_for(lambda: any(e["event"] == name for e in self.events), PATIENCE), self.events
            return [e for e in self.events if e["event"] == name][-1]

    def blocks(self, *kinds: int) -> list[pcapng.Block]:
        """What came so far, of these kinds (none: of all)."""
        header = pcapng.section_header()
        with self.changed:
            found = list(pcapng.Reader().feed(header + bytes(self.output)))[1:]
        return [block for block in found if not kinds or block.kind in kinds]

    def packets(self, count: int = 0) -> list[tuple[int, int, bytes, int, bytes]]:
        """(interface, time, data, length, options) of each packet; waits until there are ``count``."""
        with self.changed:
            enough = self.changed.wait_for(lambda: len(self.blocks(pcapng.PACKET)) >= count, PATIENCE)
            assert enough, (len(self.blocks(pcapng.PACKET)), self.events)
        return [unpack_packet(block.body) for block in self.blocks(pcapng.PACKET)]

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until what came so far is such that ``holds()``."""
        with self.changed:
            assert self.changed.wait_for(holds, PATIENCE), self.events

    def comments(self) -> list[bytes]:
        """Of each statistics block that came so far."""
        return [read_options(block.body[12:]).get(1, b"") for block in self.blocks(pcapng.STATISTICS)]

    def received(self, block: pcapng.Block) -> int:
        """Of one statistics block."""
        return int.from_bytes(read_options(block.body[12:])[4], "little")

    def counts(self) -> tuple[int, int]:
        """(received, dropped) of the last statistics block of each interface, summed."""
        last = {block.body[:4]: block.body for block in self.blocks(pcapng.STATISTICS)}
        values = [read_options(body[12:]) for body in last.values()]
        return tuple(sum(int.from_bytes(each[code], "little") for each in values) for code in (4, 5))

    def end(self) -> int:
        """Close stdin, as the end of a capture does, and wait."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(PATIENCE)
        for thread in self.threads:
            thread.join(PATIENCE)
        return status

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()


def unpack_packet(body: bytes) -> tuple[int, int, bytes, int, bytes]:
    interface, high, low, captured, length = struct.unpack_from("<IIIII", body)
    return interface, high << 32 | low, body[20 : 20 + captured], length, body[20 + (captured + 3 & ~3) :]


def read_options(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        found[code] = data[at + 4 : at + 4 + length]
        at += 4 + (length + 3 & ~3)
    return found


def make_config(port: int, text: str = "", vnis: tuple[int, ...] = (77,), **more: Any) -> dict[str, Any]:
    """What a capture sends to its receiver."""
    program = compile_filter(text)
    sources = dict.fromkeys(vnis, bytes.fromhex(MAC.replace(":", "")))
    return {
        "port": port,
        "address": "127.0.0.1",
        "interfaces": [{"vni": vni, "id": place, "mac": MAC} for place, vni in enumerate(vnis)],
        "program": kernel_filter.relocate_frames(program, sources, port),
        "socket_program": kernel_filter.relocate_datagrams(program, sources),
        **more,
    }


@pytest.fixture
def port() -> int:
    """A UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start() -> Iterator[Callable[..., Receiving]]:
    """``start(config, python=…, within=namespace)``: a receiver that is killed at the end if it still runs."""
    started: list[Receiving] = []

    def begin(
        given: dict[str, Any], python: str = sys.executable, prefix: tuple[str, ...] = (), reading: bool = True
    ) -> Receiving:
        started.append(Receiving([*prefix, *receiver.command(python)], given, reading))
        return started[-1]

    yield begin
    for each in started:
        each.kill()


@pytest.fixture(params=["ring", "socket"] if os.geteuid() == 0 else ["socket"])
def mode(request: pytest.FixtureRequest) -> str:
    """With privilege and without."""
    return str(request.param)


class Namespaces:
    """Two network namespaces, ``source`` (10.77.0.1, fd77::1) and ``host`` (.2), joined by a veth pair."""

    def __init__(self) -> None:
        self.source, self.host = (f"vpcshark-test-{os.getpid()}-{side}" for side in ("source", "host"))

    def run(self, *command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def open(self) -> None:
        for name in (self.source, self.host):
            self.run("ip", "netns", "add", name)
            self.run("ip", "-n", name, "link", "set", "lo", "up")
        self.run(
            "ip",
            "link",
            "add",
            "up0",
            "netns",
            self.source,
            "type",
            "veth",
            "peer",
            "name",
            "down0",
            "netns",
            self.host,
        )
        for name, link, last in ((self.source, "up0", 1), (self.host, "down0", 2)):
            self.run("ip", "-n", name, "address", "add", f"10.77.0.{last}/24", "dev", link)
            self.run("ip", "-n", name, "address", "add", f"fd77::{last}/64", "dev", link, "nodad")
            self.run("ip", "-n", name, "link", "set", link, "mtu", "9400", "up")

    def close(self) -> None:
        for name in (self.source, self.host):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def within(self, namespace: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", namespace)

    def socket(self, namespace: str, *arguments: int) -> socket.socket:
        """A socket that belongs to ``namespace``; made by a thread that goes there and ends."""

        def make() -> socket.socket:
            with open(f"/var/run/netns/{namespace}") as file:
                assert ctypes.CDLL(None, use_errno=True).setns(file.fileno(), 0x40000000) == 0
            return socket.socket(*arguments)

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(make).result()

    def mac(self, namespace: str, link: str) -> bytes:
        address = json.loads(self.run("ip", "-n", namespace, "-j", "link", "show", link))[0]["address"]
        return bytes.fromhex(address.replace(":", ""))


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    """A source and a capture host, for as long as a test runs."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    pair = Namespaces()
    try:
        pair.open()
        yield pair
    finally:
        pair.close()


@pytest.fixture
def sender() -> Iterator[Callable[[int, bytes], int]]:
    """``sender(port, datagram)`` sends one to loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield lambda port, datagram: sock.sendto(datagram, ("127.0.0.1", port))


@pytest.fixture(params=pythons(), ids=lambda path: Path(path).parent.parent.name if "pyenv" in path else "this one")
def python(request: pytest.FixtureRequest) -> str:
    """Each Python in turn."""
    return str(request.param)


@pytest.fixture
def inner_frame() -> Callable[..., bytes]:
    """``inner_frame(payload, source)``: an Ethernet frame from the mirrored interface."""
    return make_inner


@pytest.fixture
def vxlan() -> Callable[..., bytes]:
    """``vxlan(inner, vni, flags)``: the payload of an outer datagram."""
    return make_vxlan


@pytest.fixture
def config() -> Callable[..., dict[str, Any]]:
    """``config(port, filter, vnis, …)``: what a capture sends to its receiver."""
    return make_config
