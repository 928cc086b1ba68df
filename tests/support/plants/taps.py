"""What real tcpdump captures at a point, as pcapng. Must not know what is captured."""

from __future__ import annotations

import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from plants import spaces

MARK = 0x88B5  # IEEE 802 local experimental EtherType: our last frame, by which a file is known to be whole
GENEROUS = 60.0


@dataclass
class Tap:
    """tcpdump on an interface of a namespace, from ``begin`` to ``end``."""

    space: str
    interface: str
    file: Path
    rule: str = "not arp"
    snaplen: int = 0
    is_prompt: bool = True
    """Each packet at once: its ring then has a slot of 64 kB for each where cards cut segments, 256 in all, and a busy
    machine loses some. Else in blocks, up to a second later."""
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    def begin(self) -> None:
        """Return when tcpdump listens. Raises: RuntimeError."""
        command = ["tcpdump", "-i", self.interface, "-U", "-B", "16384", "-s", str(self.snaplen)]
        command += ["--immediate-mode"] if self.is_prompt else []
        command += ["--time-stamp-precision=nano", "-w", str(self.file), f"ether proto {MARK:#x} or ({self.rule})"]
        with spaces.inside(self.space):
            self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        line = ""
        while "listening on" not in line:
            line = self.process.stderr.readline()
            if not line:
                raise RuntimeError(f"tcpdump ended: {command}")

    def end(self) -> None:
        """End tcpdump once it has written all that came. RuntimeError where the machine made it lose some: the case's
        labels would not be true, and it is made again."""
        assert self.process
        with spaces.inside(self.space), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind((self.interface, 0))
            sender.send(b"\x02" * 12 + struct.pack("!H", MARK) + b"\0" * 46)
        wait_until(lambda: MARK in [frame[1] for frame in frames(self.file)[-3:]], "tcpdump has written all")
        self.process.send_signal(signal.SIGINT)
        _, told = self.process.communicate(timeout=GENEROUS)
        lost = re.search(r"^(\d+) packets? dropped by kernel", told, re.MULTILINE)
        if lost is None or int(lost[1]):
            raise RuntimeError(f"tcpdump lost packets: {told}")

    def drop(self) -> None:
        """However it went: tcpdump is gone, which no namespace's end would end."""
        if self.process is not None:
            with self.process:
                self.process.kill()


def wait_until(is_so: Callable[[], object], what: str, seconds: float = GENEROUS) -> None:
    """Raises: TimeoutError."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"It did not come to pass that {what}.")
        time.sleep(0.02)


def frames(file: Path) -> list[tuple[bytes, int]]:
    """(packet record, EtherType) of each whole frame of a little-endian pcap file."""
    data, found, at = file.read_bytes(), [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        if at + 16 + length > len(data):
            break
        found.append((data[at : at + 16 + length], struct.unpack_from("!H", data, at + 28)[0]))
        at += 16 + length
    return found


def pcapng(sources: list[Path], name: str, target: Path) -> int:
    """Write pcap files (Ethernet, nanoseconds) as one pcapng file in the order of time, with one interface ``name`` and
    without our mark; how many frames it has. pcapng: draft-ietf-opsawg-pcapng."""
    records = [record for source in sources for record, kind in frames(source) if kind != MARK]
    records.sort(key=lambda each: struct.unpack_from("<II", each))
    options = _option(2, name.encode()) + _option(9, b"\x09") + struct.pack("<HH", 0, 0)
    blocks = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    blocks.append(_block(1, struct.pack("<HHI", 1, 0, 0) + options))
    for record in records:
        seconds, nanoseconds, captured, length = struct.unpack_from("<IIII", record)
        when = seconds * 10**9 + nanoseconds
        head = struct.pack("<IIIII", 0, when >> 32, when & 0xFFFFFFFF, captured, length)
        blocks.append(_block(6, head + _padded(record[16:])))
    target.write_bytes(b"".join(blocks))
    return len(records)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
