"""The network where a case is made: client - (wire) - router - server, each a namespace, with a tap at both ends. Must
not know the kinds."""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from plants import spaces
from plants.taps import GENEROUS, Tap, pcapng, wait_until
from plants.wire import Wire

Socket: TypeAlias = socket.socket
NUMBER = itertools.count()
STEP = 0.05
CALM = {
    "ipv4/ip_forward": 1,
    "ipv4/icmp_ratelimit": 0,
    "ipv4/icmp_ratemask": 0,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv6/conf/all/disable_ipv6": 1,
    "ipv6/conf/default/disable_ipv6": 1,
    "ipv4/ip_local_port_range": "20000 60000",
}


class NotPlantedError(Exception):
    """The fault is not there, though it should be."""


@dataclass
class Host:
    """An end: sockets made here live in its namespace, and are closed with the lab."""

    space: str
    address: str
    kept: list[Socket] = field(default_factory=list)

    def socket(self, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET, protocol: int = 0) -> Socket:
        with spaces.inside(self.space):
            made = socket.socket(family, kind, protocol)
        made.settimeout(GENEROUS)
        self.kept.append(made)
        return made

    def tcp(
        self, address: str, port: int, seconds: float = GENEROUS, *, begin: Callable[[Any], None] | None = None
    ) -> Socket:
        """A connected socket. ``begin`` sets options before it connects. Raises: OSError."""
        made = self.socket()
        if begin:
            begin(made)
        made.settimeout(seconds)
        made.connect((address, port))
        return made

    def udp(self, port: int = 0, address: str = "") -> Socket:
        made = self.socket(socket.SOCK_DGRAM)
        made.bind((address or self.address, port))
        return made

    def listen(self, port: int, backlog: int = 128, *, begin: Callable[[Any], None] | None = None) -> Socket:
        made = self.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if begin:
            begin(made)
        made.bind(("", port))
        made.listen(backlog)
        return made

    def serve(self, port: int, handle: Callable[[Socket], None], **options: Any) -> None:
        """Give each connection to ``handle`` in a thread of its own, until the lab ends."""
        listening = self.listen(port, **options)

        def handled(connection: Socket) -> None:
            with suppress(OSError):  # what a fault does to a connection; the client tells it
                connection.settimeout(GENEROUS)
                handle(connection)

        def accept() -> None:
            with suppress(OSError):  # closed with the lab
                while True:
                    connection, _ = listening.accept()
                    self.kept.append(connection)
                    threading.Thread(target=handled, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()

    def answer(self, port: int, reply: Callable[[bytes, int], bytes | None], address: str = "") -> None:
        """Answer each datagram with ``reply(it, its number from 1)``, if that is something."""
        bound = self.udp(port, address)

        def loop() -> None:
            with suppress(OSError):  # closed with the lab
                for number in itertools.count(1):
                    data, sender = bound.recvfrom(65535)
                    if (said := reply(data, number)) is not None:
                        bound.sendto(said, sender)

        threading.Thread(target=loop, daemon=True).start()

    def close(self) -> None:
        for each in self.kept:
            with suppress(OSError):  # a listener must be woken, one that is not connected says so
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class Lab:
    """One case: ``chance`` varies it by its seed; ``build`` makes the network and begins to capture."""

    def __init__(self, folder: Path, kind: str, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.chance = random.Random(f"{kind} {seed}")
        tag = f"vp{os.getpid():x}{next(NUMBER):x}"
        near, far = self.chance.randint(1, 99), self.chance.randint(100, 199)
        self.client = Host(f"{tag}c", f"10.{near}.1.10")
        self.server = Host(f"{tag}s", f"10.{far}.2.20")
        self.router = Host(f"{tag}r", f"10.{near}.1.1")
        self.middle = f"{tag}w"
        self.far_side = f"10.{far}.2.1"
        self.spaces = [self.client.space, self.server.space, self.router.space]
        self.taps: dict[str, list[Tap]] = {}
        self.wire: Wire | None = None
        self.worst = 0.0
        self.may_resend = False
        self._is_offloading = False
        self._over = threading.Event()

    def build(
        self,
        *,
        mtu: int = 1500,
        hops: tuple[int, int] = (0, 0),
        wire: Wire | None = None,
        rules: str = "",
        is_offloading: bool = False,
        is_tapped: bool = True,
    ) -> None:
        """``mtu`` of the ends; ``hops``: of the router's interfaces towards client and server; 0 is the same.
        ``rules``: of the router, as ``rule``."""
        self.wire, self._is_offloading = wire, is_offloading
        threading.Thread(target=self._watch, daemon=True).start()
        self._namespaces(mtu, hops[0] or mtu, hops[1] or mtu)
        for space, interface in self._ends():
            spaces.offload(space, interface, is_offloading)
        if rules:
            self.rule(rules)
        if wire:
            wire.begin(self.middle, "wc", "wr", self.seed)
        if is_tapped:
            self.tap("client", self.client.space, "e0")
            self.tap("server", self.server.space, "e0")

    def _watch(self) -> None:
        """Note the longest time for which this machine, and not the fault, stood still: ``worst`` seconds."""
        before = time.monotonic()
        while not self._over.wait(STEP):
            now = time.monotonic()
            self.worst, before = max(self.worst, now - before - STEP), now

    def _ends(self) -> list[tuple[str, str]]:
        found = [
            (self.client.space, "e0"),
            (self.server.space, "e0"),
            (self.router.space, "rc"),
            (self.router.space, "rs"),
        ]
        return found + ([(self.middle, "wc"), (self.middle, "wr")] if self.wire else [])

    def _namespaces(self, mtu: int, near: int, far: int) -> None:
        client, server, router = self.client, self.server, self.router
        if self.wire:
            self.spaces.append(self.middle)
        lines = [f"netns add {space}" for space in self.spaces]
        pairs = [(router.space, "rs", far, server.space, "e0", mtu)]
        if self.wire:
            pairs += [
                (self.middle, "wc", mtu, client.space, "e0", mtu),
                (router.space, "rc", near, self.middle, "wr", mtu),
            ]
        else:
            pairs += [(router.space, "rc", near, client.space, "e0", mtu)]
        lines += [
            f"link add {a} netns {x} mtu {m} type veth peer name {b} netns {y} mtu {n}" for x, a, m, y, b, n in pairs
        ]
        spaces.batch(lines)
        for space in self.spaces:
            spaces.sysctl(space, CALM)
        if self.wire:
            spaces.batch(["link set wc up", "link set wr up"], self.middle)
        up = "link set e0 up", "link set lo up"
        addresses = [f"addr add {router.address}/24 dev rc", f"addr add {self.far_side}/24 dev rs", "link set lo up"]
        spaces.batch([*addresses, "link set rc up", "link set rs up"], router.space)
        for host, gateway in ((client, router.address), (server, self.far_side)):
            spaces.batch([f"addr add {host.address}/24 dev e0", *up, f"route add default via {gateway}"], host.space)

    def tap(self, point: str, space: str, interface: str, rule: str = "not arp", snaplen: int = 0) -> None:
        """Begin to capture; several taps of one point become one interface's file, as of ``-i any``."""
        taps = self.taps.setdefault(point, [])
        file = self.folder / f"{point}.{len(taps)}.pcap"
        taps.append(Tap(space, interface, file, rule, snaplen, is_prompt=not self._is_offloading))
        taps[-1].begin()

    def rule(self, rules: str, space: str = "") -> None:
        """Load nft rules into the router: the body of a table that has a counter ``hit``."""
        family = "netdev" if "hook ingress" in rules else "inet"
        spaces.run(
            space or self.router.space,
            "nft",
            "-f",
            "-",
            words=f"table {family} plants {{ counter hit {{}}\n{rules}\n}}\n",
        )

    def forward(self, *rules: str) -> None:
        """Load rules into the router's hook forward."""
        self.rule(chain("forward", *rules))

    def hits(self, space: str = "") -> int:
        """How many packets the counter ``hit`` has counted."""
        told = json.loads(spaces.run(space or self.router.space, "nft", "-j", "list", "counters"))
        return sum(each["counter"]["packets"] for each in told["nftables"] if "counter" in each)

    def must(self, is_so: object, what: object) -> None:
        """Raises: NotPlantedError."""
        if not is_so:
            raise NotPlantedError(what)

    def must_be_calm(self) -> None:
        """No end has sent anything again (unless it may): on a busy machine an ACK can be later than a time-out.
        Raises: NotPlantedError."""
        resent = sum(spaces.resent(host.space) for host in (self.client, self.server))
        self.must(self.may_resend or not resent, f"{resent} segments were sent again")

    def pause(self, seconds: float) -> None:
        """Let time pass in the story that the packets tell."""
        time.sleep(seconds)

    def paced(self, rate: float, count: int) -> Iterator[int]:
        """So many numbers, ``rate`` a second: on a busy machine those that are late come at once."""
        begin = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begin + number / rate - time.monotonic()))
            yield number

    def end(self) -> dict[str, int]:
        """End all; point -> how many frames its file has."""
        self._over.set()
        taps = [tap for taps in self.taps.values() for tap in taps]
        try:
            for tap in taps:
                tap.end()
        finally:
            for tap in taps:
                tap.drop()
            for host in (self.client, self.server, self.router):
                host.close()
            if self.wire:
                self.wire.end()
            spaces.remove(self.spaces)
        return {point: self._written(point, taps) for point, taps in self.taps.items()}

    def _written(self, point: str, taps: list[Tap]) -> int:
        count = pcapng([tap.file for tap in taps], point, self.folder / f"{point}.pcapng")
        for tap in taps:
            tap.file.unlink()
        return count


def chain(hook: str, *rules: str, kind: str = "filter", priority: str = "0", device: str = "") -> str:
    """A chain of nft; each rule a line."""
    body = "\n".join(rules)
    where = f" device {device}" if device else ""
    return f"chain c{hook}{device} {{ type {kind} hook {hook}{where} priority {priority}; policy accept;\n{body}\n}}"


__all__ = ["Host", "Lab", "NotPlantedError", "Wire", "chain", "wait_until"]
