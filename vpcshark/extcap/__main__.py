"""``python -m vpcshark.extcap``: what the launcher runs. Imports no more than the call at hand needs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable

from vpcshark.extcap.main import main
from vpcshark.extcap.services import Services


def _services() -> Services:
    from vpcshark.capture.services import Services as Real  # here: the fast answers must not pay for it

    return Real()


def run(services: Callable[[], Services] = _services) -> int:
    """Run with the process's own streams. Sentences are UTF-8 with plain line ends, whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    return main(sys.argv[1:], services, sys.stdout, sys.stderr, os.environ)


if __name__ == "__main__":
    sys.exit(run())
