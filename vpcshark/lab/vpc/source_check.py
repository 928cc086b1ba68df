"""EC2's source/destination check at the fabric's ports: what an instance sends from an address that is not its own is
dropped before anybody sees it, mirror and flow logs included.

Must not know moto, nor who sends what.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from vpcshark.errors import VpcsharkError

_log = logging.getLogger(__name__)
_TABLE = "vpcshark-source-check"
_EVERYBODYS = {"ip": ("0.0.0.0",), "ip6": ("::", "fe80::/10")}  # before there is an address, and on the link alone
Addresses = Mapping[str, Sequence[str]]


class SourceCheck:
    """That of one lab's fabric."""

    def __init__(self, fabric: str) -> None:
        self._fabric = fabric
        self._now: dict[str, tuple[str, ...]] = {}

    def enforce(self, checked: Addresses, ports: Mapping[str, str]) -> None:
        """Let exactly these ENIs (id -> its addresses) send from their own addresses alone from now on, at their ports.
        VpcsharkError with nft's own words."""
        wanted = {ports[eni]: tuple(own) for eni, own in checked.items() if eni in ports}
        if wanted == self._now:
            return
        if shutil.which("nft") is None:
            _log.warning("There is no nft (package nftables): spoofed packets are not dropped.")
            return
        command = ["ip", "netns", "exec", self._fabric, "nft", "-f", "-"]
        done = subprocess.run(command, input=script(wanted), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise VpcsharkError(f"The lab's source check could not be put in force: {done.stderr.strip()}.")
        self._now = wanted


def script(wanted: Addresses) -> str:
    """What nft(8) is told, of the fabric's ports: the whole table anew, in one transaction."""
    lines = [f"add table netdev {_TABLE}", f"delete table netdev {_TABLE}", f"table netdev {_TABLE} {{"]
    for number, (port, own) in enumerate(wanted.items()):
        lines += _of_one(number, port, own)
    return "\n".join([*lines, "}", ""])


def _of_one(number: int, port: str, own: Sequence[str]) -> Iterator[str]:
    yield f' chain c{number} {{ type filter hook ingress device "{port}" priority -10; policy accept;'
    for family, everybodys in _EVERYBODYS.items():
        mine = [address for address in own if (":" in address) == (family == "ip6")]
        yield f"  {family} saddr != {{ {', '.join([*mine, *everybodys])} }} drop"
    yield " }"
