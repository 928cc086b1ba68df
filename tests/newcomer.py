"""Does what README says in fresh Debians, as somebody who has just found vpcshark: `make newcomer` (root).

    newcomer.py FOLDER [SUITE ...] [--rounds N] [--users root,tester] [--at-once N] [--busy N] [--wheel FILE]

Each run has a chroot in which nobody was before: what looks like a cached one that has what README asks for, and no
more. Beside it two loops keep the machine busy. What is done there, and judged, is in ``newcomer_steps``; this prints a
table of it, keeps each transcript in artifacts/newcomer, and ends with status 1 where a step failed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import debians
import load
import packages

LOGS = debians.PROJECT / "artifacts" / "newcomer"
Step = dict[str, object]


def go(place: Path, scratch: Path, wheel: Path, user: str, log: Path) -> Iterator[Step]:
    """One newcomer's steps, as they are done."""
    steps = ["python3", "tests/newcomer_steps.py", debians.hand_in(wheel, scratch)]
    command = debians.fresh(place, scratch, *([] if user == "root" else ["-u"]), *steps)
    with (
        log.open("w", encoding="utf-8") as transcript,
        subprocess.Popen(
            command, env=debians.environ(), stdout=subprocess.PIPE, stderr=transcript, text=True
        ) as process,
    ):
        assert process.stdout
        for line in process.stdout:
            yield json.loads(line)
    if process.returncode:
        yield {"step": "end", "ok": False, "seconds": 0.0, "remark": f"status {process.returncode}; see {log}"}


def cell(steps: Sequence[Step], rounds: int) -> str:
    """How often a step went well, and in how many seconds: the longest."""
    good = sum(bool(step["ok"]) for step in steps)
    longest = max((float(str(step["seconds"])) for step in steps), default=0.0)
    return f"{good}/{rounds} {longest:.0f}s"


def table(done: dict[tuple[str, str], list[Step]], rounds: int) -> str:
    """A line for each Debian and user, a column for each step."""
    names = list(dict.fromkeys(str(step["step"]) for steps in done.values() for step in steps))
    rows = [["Debian", "user", *names]]
    for (suite, user), steps in done.items():
        by_name = [[step for step in steps if step["step"] == name] for name in names]
        rows.append([suite, user, *(cell(of, rounds) for of in by_name)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows)


def main() -> int:
    """All of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("suites", nargs="*", default=debians.SUITES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", default="root,tester")
    parser.add_argument("--at-once", type=int, default=2, help="how many newcomers at one time")
    parser.add_argument("--busy", type=int, default=2, help="loops beside them that keep the machine busy")
    parser.add_argument("--wheel", type=Path, help="this one, instead of one that is built first")
    options = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    runs = list(product(range(1, options.rounds + 1), options.suites, options.users.split(",")))
    done: dict[tuple[str, str], list[Step]] = {(suite, user): [] for _, suite, user in runs}
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=debians.made(options.folder))))
        wheel = options.wheel or packages.build(packages.tools(scratch / "tools"), scratch / "dist")[1]
        places = {suite: debians.base(options.folder, suite) for suite in options.suites}
        for _ in range(options.busy):
            load.start(stack, load.LOOP)

        def one(run: tuple[int, str, str]) -> None:
            number, suite, user = run
            log = LOGS / f"{suite}-{user}-{number}.log"
            with tempfile.TemporaryDirectory(dir=options.folder) as own:
                for step in go(places[suite], Path(own), wheel, user, log):
                    done[suite, user].append(step)
                    mark = "ok  " if step["ok"] else "FAIL"
                    packages.say(f"{mark} {suite} {user} {number} {step['step']} {step['seconds']}s: {step['remark']}")

        with ThreadPoolExecutor(options.at_once) as pool:
            list(pool.map(one, runs))
    packages.say(table(done, options.rounds))
    return 0 if all(step["ok"] for steps in done.values() for step in steps) else 1


if __name__ == "__main__":
    sys.exit(main())
