"""``vpcshark decap`` in this process, and what tshark reads from what it wrote."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from outer import ethernet, ipv4, udp

from vpcshark.cli import decap, parsing

INNER = ethernet(0x0800, ipv4(udp(b"x" * 58, 53)))


def parsed(*words: object) -> argparse.Namespace:
    return parsing.parser("decap").parse_args(["decap", *map(str, words)])


def decapsulate(*words: object) -> int:
    return decap.run(parsed(*words))


def told(path: Path, *fields: str) -> list[str]:
    """What tshark reads from a file, a line per frame."""
    wanted = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", str(path), "-T", "fields", *wanted]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
