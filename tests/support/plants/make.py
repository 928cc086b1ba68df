"""``python tests/support/plants/make.py --out DIR``: make every kind of case with some seeds, and DIR/LABELS.tsv.

Each case is a folder KIND-sSEED with client.pcapng and server.pcapng. Needs root, tcpdump, nft and tc; cases run
beside each other since they mostly wait. A case whose fault did not come about, or whose machine stood still, is made
again, a few times. Must not know the kinds.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

if __package__ in (None, ""):  # started as a file
    sys.path[0] = str(Path(__file__).resolve().parents[1])

COLUMNS = ("name", "source", "capture point", "truth", "tempting wrong answer", "class", "proves", "admits")
TRIES = 5
STANDSTILL = 0.3
"""Seconds for which the machine may stand still in a case of ten: more would be in its packets as a fault."""
ROUNDS = 3


class Row(NamedTuple):
    """A line of LABELS.tsv. ``name``: the file or, with a blank between, both files. ``fault``: the class of what is
    wrong in the network. ``proves``: classes that these files prove, "healthy", or "-" where they cannot tell.
    ``admits``: what else is true of them."""

    name: str
    source: str
    point: str
    truth: str
    tempting: str
    fault: str
    proves: str
    admits: str


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    from plants.all import KINDS

    options = parsed(words)
    kinds = [each.name for each in KINDS.values() if not options.only or {each.fault, each.name} & set(options.only)]
    if not kinds:
        sys.stderr.write("There is no such class or kind.\n")
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    seeds = [options.seed + number for number in range(options.rounds)]
    kinds.sort(key=lambda name: -KINDS[name].seconds)
    rows, failed = made(options.out, [(kind, seed) for kind in kinds for seed in seeds], options.workers)
    write(options.out / "LABELS.tsv", rows)
    sys.stdout.write(
        f"{len(rows)} labels of {len(kinds)} kinds in {options.out}; {len(failed)} cases could not be made\n"
    )
    sys.stderr.write("".join(failed))
    return 1 if failed else 0


def parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Plant faults between network namespaces and capture them.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many seeds of each kind (%(default)s)")
    parser.add_argument("--only", action="append", metavar="CLASS", help="only this class or kind; may be repeated")
    parser.add_argument("--workers", type=int, default=6, help="cases at one time (%(default)s)")
    return parser.parse_args(words)


def made(out: Path, cases: Iterable[tuple[str, int]], workers: int) -> tuple[list[Row], list[str]]:
    """(labels, what went wrong) of all cases."""
    with concurrent.futures.ProcessPoolExecutor(workers, initializer=promptly) as pool:
        found = [each.result() for each in [pool.submit(tried, out, kind, seed) for kind, seed in cases]]
    return sorted(row for rows, _ in found for row in rows), [error for _, error in found if error]


def promptly() -> None:
    """Let this process run soon: cases mostly wait, and when they do not, a busy machine would be in their packets."""
    with suppress(PermissionError):  # a container's root may not
        os.nice(-10)


def tried(out: Path, kind: str, seed: int) -> tuple[list[Row], str]:
    """(labels of one case, what went wrong)."""
    error = ""
    for _ in range(TRIES):
        try:
            return make(out, kind, seed), ""
        except Exception:  # noqa: BLE001  whatever it is: the other cases are made, and it is told in the end
            error = f"{kind} seed {seed}: {traceback.format_exc()}"
    return [], error


def make(out: Path, name: str, seed: int) -> list[Row]:
    """Make one case. Raises: NotPlantedError, or what its network raises."""
    from plants.all import KINDS
    from plants.kinds import CALM
    from plants.lab import Lab

    kind, folder = KINDS[name], out / f"{name}-s{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    lab = Lab(folder, name, seed)
    try:
        truth = kind.make(lab)
        if kind.fault in CALM:
            lab.must_be_calm()
    finally:
        lab.end()
    most = STANDSTILL * max(1.0, kind.seconds / 10)
    lab.must(lab.worst < most, f"the machine stood still for {lab.worst:.1f} s")
    files = {point: f"{folder.name}/{point}.pcapng" for point in ("client", "server")}
    rows = []
    for point, proved in kind.proves.items():
        file = files.get(point, " ".join(files.values()))
        proves, admits = " ".join(proved) or "-", " ".join(kind.admits[point]) or "-"
        rows.append(
            Row(file, f"planted {name} seed {seed}", point, truth, kind.tempting or "-", kind.fault, proves, admits)
        )
    return rows


def write(file: Path, rows: Iterable[Row]) -> None:
    """LABELS.tsv; the rows of other cases that it has already stay."""
    made = {row.name: row for row in (read(file) if file.exists() else [])} | {row.name: row for row in rows}
    rows = sorted(made.values())
    lines = ["\t".join(COLUMNS), *("\t".join(row) for row in rows)]
    file.write_text("\n".join(lines) + "\n", "utf-8")


def read(file: Path) -> list[Row]:
    """The labels of a folder that ``write`` wrote."""
    return [Row(*line.split("\t")) for line in file.read_text("utf-8").splitlines()[1:]]


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.exit(main())
