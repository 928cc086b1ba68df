"""This machine as tests may rely on it, while other tests beside make interfaces and take them away again."""

from __future__ import annotations

from pathlib import Path


def own_mac() -> str:
    """The MAC address of the interface with the default route, or of the loopback (all zeros) where there is none."""
    routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    own = next((fields[0] for fields in routes if fields[1] == "00000000"), "lo")
    return Path("/sys/class/net", own, "address").read_text().strip()
