"""Runs pytest, and in CI looks a second time: a test that failed is run once more, alone, when all others are done.

One that passes then is printed as FLAKY with both outputs, which are also kept in ``artifacts/flaky``. It is a defect
all the same: whoever meets it first mends it. More than three of them, or one that fails twice, is a failure.
Everything on the command line goes to pytest. Must not know any test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

MOST = 3
KEPT = Path("artifacts", "flaky")


@dataclass
class Seen:
    """A plugin that remembers which tests failed, with what they printed."""

    failed: dict[str, str] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """pytest's hook: for each phase of each test, also those of other processes."""
        if report.failed:
            self.failed[report.nodeid] = f"{self.failed.get(report.nodeid, '')}{report.when}\n{told(report)}\n"
        elif report.passed and report.when == "call":
            self.passed.add(report.nodeid)


def told(report: pytest.TestReport) -> str:
    """What pytest would print of it."""
    parts = [report.longreprtext, *(f"---- {title}\n{text}" for title, text in report.sections)]
    return "\n".join(parts)


def main(arguments: Sequence[str]) -> int:
    """pytest's exit status, or what the second look makes of it."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if "-n" in arguments:
        prepare()
    seen = Seen()
    status = int(pytest.main([*arguments], plugins=[seen]))
    if status != pytest.ExitCode.TESTS_FAILED or not seen.failed or not os.environ.get("CI"):
        return status
    return judge(seen, {test: again(test) for test in list(seen.failed)[: MOST + 1]})


def prepare() -> None:
    """Have what pytest makes of each module (its rewritten asserts) on disk before many processes ask for it at once:
    each of them would make it anew, at twelve seconds of processor time."""
    modules = sorted(str(path) for path in Path(__file__).parent.rglob("test_*.py") if not is_prepared(path))
    halves = [half for half in (modules[::2], modules[1::2]) if half]
    with ThreadPoolExecutor() as pool:
        list(pool.map(collected, halves))


def is_prepared(module: Path) -> bool:
    """Is it there, and no older than the module? Looked for by pytest's name for it; a wrong guess costs time only."""
    name = f"{module.stem}.{sys.implementation.cache_tag}-pytest-{pytest.__version__}.pyc"
    made = module.parent / "__pycache__" / name
    return made.is_file() and made.stat().st_mtime >= module.stat().st_mtime


def collected(modules: Sequence[str]) -> None:
    """Read these modules as pytest does, and run nothing."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", *modules]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def again(test: str) -> tuple[bool, str]:
    """(does it pass, what was printed), with the machine to itself."""
    command = [sys.executable, "-m", "pytest", "-q", test]
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0, done.stdout


def judge(seen: Seen, second: dict[str, tuple[bool, str]]) -> int:
    """Print the outcome of the second look; 0 if all is well but for a few flaky tests."""
    flaky = [test for test, (passes, _) in second.items() if passes]
    for test in flaky:
        text = f"FLAKY {test}\n==== at first\n{seen.failed[test]}\n==== alone\n{second[test][1]}\n"
        sys.stdout.write(text)
        KEPT.mkdir(parents=True, exist_ok=True)
        (KEPT / f"{len(list(KEPT.iterdir()))}.txt").write_text(text, "utf-8")
    for test in seen.failed.keys() - flaky:
        sys.stdout.write(f"FAILED {test}\n{second.get(test, (False, 'not run again: too many failed'))[1]}\n")
    failed = len(seen.failed) - len(flaky)
    sys.stdout.write(f"flaky: {len(flaky)} (at most {MOST})\n")
    sys.stdout.write(f"{len(seen.passed | set(flaky))} passed, {failed} failed\n")
    return int(bool(failed) or len(flaky) > MOST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
