"""What tshark sees of a planted fault: the judge of the planting. Must not know the product, nor how a kind is made."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from plants.kinds import POINTS, Kind

OPTIONS = ("--enable-heuristic", "tls_tcp", "--enable-heuristic", "rtp_udp", "-o", "ip.check_checksum:TRUE")
SUMS = ("-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")


def counted(file: Path, filters: Sequence[str]) -> list[int]:
    """How many frames of ``file`` each display filter of tshark lets pass, in one reading."""
    command = ["tshark", "-n", "-q", "-r", str(file), *OPTIONS, *SUMS, "-z", "io,stat,0," + ",".join(filters)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    row = next((line for line in said.splitlines() if "<>" in line), "")
    numbers = re.findall(r"\d+", row.split("|", 2)[2]) if row else []
    return [int(each) for each in numbers[::2]] or [0] * len(filters)


def missing(kind: Kind, folder: Path) -> list[str]:
    """What of the signs of a kind is not in the case in ``folder``; [] if all are there."""
    found = []
    for place, point in enumerate(POINTS, 1):
        signs = [(sign[0], sign[place]) for sign in kind.signs if sign[place] != "*"]
        if not signs:
            continue
        counts = counted(folder / f"{point}.pcapng", [each for each, _ in signs])
        for (rule, wanted), count in zip(signs, counts, strict=True):
            if not _is(count, wanted):
                found.append(f"{folder.name}, {point}: {count} frames are {rule}, not {wanted}")
    return found


def _is(count: int, wanted: str) -> bool:
    number = int(wanted[1:])
    return count > number if wanted[0] == ">" else count == number
