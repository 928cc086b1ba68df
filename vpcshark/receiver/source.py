"""Which way frames are taken on the capture host: a ring of outer frames, or a UDP socket's datagrams.

Sent to the capture host: Python 3.6 and the standard library only. Must not know what becomes of the frames.
"""
# ruff: noqa: UP006, UP007, UP035

import errno
import socket
from typing import List, Union

from vpcshark.receiver import kernel
from vpcshark.receiver.commands import Config, Refused
from vpcshark.receiver.datagrams import Datagrams
from vpcshark.receiver.frames import Frames
from vpcshark.receiver.ring import Ring

FrameSource = Union[Ring, Datagrams]


def hold(port: int) -> List[socket.socket]:
    """Sockets that have UDP ``port`` and refuse every datagram. If another program has it, that is as good."""
    held = []
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM)
        except OSError:  # no IPv6 here
            continue
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, kernel.SO_REUSEPORT, 1)
            kernel.attach(sock, kernel.REFUSE_ALL)
            sock.bind((address, port))
            held.append(sock)
        except OSError as exc:
            sock.close()
            if exc.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                raise
    return held


def open_source(config: Config, frames: Frames) -> FrameSource:
    """The ring if the kernel lets us, else UDP sockets; ``Refused`` when neither can be had."""
    if config.mode != "socket":
        try:
            return Ring(frames, config.program, interfaces_of(config.address))
        except OSError as exc:
            if config.mode == "ring" or exc.errno == errno.EINVAL:
                raise _refused("The kernel refused a packet ring", exc) from exc
    try:
        return Datagrams(frames, config.socket_program, config.port, config.address)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            problem = f"UDP port {config.port} is taken by another program on the capture host."
            raise Refused(problem, _PORT_REMEDY) from exc
        raise _refused("No UDP socket can be had on the capture host", exc) from exc


def _refused(what: str, exc: OSError) -> Refused:
    """A ring takes less memory if need be, so that a lack of it is the filter's."""
    return Refused(*NO_MEMORY) if exc.errno == errno.ENOMEM else Refused(f"{what}: {exc.strerror}.", _RING_REMEDY)


NO_MEMORY = (
    "Linux on the capture host has no memory for a capture filter of this length.",
    "Use a shorter one, or allow more there: sysctl -w net.core.optmem_max=131072",
)
"""Problem and remedy where attaching a filter fails with ENOMEM."""
_RING_REMEDY = "Run the receiver as root or with CAP_NET_RAW, on Linux 4.12 or later."
_PORT_REMEDY = (
    "End that program (a capture, perhaps), or run the receiver as root or with CAP_NET_RAW: then both can work."
)


def interfaces_of(address: str) -> List[int]:
    """Where frames to ``address`` arrive: its own interface, and loopback if they come from this machine. Empty:
    anywhere.
    """
    owner = kernel.owner_of(address) if address else None
    if owner is None:
        return []
    loopback = [index for index, name in socket.if_nameindex() if name == "lo"]
    return sorted({owner, *loopback})
