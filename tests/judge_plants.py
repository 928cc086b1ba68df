"""``make judge-plants OUT=DIR``: what ``vpcshark diagnose`` says of the cases that ``make plants`` made, beside labels.

A row of LABELS.tsv says what its files prove ("a|b": either), and what else is true of them. An answer is right if all
that is proved is claimed (*proved* or *likely*) and nothing that is not true; a "cannot tell" is counted apart, and so
is its being provable. Prints tables; exit status 1 where a figure is below its goal. Must not know how cases are made.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent / "support"))
import frame_facts

HEALTHY, NOTHING = "healthy", "-"
CLAIMS = {"proved", "likely"}
SECONDS = 300
PRECISION, RECALL = 0.98, 0.90
OUTCOMES = ("right", "wrong", "missed", "cannot tell, provable", "cannot tell, not provable", "no answer")
Answer = dict[str, Any]


class Case(NamedTuple):
    """A row of LABELS.tsv, as far as it is judged. ``groups``: sets of classes, of each of which one is to be told."""

    files: tuple[str, ...]
    fault: str
    groups: tuple[frozenset[str], ...]
    admits: frozenset[str]


class Verdict(NamedTuple):
    """``claims``: what was told; ``false``: what of that is not true."""

    case: Case
    outcome: str
    claims: frozenset[str]
    false: frozenset[str]


def read(labels: Path) -> list[Case]:
    """The cases of a LABELS.tsv."""
    head, *rows = (line.split("\t") for line in labels.read_text("utf-8").splitlines())
    found = []
    for row in rows:
        label = dict(zip(head, row, strict=True))
        proves = [frozenset(word.split("|")) for word in label["proves"].split() if word != NOTHING]
        admits = frozenset(word for word in label["admits"].split() if word != NOTHING)
        found.append(Case(tuple(label["name"].split(" ")), label["class"], tuple(proves), admits))
    return found


def claimed(answer: Answer) -> frozenset[str]:
    """Classes that are told as proved or likely, or that nothing is wrong."""
    found = {each["class"] for each in answer["findings"] if each["confidence"] in CLAIMS}
    return frozenset(found or ({HEALTHY} if answer["healthy"] else set()))


def judge(case: Case, answer: Answer | None) -> Verdict:
    """What an answer is worth; None is no answer."""
    if answer is None:
        return Verdict(case, "no answer", frozenset(), frozenset())
    claims = claimed(answer)
    true = case.admits.union(*case.groups) | ({HEALTHY} if not case.groups or case.admits & claims else set())
    false = claims - true - {HEALTHY}
    if false:
        return Verdict(case, "wrong", claims, false)
    if not case.groups:
        return Verdict(case, "cannot tell, not provable", claims, false)
    if all(_is_told(group, claims, case.admits) for group in case.groups):
        return Verdict(case, "right", claims, false)
    if claims == {HEALTHY}:
        return Verdict(case, "missed", claims, claims)
    return Verdict(case, "cannot tell, provable", claims, false)


def _is_told(group: frozenset[str], claims: frozenset[str], admits: frozenset[str]) -> bool:
    """What is true besides may be told in place of "healthy"."""
    return bool(group & claims) or (HEALTHY in group and bool(claims) and claims <= admits)


def misplaced(case: Case, answer: Answer) -> list[str]:
    """Frames that are not what the findings say, by tshark's fields."""
    found = frame_facts.wrong(each for each in answer["findings"] if each.get("frames"))
    return [f"{' '.join(case.files)}: {each}" for each in found]


def ask(command: Sequence[str], folder: Path) -> Callable[[Case], Answer | None]:
    """Runs ``command FILE… --json``."""

    def answer(case: Case) -> Answer | None:
        words = [*command, *(str(folder / file) for file in case.files), "--json"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS)
        try:
            found: Answer = json.loads(done.stdout)
            return found if {"findings", HEALTHY} <= set(found) else None
        except ValueError:
            return None

    return answer


def table(verdicts: Iterable[Verdict]) -> list[str]:
    """Per class of what is planted: how many answers are what."""
    counts: dict[str, Counter[str]] = {}
    for each in verdicts:
        counts.setdefault(each.case.fault, Counter())[each.outcome] += 1
    lines = [f"{'planted':24}" + "".join(f"{name:>27}" for name in OUTCOMES)]
    for fault, row in sorted(counts.items()):
        lines.append(f"{fault:24}" + "".join(f"{row[name]:27}" for name in OUTCOMES))
    return lines


def figures(verdicts: Sequence[Verdict]) -> tuple[list[str], bool]:
    """(precision and recall of each class that is told or to be told, are all goals reached?)."""
    told, true, due, met = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for each in verdicts:
        for claim in each.claims:
            told[claim] += 1
            true[claim] += claim not in each.false
        for group in each.case.groups:
            name = "|".join(sorted(group))
            due[name] += 1
            met[name] += _is_told(group, each.claims, each.case.admits) and each.outcome != "no answer"
    lines = [
        f"precision of {name:30} {true[name]:5} of {told[name]:5}  {true[name] / told[name]:.3f}"
        for name in sorted(told)
    ]
    lines += [
        f"recall of {name:33} {met[name]:5} of {due[name]:5}  {met[name] / due[name]:.3f}" for name in sorted(due)
    ]
    is_good = all(true[name] >= PRECISION * told[name] for name in told)
    return lines, is_good and sum(met.values()) >= RECALL * sum(due.values())


def report(verdicts: Sequence[Verdict]) -> tuple[str, int]:
    """(text, exit status)."""
    alarms = [each for each in verdicts if each.case.fault == HEALTHY and each.outcome == "wrong"]
    lines = []
    for each in verdicts:
        if each.outcome in {"wrong", "missed", "no answer", "cannot tell, provable"}:
            proves = " ".join("|".join(sorted(group)) for group in each.case.groups) or NOTHING
            said = " ".join(sorted(each.claims)) or "nothing"
            lines.append(f"{each.outcome}: {' '.join(each.case.files)}: expected {proves}, got {said}")
    numbers, is_good = figures(verdicts)
    sound = sum(each.case.fault == HEALTHY for each in verdicts)
    lines += ["", *table(verdicts), "", *numbers, "", f"false alarms on sound ones: {len(alarms)} of {sound}"]
    return "\n".join(lines) + "\n", 0 if is_good and not alarms else 1


def main(words: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Judge a diagnosing command by planted cases.")
    parser.add_argument("folder", type=Path, help="what make.py made")
    parser.add_argument("--command", default=f"{sys.executable} -m vpcshark diagnose", help="(%(default)s)")
    parser.add_argument("--only", action="append", metavar="CLASS", help="only where this is planted; may be repeated")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(words)
    cases = [case for case in read(options.folder / "LABELS.tsv") if not options.only or case.fault in options.only]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        answers = list(pool.map(ask(shlex.split(options.command), options.folder), cases))
        told = [(case, answer) for case, answer in zip(cases, answers, strict=True) if answer is not None]
        wrong = [said for found in pool.map(lambda each: misplaced(*each), told) for said in found]
    text, status = report([judge(case, answer) for case, answer in zip(cases, answers, strict=True)])
    frames = sum(len(each.get("frames", ())) for _, answer in told for each in answer["findings"])
    sys.stdout.write(text + "".join(f"{said}\n" for said in wrong))
    sys.stdout.write(f"{frames} frames of findings are looked up with tshark: {len(wrong)} are not what is said\n")
    return status or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
