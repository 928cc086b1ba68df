"""Linux network namespaces: act inside one, configure links in batches, switch offloads off.

Must not know what the namespaces are for. Everything here needs root.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from vpcshark.errors import VpcsharkError

FOLDER = Path("/run/netns")  # where ip-netns(8) keeps the names
_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL = 0x8946
# linux/ethtool.h: ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO
_OFFLOADS = (0x17, 0x19, 0x1F, 0x24, 0x2C)

_Result = TypeVar("_Result")


def inside(namespace: str, call: Callable[[], _Result]) -> _Result:
    """Call ``call`` in the network namespace and return what it returns.

    A thread of its own enters (setns(2) moves one thread only), so the caller stays where it is. Sockets that are
    opened and processes that are started inside remain inside. OSError if there is no such namespace.
    """
    results: list[_Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            _enter(namespace)
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread below
            failures.append(error)

    thread = threading.Thread(target=run, name=f"in {namespace}")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _enter(namespace: str) -> None:
    handle = os.open(FOLDER / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)  # os.setns exists only from Python 3.12 on
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), namespace)
    finally:
        os.close(handle)


def ip_batch(lines: Iterable[str], namespace: str = "", options: Sequence[str] = ()) -> None:
    """Run ip(8) commands in one process, inside ``namespace`` if one is named. VpcsharkError with ip's own words.

    ``options`` are ip's own, such as "-6" for commands whose addresses do not show their family.
    """
    _run(["ip", *options, *(["-n", namespace] if namespace else []), "-batch", "-"], lines)


def bridge_batch(lines: Iterable[str], namespace: str) -> None:
    """Run bridge(8) commands in one process. VpcsharkError with its own words."""
    _run(["bridge", "-n", namespace, "-batch", "-"], lines)


def _run(command: Sequence[str], lines: Iterable[str]) -> None:
    try:
        done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise VpcsharkError(f"The lab needs the program {command[0]}.", "Install the package iproute2.") from error
    if done.returncode != 0:
        raise VpcsharkError(f"The lab's network could not be built: {done.stderr.strip()}.")


def write_settings(settings: Iterable[tuple[str, str]]) -> None:
    """Write kernel settings, as paths below /proc/sys/net, of the namespace that the calling thread is in."""
    for path, value in settings:
        file = Path("/proc/sys/net", path)
        if file.exists():  # IPv6 or br_netfilter may not be there at all
            file.write_text(value)


def disable_offloads(devices: Iterable[str]) -> None:
    """Make what is on the wire wire-sized, with true checksums (the device's features, in the caller's namespace)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for device in devices:
            for command in _OFFLOADS:
                _ethtool(control, device, command)


def _ethtool(control: socket.socket, device: str, command: int) -> None:
    value = array.array("B", struct.pack("II", command, 0))  # struct ethtool_value
    address, _ = value.buffer_info()
    request = struct.pack("16sP", device.encode(), address)  # struct ifreq with ifr_data
    fcntl.ioctl(control, _SIOCETHTOOL, request.ljust(40, b"\0"))


def processes(namespaces: Iterable[str]) -> list[int]:
    """The ids of all processes that are in one of the namespaces (those that are gone already are left out)."""
    wanted = {_identity(FOLDER / name) for name in namespaces} - {None}
    found = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in found if _identity(Path(f"/proc/{pid}/ns/net")) in wanted]


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
