"""Network namespaces: made, entered by a thread, removed by their exact names. Must not know what is done in them."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000  # sched.h
SIOCETHTOOL = 0x8946  # linux/sockios.h
OFFLOADS = {"tx": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}
"""Switch -> ETHTOOL_S… of linux/ethtool.h. With them on, a capture shows what never was on a wire."""
LIBC = ctypes.CDLL(None, use_errno=True)


def batch(lines: Iterable[str], space: str = "") -> None:
    """Let one ``ip`` do all ``lines``, within ``space`` if given. Raises: CalledProcessError."""
    command = ["ip", *(["-n", space] if space else []), "-batch", "-"]
    subprocess.run(command, input="\n".join(lines) + "\n", text=True, check=True, capture_output=True)


@contextmanager
def inside(space: str) -> Generator[None]:
    """This thread is in a namespace: sockets that it makes stay there, processes that it starts live there."""
    with open("/proc/thread-self/ns/net") as before, open(f"/run/netns/{space}") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def _enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def run(space: str, *command: str, words: str = "") -> str:
    """The output of a command in a namespace. Raises: RuntimeError with what it said."""
    with inside(space):
        done = subprocess.run(command, input=words, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}\n{words}")
    return done.stdout


def sysctl(space: str, settings: dict[str, object]) -> None:
    """Write ``net.…`` settings of a namespace: name below /proc/sys/net -> value."""
    with inside(space):
        for name, value in settings.items():
            Path("/proc/sys/net", name).write_text(str(value))


def offload(space: str, interface: str, is_on: bool, switches: Sequence[str] = tuple(OFFLOADS)) -> None:
    """Turn offloads of an interface on or off, as ``ethtool -K`` does."""
    with inside(space), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for switch in switches:
            value = ctypes.create_string_buffer(struct.pack("=II", OFFLOADS[switch], is_on))
            request = struct.pack("16sP", interface.encode(), ctypes.addressof(value))
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)


def resent(space: str) -> int:
    """How many segments TCP has sent again in a namespace (RetransSegs, RFC 4022)."""
    with inside(space):
        head, values = (
            line.split()
            for line in Path("/proc/thread-self/net/snmp").read_text().splitlines()
            if line.startswith("Tcp:")
        )
    return int(values[head.index("RetransSegs")])


def remove(names: Iterable[str]) -> None:
    """Remove namespaces by name; those that are not there are passed over."""
    for name in names:
        if os.path.exists(f"/run/netns/{name}"):
            subprocess.run(["ip", "netns", "del", name], check=True)
