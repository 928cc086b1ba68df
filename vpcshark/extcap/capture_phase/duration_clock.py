"""Whether the program that reads the FIFO counts seconds for us alone: a tshark with ``-a duration`` and one interface.

dumpcap's clock starts with the section header. So for such a tshark the header waits until frames can come; any other
reader has it at once: Wireshark's window shows a running capture only then, and of several interfaces dumpcap opens one
after the other, each once it has the last one's header. What is not sure counts as no. Must not know the sink.
"""

from __future__ import annotations

import getopt
import logging
import os
import re
from collections.abc import Sequence

log = logging.getLogger(__name__)

# tshark(1) of Wireshark 4.0 to 4.6. An option that is not here makes getopt give up, and that counts as no.
_SHORT = "2a:A:b:B:c:C:d:De:E:f:F:gG:hH:i:Ij:J:K:lLM:nN:o:O:pPqQr:R:s:S:t:T:u:U:vVw:W:xX:y:Y:z:"
_VALUED = (
    "interface autostop ring-buffer snapshot-length buffer-size linktype log-level log-domain log-domains log-file "
    "temp-dir capture-comment export-objects disable-protocol enable-protocol disable-heuristic enable-heuristic "
    "only-protocols elastic-mapping-filter hexdump read-filter display-filter compress update-interval"
)
_BARE = "color no-duplicate-keys print no-promiscuous-mode monitor-mode no-optimize log-fatal"
_LONG = [*(f"{name}=" for name in _VALUED.split()), *_BARE.split()]


def counts_for_us(argv: Sequence[str]) -> bool:
    """Is that the command line of a tshark that captures from one interface, for so many seconds?"""
    if not argv or not re.fullmatch(r"(.*[/\\])?tshark(\.exe)?", argv[0]):
        return False
    try:
        given, _ = getopt.getopt(list(argv[1:]), _SHORT, _LONG)
    except getopt.GetoptError:
        return False
    interfaces = [value for name, value in given if name in ("-i", "--interface")]
    limits = [value for name, value in given if name in ("-a", "--autostop")]
    return len(interfaces) == 1 and any(re.fullmatch(r"duration:\s*[0-9.]+", limit) for limit in limits)


def reader() -> list[str]:
    """The command line of the process that started us; [] where it can't be read. The launcher becomes us (exec), so
    that is our parent but on Windows."""
    if os.name == "nt":
        return []
    import psutil

    try:
        return psutil.Process(os.getppid()).cmdline()
    except psutil.Error as error:
        log.info("Who reads cannot be seen: %s", error)
        return []
