"""A wire in user space between two interfaces of a namespace: it delays, loses, doubles, delays single frames past
others, flips a bit and counts what it did; ARP passes at once. (The kernel here has no netem.) Must not know protocols
above IPv4's length.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import select
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from plants import spaces

PACKET_IGNORE_OUTGOING = 23  # linux/if_packet.h
SOL_PACKET = 263
ARP = b"\x08\x06"


@dataclass(frozen=True)
class Effect:
    """What happens in one direction; shares of 1, seconds, bytes. Only frames with an IPv4 length of ``least`` to
    ``most`` bytes are lost, late, doubled or corrupted; ``spared`` first ones of these pass unharmed."""

    delay: float = 0.0
    jitter: float = 0.0
    lose: float = 0.0
    burst: tuple[int, int] = (0, 0)
    late: float = 0.0
    late_by: float = 0.0
    double: float = 0.0
    corrupt: float = 0.0
    least: int = 200
    most: int = 1 << 16
    spared: int = 2


@dataclass
class Wire:
    """``up``: from the client's side to the server's; ``down``: back."""

    up: Effect = Effect()
    down: Effect = Effect()
    did: Counter[str] = field(default_factory=Counter)
    _counted: Counter[str] = field(default_factory=Counter)
    _stop: socket.socket | None = None
    _thread: threading.Thread | None = None

    def begin(self, space: str, near: str, far: str, seed: int) -> None:
        """Carry frames between the interfaces ``near`` (client) and ``far`` (server)."""
        with spaces.inside(space):
            ends = [_raw(near), _raw(far)]
        self._stop, told = socket.socketpair()
        self._thread = threading.Thread(target=self._carry, args=(ends, told, random.Random(seed)), daemon=True)
        self._thread.start()

    def end(self) -> None:
        if self._stop and self._thread:
            self._stop.close()
            self._thread.join()

    def _carry(self, ends: list[socket.socket], told: socket.socket, chance: random.Random) -> None:
        promptly()
        due: list[tuple[float, int, int, bytes]] = []
        order = itertools.count()
        last = [0.0, 0.0]
        while True:
            wait = max(0.0, due[0][0] - time.monotonic()) if due else 5.0
            ready, _, _ = select.select([*ends, told], [], [], wait)
            if told in ready:
                break
            now = time.monotonic()
            for number in (0, 1):
                if ends[number] in ready:
                    for frame in _received(ends[number]):
                        for after, data, is_late in self._fate(("up", "down")[number], frame, chance):
                            when = now + after if is_late else max(now + after, last[number])  # jitter keeps the order
                            last[number] = last[number] if is_late else when
                            heapq.heappush(due, (when, next(order), 1 - number, data))
            while due and due[0][0] <= time.monotonic():
                _, _, number, data = heapq.heappop(due)
                ends[number].send(data)
        for each in (*ends, told):
            each.close()

    def _fate(self, way: str, frame: bytes, chance: random.Random) -> list[tuple[float, bytes, bool]]:
        """(seconds from now, frame, is it late?) of each frame that leaves for one that came."""
        effect: Effect = getattr(self, way)
        if frame[12:14] == ARP:  # else a SYN waits for it, and is sent again right after
            return [(0.0, frame, True)]
        after = effect.delay + chance.random() * effect.jitter
        length = struct.unpack_from("!H", frame, 16)[0] if frame[12:14] == b"\x08\x00" else 0
        if not effect.least <= length <= effect.most:
            return [(after, frame, False)]
        self._counted[way] += 1
        number = self._counted[way]
        if number <= effect.spared:
            return [(after, frame, False)]
        first, count = effect.burst
        if first <= number < first + count or chance.random() < effect.lose:
            self.did["lost"] += 1
            return []
        if chance.random() < effect.late:
            self.did["late"] += 1
            return [(after + effect.late_by, frame, True)]
        if chance.random() < effect.double:
            self.did["doubled"] += 1
            return [(after, frame, False), (after, frame, False)]
        if chance.random() < effect.corrupt:
            self.did["corrupted"] += 1
            at = len(frame) - 9
            return [(after, frame[:at] + bytes([frame[at] ^ 0x40]) + frame[at + 1 :], False)]
        return [(after, frame, False)]


def promptly() -> None:
    """Let this thread run as soon as it is due: what it delays else shows the machine's load."""
    with suppress(PermissionError):  # a container's root may not
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def _raw(interface: str) -> socket.socket:
    found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    found.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    found.bind((interface, 3))
    found.setblocking(False)
    return found


def _received(end: socket.socket) -> list[bytes]:
    """All that waits, 64 frames at most. Frames without an address for others' interfaces included."""
    found = []
    for _ in range(64):
        try:
            found.append(end.recv(65600))
        except BlockingIOError:
            break
    return found
