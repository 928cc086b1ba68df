"""Stands in for tcpdump where there is none: frames of one interface to stdout as pcap with nanoseconds.

Run as ``python3 -I -c SOURCE INTERFACE SNAPLEN PROGRAM``; PROGRAM is a classic BPF program as JSON, or null; it must
take frames whole, since what the kernel cuts we cannot tell from a shorter frame. SIGUSR1 and the end (SIGINT,
SIGTERM, a closed stdout) write tcpdump's counts to stderr. One self-contained file for the other machine: Python 3.6
and the standard library only. Must not know who starts it, nor what the frames are.
"""

import array
import json
import os
import select
import signal
import socket
import struct
import sys
from typing import Any

SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 26, 33, 35
SOL_PACKET, PACKET_STATISTICS, PACKET_AUXDATA, ETH_P_ALL = 263, 6, 8, 3
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
AUXDATA = struct.Struct("=IIIHHHH")  # packet(7), struct tpacket_auxdata
BUFFER = 32 * 1024 * 1024
BATCH = 256


class Sniffer:
    """The socket, its counts, and the signals that were given."""

    def __init__(self, interface: str, snaplen: int, program: Any) -> None:
        self.snaplen = snaplen
        self.captured = self.offered = self.dropped = 0
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        if program:
            code = array.array("B", b"".join([struct.pack("HBBI", *each) for each in program]))
            packed = struct.pack("HP", len(program), code.buffer_info()[0])
            self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, packed)
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        except OSError:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.socket.bind((interface, ETH_P_ALL))
        self.socket.setblocking(False)

    def batch(self) -> bytes:
        """What waits in the socket, as pcap records."""
        records = []
        for _ in range(BATCH):
            try:
                data, extra, _, _ = self.socket.recvmsg(65536, 128)
            except BlockingIOError:
                break
            told = {(level, kind): value for level, kind, value in extra}
            stamp = told[(socket.SOL_SOCKET, SO_TIMESTAMPNS)]
            seconds, nanoseconds = struct.unpack("ll", stamp[: struct.calcsize("ll")])
            data = tagged(data, told.get((SOL_PACKET, PACKET_AUXDATA), b""))
            kept = data[: self.snaplen]
            records.append(struct.pack("<IIII", seconds, nanoseconds, len(kept), len(data)) + kept)
        self.captured += len(records)
        return b"".join(records)

    def counts(self) -> str:
        """tcpdump's words for them. The kernel's counters begin anew at each reading."""
        offered, dropped = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.offered += offered
        self.dropped += dropped
        received = f"{self.captured} packets captured, {self.offered} packets received by filter"
        return f"{received}, {self.dropped} packets dropped by kernel\n"


def tagged(frame: bytes, auxdata: bytes) -> bytes:
    """The frame as it was on the wire: Linux takes the outer 802.1Q tag off, and tells it beside the frame."""
    if len(auxdata) < AUXDATA.size or len(frame) < 12:
        return frame
    status, _, _, _, _, tci, protocol = AUXDATA.unpack_from(auxdata)
    if not status & TP_STATUS_VLAN_VALID:
        return frame
    if not status & TP_STATUS_VLAN_TPID_VALID:  # before Linux 3.14 there was but one
        protocol = 0x8100
    return frame[:12] + struct.pack("!HH", protocol, tci) + frame[12:]


def write(data: bytes) -> None:
    """All of it; a closed stdout ends the process by SIGPIPE's default or an error."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def main(interface: str, snaplen: str, program: str) -> int:
    """Until a signal says stop."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        sniffer = Sniffer(interface, int(snaplen), json.loads(program))
    except OSError as error:
        sys.stderr.write(f"sniff: {interface}: {error.strerror}\n")
        return 1
    write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, sniffer.snaplen, 1))
    sys.stderr.write(f"listening on {interface}\n")
    sys.stderr.flush()
    stopping = False
    try:
        while not stopping:
            readable = select.select([sniffer.socket.fileno(), wake], [], [])[0]
            signals = os.read(wake, 64) if wake in readable else b""
            stopping = any(number != signal.SIGUSR1 for number in signals)
            write(sniffer.batch())
            if signals:
                os.write(2, sniffer.counts().encode())
    except OSError:  # nobody reads, or the interface is gone
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
