"""A process that runs one command of ``vpcshark`` after the other, each with files for its stdout and stderr.

In one process, because Python and boto3 would take a second for each. stdin: a line of JSON, a list of [name, mode of
the account, argv]; argv[0] "extcap" is a call of Wireshark's.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path


def walk(steps: Sequence[tuple[str, str, list[str]]]) -> None:
    """Run them all; the status of each stands in NAME.status."""
    for name, mode, argv in steps:
        urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/mode/{mode}", b"").close()
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(f"{name}.out", "w"))))
            stack.enter_context(contextlib.redirect_stderr(stack.enter_context(open(f"{name}.err", "w"))))
            status = run(argv)
        Path(f"{name}.status").write_text(f"{status} {time.monotonic()} {time.process_time()}")


def run(argv: list[str]) -> int:
    """One of them."""
    if argv[0] == "extcap":
        return extcap(argv[1:])
    from vpcshark.cli.main import run as run_command

    return run_command(argv)


def extcap(argv: list[str]) -> int:
    """``--list`` is what a refresh asks and keeps; everything else as Wireshark asks it."""
    from vpcshark.capture.services import Services
    from vpcshark.extcap import main, refresh
    from vpcshark.extcap.prepared.writer import Answers

    if argv == ["--list"]:
        sys.stdout.write(refresh.renew(Services, os.environ, Answers(os.environ)))
        return 0
    out = io.StringIO()
    status = main.main(argv, Services, out, sys.stderr, os.environ, lambda seconds: None)
    sys.stdout.write(out.getvalue())
    return status


if __name__ == "__main__":
    walk(json.loads(sys.stdin.readline()))
