"""What makes an instance a machine of its own: /run, a boot clock, a shutdown, and user data that runs at its boot.

Lines of shell for its mount namespace (``users``). Must not know what the user data does.
"""

from __future__ import annotations

import os
import shlex
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from vpcshark.lab import cloudinit
from vpcshark.lab.vpc import users

RATE = "VPCSHARK_LAB_UPTIME_RATE"
"""In the lab's environment: how many seconds the launched instances' uptime counts in one, so that tests need not wait
for quarters of an hour."""
_PROGRAMS = f"{users.PLACE}/bin"
_PID = f"{users.PLACE}/pid"
_TICK = 0.1


def lines(folder: Path, user_data: str, key: str = "") -> list[str]:
    """Write its files into ``folder``; the lines. The process that they lead to is the machine: its end is the
    end. ``key`` is the public key that it was launched with, "" for none."""
    (folder / "shutdown").write_text(f'#!/bin/sh\nexec kill -TERM "$(cat {_PID})"\n')
    (folder / "shutdown").chmod(0o755)
    stub = shlex.quote(str(folder / "shutdown"))
    made = [
        f"echo {shlex.quote(key.strip())} > {users.PLACE}/authorized_keys",  # the lab's own opens none of these
        "mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 755 /run/sshd",
        f"mkdir {_PROGRAMS} && echo $$ > {_PID}",
    ]
    for name in ("shutdown", "poweroff", "halt", "reboot"):
        made.append(f"cp {stub} {_PROGRAMS}/{name}")
        made += [f"mount --bind {stub} {place}" for place in users.places(name) if _is_its_own(place, name)]
    if (folder / "uptime").exists():
        made.append(f"mount --bind {shlex.quote(str(folder / 'uptime'))} /proc/uptime")
    if run := "; ".join(_runs(folder, user_data)):
        made.append(f"(PATH={_PROGRAMS}:$PATH; export PATH; {run}) &")
    return made


def _runs(folder: Path, user_data: str) -> Iterator[str]:
    for number, script in enumerate(cloudinit.scripts(user_data), 1):
        file = folder / f"part-{number:03}"
        file.write_text(script)
        yield f"sh {shlex.quote(str(file))} < /dev/null > /dev/null 2>&1"


def _is_its_own(place: str, name: str) -> bool:
    """A program of many names (busybox) must not lose its others; systemctl has no use in an instance."""
    return os.path.basename(place.strip("'")) in (name, "systemctl")


class BootClock:
    """Writes an instance's uptime, which counts ``rate`` seconds in one, until ``stop``."""

    def __init__(self, file: Path, rate: float) -> None:
        self._file, self._rate = file, rate
        self._start = time.monotonic()
        self._stopped = threading.Event()
        file.write_text(self._text())
        threading.Thread(target=self._run, name="lab-boot-clock", daemon=True).start()

    def stop(self) -> None:
        """Let it stand still."""
        self._stopped.set()

    def _text(self) -> str:
        uptime = self._start + (time.monotonic() - self._start) * self._rate
        return f"{uptime:.2f} 0.00".ljust(40) + "\n"  # one length always, as nothing is cut off

    def _run(self) -> None:
        while not self._stopped.wait(_TICK):
            with open(self._file, "r+") as file:  # in place: it is mounted over another
                file.write(self._text())


def rate() -> float:
    """What the environment says; 1 for a boot clock like any."""
    return float(os.environ.get(RATE) or 1)
