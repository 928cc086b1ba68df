"""``vpcshark demo``: ten seconds of an ENI in the lab, through real tshark, and then what is left in the account.

Runs itself a second time inside the lab. Must not know how the lab works.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vpcshark.cleanup.detached import SAFE
from vpcshark.cli import console, recording
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import VpcsharkError
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers
from vpcshark.text import many
from vpcshark.wire.capture_files import pcapng

FILE = "demo.pcapng"
SECONDS = (10, 30, 90)
LISTING = 120.0  # seconds that the list is waited for
PAUSE = 0.5


def run(options: argparse.Namespace) -> int:
    """In the lab, or start it first."""
    if options.inside:
        return capture_and_show((options.seconds,) if options.seconds else SECONDS)
    from vpcshark.cli import lab

    more = ["--seconds", str(options.seconds)] if options.seconds else []
    return lab.run_in_one([*_vpcshark(), "demo", "--inside", *more])


def capture_and_show(tries: Sequence[int]) -> int:
    """The demo itself, with a lab in the environment."""
    from vpcshark.aws import client
    from vpcshark.aws.inventory import interfaces

    out = console.out()
    ec2 = client.connect().ec2
    eni = interfaces.list_enis(ec2)[0]
    console.heading(out, f"Capturing {tries[0]} seconds from {interfaces.display(eni)}")
    _await_listed(eni.id)
    capture(eni.id, tries)
    _show(Path(FILE))
    return _show_what_is_left(ec2)


def _vpcshark() -> list[str]:
    """The command that we are, whatever lies in the folder where it is run."""
    return [sys.executable, "-c", f"{SAFE}; from vpcshark.cli import main; sys.exit(main())"]


def _status(command: Sequence[str]) -> int:
    """As root tshark opens nothing in folders of others, so it runs where we are."""
    return subprocess.run(command, check=False).returncode


def _await_listed(eni: str, clock: Clock | None = None) -> None:
    """tshark captures only from what is in its list, which on a busy machine is not there at once."""
    from vpcshark.cli import listing

    clock = clock or SystemClock()
    end = clock.monotonic() + LISTING
    while eni not in (Answers(os.environ).read(reader.INTERFACES) or ""):
        said = listing.make(None)
        if clock.monotonic() >= end:
            raise VpcsharkError(f"{eni} is not in the list of interfaces.", said)
        clock.sleep(PAUSE)


def capture(eni: str, tries: Sequence[int] = SECONDS, run: Callable[[Sequence[str]], int] = _status) -> None:
    """Until there are packets, each time for longer: on a busy machine ten seconds may be over before the mirror
    stands. VpcsharkError where none came."""
    out = console.out()
    for seconds in tries:
        command = _command(eni, seconds)
        out.print("$ " + " ".join(command[-8:]))
        status = run(command)
        if not status and _packets(Path(FILE)):
            return
        if seconds != tries[-1]:
            out.print(f"No packet came in {seconds} seconds (status {status}); once more, for longer.")
    raise VpcsharkError(f"No packet came; the last capture ended with status {status}.", "The lines above say why.")


def _command(eni: str, seconds: int) -> list[str]:
    limits = ["-a", f"duration:{seconds}", "-w", FILE]
    if shutil.which("tshark"):
        return ["tshark", "-q", "-i", eni, *limits]
    console.out().print("tshark is not installed, so vpcshark capture does it.")
    return [*_vpcshark(), "capture", eni, *limits]


def _packets(file: Path) -> int:
    return sum(kind == pcapng.PACKET for kind, _ in recording.blocks(file.read_bytes())) if file.exists() else 0


def _show(file: Path) -> None:
    """The first frames with their names, as tshark reads them back from the file."""
    out = console.out()
    if not shutil.which("tshark"):
        out.print(f"{file} has {file.stat().st_size} bytes; open it with Wireshark.")
        return
    listing = subprocess.run(
        ["tshark", "-r", str(file), "-N", "n"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ).stdout.splitlines()
    for line in listing[:20]:
        out.print(line, soft_wrap=True)
    out.print(f"... {many(len(listing), 'frame')} in {file}")


def _show_what_is_left(ec2: Any) -> int:
    """Nothing, as a fresh describe of everything with our tag shows."""
    from vpcshark.aws import kinds
    from vpcshark.aws.mirroring import tag_names

    out = console.out()
    console.heading(out, "What is left in the account")
    left = kinds.tagged(ec2, kinds.MIRRORING, tag_names.CAPTURE)
    for resource in left:
        out.print(f"{resource.kind} {resource.id}")
    if not left:
        out.print("nothing")
    return 1 if left else 0
