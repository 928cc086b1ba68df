"""What ``tshark -a duration`` counts when an extcap takes a while until frames can come, and how it is stopped then.

    python tests/bench/bench_duration.py [--tshark tshark] [--up 4] [--duration 2]

Needs nothing but Python and tshark, so it runs in a chroot of any Wireshark. An invented extcap opens the FIFO at once,
needs ``--up`` seconds until its frames come (a hundred a second), and writes the section header either at once or only
when they come. For each order it prints how many frames ``-a duration`` gives and how long tshark runs; and for a
Ctrl-C before frames can come, its exit status, how long that takes, and what it says.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXTCAP = """\
import os, select, signal, struct, sys, time
words = sys.argv[1:]
if "--extcap-interfaces" in words:
    print("extcap {version=1}")
    print("interface {value=slow}{display=slow}")
elif "--extcap-dlts" in words:
    print("dlt {number=1}{name=EN10MB}{display=Ethernet}")
elif "--capture" in words:
    stopped = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.append(1))
    fifo = os.open(words[words.index("--fifo") + 1], os.O_WRONLY)
    block = lambda kind, body: struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    rest = block(1, struct.pack("<HHI", 1, 0, 0))
    frame = block(6, struct.pack("<IIIII", 0, 0, 0, 60, 60) + bytes(60))
    end, order = time.monotonic() + float(os.environ["UP"]), os.environ["ORDER"]
    poll = select.poll()
    poll.register(fifo, 0)
    def gone():
        return stopped or poll.poll(0)
    def put(data):
        try:
            os.write(fifo, data)
        except BrokenPipeError:
            stopped.append(1)
    if order == "at once":
        put(section + rest)
    while time.monotonic() < end and not gone():
        time.sleep(0.01)
    if order != "at once":
        put(section + rest)
    while not gone():
        put(frame)
        time.sleep(0.01)
"""


class Home:
    """A home of tshark's own, with the invented extcap in it."""

    def __init__(self, folder: Path, tshark: str) -> None:
        self._tshark = tshark
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "LC_ALL": "C.UTF-8",
        }
        shown = subprocess.run([tshark, "-G", "folders"], env=self.environ, capture_output=True, text=True).stdout
        named = dict(line.split(":", 1) for line in shown.splitlines() if ":" in line)
        place = named.get("Personal Extcap path") or named["Personal configuration"].strip() + "/extcap"
        extcaps = Path(place.strip())
        extcaps.mkdir(parents=True, exist_ok=True)
        (folder / "slow.py").write_text(EXTCAP)
        script = extcaps / "slow"
        script.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(folder / "slow.py")])} "$@"\n')
        script.chmod(0o755)

    def start(self, order: str, up: float, *words: str) -> subprocess.Popen[str]:
        """tshark on the invented interface, in a process group of its own."""
        return subprocess.Popen(
            [self._tshark, "-q", "-i", "slow", *words],
            env={**self.environ, "ORDER": order, "UP": str(up)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def has_extcap(self, group: int) -> bool:
        """Does the extcap run already? (By its place in tshark's session.)"""
        shown = subprocess.run(["ps", "-s", str(group), "-o", "args="], capture_output=True, text=True).stdout
        return "slow.py --capture" in shown


def said(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and "could be dangerous" not in line]
    return " | ".join(lines)[:300]


def measure_duration(home: Home, order: str, up: float, duration: float, out: Path) -> None:
    began = time.monotonic()
    process = home.start(order, up, "-a", f"duration:{duration:g}", "-w", str(out))
    _, err = process.communicate(timeout=up + duration + 60)
    took = time.monotonic() - began
    shown = subprocess.run(["capinfos", "-rTMc", str(out)], capture_output=True, text=True).stdout.split()
    frames = shown[-1] if shown else "no file, so no"
    sys.stdout.write(
        f"header {order}, -a duration:{duration:g}: {frames} frames, {took:.1f} s, status {process.returncode}; "
        f"it says: {said(err)}\n"
    )


def measure_interrupt(home: Home, order: str, out: Path) -> None:
    process = home.start(order, 60.0, "-w", str(out))
    while not home.has_extcap(process.pid) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1.0)  # tshark has nothing that says that it waits for the header
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    try:
        _, err = process.communicate(timeout=45)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        _, err = process.communicate()
        err += "(killed: it did not end within 45 s)"
    took = time.monotonic() - began
    sys.stdout.write(
        f"header {order}, Ctrl-C before frames can come: {took:.1f} s, status {process.returncode}; "
        f"it says: {said(err)}\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tshark", default="tshark")
    parser.add_argument("--up", type=float, default=4.0)
    parser.add_argument("--duration", type=float, default=2.0)
    given = parser.parse_args()
    shown = subprocess.run([given.tshark, "--version"], capture_output=True, text=True, check=True).stdout
    sys.stdout.write(f"{shown.splitlines()[0]}; frames come after {given.up:g} s, a hundred a second\n")
    with tempfile.TemporaryDirectory(prefix="vpcshark-duration-") as folder:
        home = Home(Path(folder), given.tshark)
        for order in ("at once", "with the first frame"):
            measure_duration(home, order, given.up, given.duration, Path(folder) / "out.pcapng")
            (Path(folder) / "out.pcapng").unlink(missing_ok=True)
        for order in ("at once", "with the first frame"):
            measure_interrupt(home, order, Path(folder) / "out.pcapng")
    return 0


if __name__ == "__main__":
    sys.exit(main())
