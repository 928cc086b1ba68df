"""``vpcshark selftest``: the trial on an AWS account, asked for and told of at a terminal.

Must not know what is tried.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from vpcshark.cleanup.detached import SAFE
from vpcshark.cli import console, packaged, statuses
from vpcshark.cli.questions import Questions
from vpcshark.clock import SystemClock
from vpcshark.errors import InputError, VpcsharkError
from vpcshark.live import sweep, trial
from vpcshark.live.ground import NAME
from vpcshark.live.record import Record
from vpcshark.live.steps import Ended
from vpcshark.text import line

TEMPLATE = "installer/cloudformation/live.yaml"
_MINUTES = range(30, 721)
_LONGEST = 900.0  # seconds that one command may take


def run(options: argparse.Namespace) -> int:
    """Try, or clean up after trials."""
    from vpcshark.aws import client

    def connect() -> Any:
        return client.connect(options.profile, options.region)

    if options.clean:
        return _clean(connect(), connect())
    wanted = _wanted(options)
    if not _is_agreed(options, wanted):
        raise InputError("Nothing was made: the price was not agreed to.", "Say yes, or give --yes.")
    with tempfile.TemporaryDirectory(prefix="vpcshark-live-") as folder:
        place = {"AWS_PROFILE": options.profile, "AWS_REGION": options.region}
        environment = {**os.environ, **{name: value for name, value in place.items() if value}}
        seams = trial.Seams(lambda words: _command(words, environment), connect, _say, Path(folder), SystemClock())
        record = trial.Trial(connect(), f"{NAME}{secrets.token_hex(3)}", wanted, seams).run()
    _write(Path(options.file), record)
    return _told(record, options.file)


def _wanted(options: argparse.Namespace) -> trial.Wanted:
    if options.minutes not in _MINUTES:
        raise InputError(f"--minutes {options.minutes} is not from {_MINUTES[0]} to {_MINUTES[-1]}.")
    trial.blocks(options.cidr)
    try:
        ssh_from = str(IPv4Network(options.ssh_from))
    except ValueError:
        problem = f'"{options.ssh_from}" is no IPv4 block.' if options.ssh_from else "From where may SSH be admitted?"
        raise InputError(problem, "Give your public address with --ssh-from, as 203.0.113.7/32.") from None
    template = packaged.find(TEMPLATE).read_text("utf-8")
    return trial.Wanted(
        options.cidr, ssh_from, options.minutes, options.budget, options.mail, template, tuple(options.only)
    )


def _is_agreed(options: argparse.Namespace, wanted: trial.Wanted) -> bool:
    cost = trial.price(wanted.minutes)
    _say(
        f"A trial takes about 40 minutes and costs about ${trial.price(60):.2f} an hour; ${cost:.2f} if it stood until "
        f"its deadline in {wanted.minutes} minutes, when the stack deletes itself. It makes and deletes a VPC, "
        "five instances, a load balancer, an Instance Connect Endpoint, flow logs, IAM roles and mirror sessions."
    )
    read = input if console.has_person() else None
    return Questions(read, _say).agree("Go on?", True if options.yes else None)


def _command(words: Sequence[str], environment: dict[str, str]) -> Ended:
    """One command of ours. It outlives us if we are killed: it then ends by itself, and cleans up."""
    program = [sys.executable, "-c", f"{SAFE}; from vpcshark.cli import main; sys.exit(main())"]
    try:
        done = subprocess.run(
            [*program, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(-1, "", f"no end after {_LONGEST:.0f} seconds")
    return Ended(done.returncode, done.stdout, done.stderr)


def _clean(account: Any, fresh: Any) -> int:
    sweep.all_trials(account, SystemClock(), _say)
    left = sweep.proved(fresh, "", "", SystemClock())
    if left:
        raise VpcsharkError(f"There is still: {', '.join(left)}.", "Run it again, or delete these by hand.")
    console.out().print("Nothing is left of any trial.")
    return statuses.OK


def _write(file: Path, record: Record) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as out:
        out.write(json.dumps(record.as_json(), indent=2) + "\n")


def _told(record: Record, file: str) -> int:
    out = console.out()
    differences = record.differences()
    for one in differences:
        out.print(console.styled(line(one)), soft_wrap=True)
    rows = f"{sum(one.agrees for one in record.rows)} of {len(record.rows)} rows of docs/truth.md agree"
    steps = f"{sum(not one.problem for one in record.steps)} of {len(record.steps)} steps went well"
    out.print(f"{steps}; {rows}; the record is {file}.", soft_wrap=True)
    for one in record.left:
        out.print(console.styled(f"still there: {line(one)}", "bold red"), soft_wrap=True)
    out.print("Nothing is left in the account." if not record.left else "vpcshark selftest --clean deletes it.")
    return statuses.FAILED if differences or record.left else statuses.OK


def _say(text: str) -> None:
    console.err().print(console.styled(line(text)), soft_wrap=True)
