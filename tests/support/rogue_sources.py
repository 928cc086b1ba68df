"""Sources that mean ill: what an instance may answer to the questions before a tcpdump, and what may come of that, as
tables (see ``rogue_hosts``). Must not know the product."""

from __future__ import annotations

import contextlib
import struct

from rogue_hosts import ESCAPES, MANY, row
from rogue_ssh import Command, Speak

PROBES: dict[str, Speak] = {}
DUMPS: dict[str, Speak] = {}


def probing(*lines: str) -> Speak:
    """Answers with these odd lines behind the honest ones."""
    return lambda command: command.facts(*lines)


PROBES |= {
    "a process id that is a text": probing("sshd:x"),
    "a process id of 10,000 digits": probing("sshd:" + "9" * 10_000),
    "links without fields": probing("link:", "link:x", "link:1 2", "link:a b c d e f"),
    "a link whose index is a text": probing("link:x MAC - hardware eth0"),
    "connections of the agent without fields": probing("agent:", "agent:x", "agent:0:0 1"),
    "a connection of the agent in no hexadecimals": probing("agent:zz:zz 0100007F:01BB"),
    "a connection without addresses": probing("connection:x y z", "connection:1.2.3.4 5"),
    "an interface named in escape sequences": probing("link:1 MAC - hardware \x1b[31m$(touch${IFS}owned)\u202e"),
    "an interface named as an option": probing("link:1 MAC - hardware --help;touch owned"),
    "a refusal in escape sequences": probing("rights:", "refusal:sudo: \x1b[31m\u009b\u202eno"),
    "a user of escape sequences, without rights": probing("rights:", "user:\x1b[31m\u202e"),
    "a path of a program of 100,000 letters": probing("tcpdump:/" + "t" * MANY),
    "a hundred thousand links": probing(*["link:1 02:00:00:00:00:01 - - eth1"] * MANY),
}


@row(PROBES, "answers without an end")
def _(command: Command) -> None:
    with contextlib.suppress(OSError):
        for _ in range(6000):
            command.out(b"vpcshark:knows:" + b"k" * 65_000 + b"\n")
    command.end()


@row(PROBES, "an answer that never comes")
def _(command: Command) -> None:
    command.until_told_to_end()
    command.end()


@row(PROBES, "escape sequences alone")
def _(command: Command) -> None:
    command.out(ESCAPES * 1000)
    command.err(ESCAPES)
    command.end(1)


PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)


def pouring(*pieces: bytes, err: bytes = b"", status: int = 1) -> Speak:
    """A tcpdump that writes these pieces."""

    def speak(command: Command) -> None:
        command.err(b"tcpdump: listening on eth0\n" + err)
        with contextlib.suppress(OSError):
            for piece in pieces:
                command.out(piece)
        command.end(status)

    return speak


DUMPS |= {
    "no pcap": pouring(b"tcpdump: what? " * 100),
    "escape sequences on stderr": pouring(err=ESCAPES + b"\n"),
    "stderr of five million characters": pouring(err=b"x" * 5_000_000),
    "a header of another link type": pouring(PCAP_HEADER[:20] + b"\x09\0\0\0" + bytes(1000)),
    "a packet of 4 GiB": pouring(
        PCAP_HEADER, struct.pack("<IIII", 1, 1, 0xFFFFFFFF, 0xFFFFFFFF), *[bytes(1 << 16)] * 3000
    ),
    "a packet cut off": pouring(PCAP_HEADER + struct.pack("<IIII", 1, 1, 60, 60) + bytes(20)),
    "a packet with a time beyond all clocks": pouring(
        PCAP_HEADER + struct.pack("<IIII", 0xFFFFFFFF, 0xFFFFFFFF, 60, 20) + bytes(60)
    ),
    "counts that are no numbers": pouring(
        PCAP_HEADER, err=b"x packets received by filter\n99999999999999999999999999 packets dropped by kernel\n"
    ),
    "a permission message with escape sequences": pouring(err=b"not permitted " + ESCAPES + b"\n"),
}
