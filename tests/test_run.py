"""The second look at a test that failed: honest about what is flaky, and red where it must be."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
FAILS = "def test_{0}():\n    print('said by {0}')\n    assert False\n"
FLAKY = (
    "def test_{0}():\n    mark = Path('{0}.mark')\n    assert mark.exists() or mark.write_text('') is None and False\n"
)
PASSES = "def test_{0}(): pass\n"
HANGS = "def test_{0}():\n    import threading\n    threading.Event().wait()\n"


@pytest.fixture
def run(tmp_path: Path):
    """Run tests of these kinds; returns how that ended."""

    def start(*kinds: str, ci: str = "true", more: str = "") -> subprocess.CompletedProcess[str]:
        text = "".join(kind.format(f"number_{n}") for n, kind in enumerate(kinds))
        (tmp_path / "test_some.py").write_text(f"from pathlib import Path\n{text}")
        (tmp_path / "pytest.ini").write_text(f"[pytest]\n{more}")
        environment = {**os.environ, "CI": ci, "PYTEST_ADDOPTS": ""}
        return subprocess.run(
            [sys.executable, str(RUN), "-q"], cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
        )

    return start


def test_all_that_passes_is_green(run):
    """And nothing is run again."""
    done = run(PASSES, PASSES)
    assert done.returncode == 0
    assert "flaky" not in done.stdout


@pytest.mark.long
def test_what_passes_alone_is_printed_as_flaky_and_kept(run, tmp_path: Path):
    """With both outputs."""
    done = run(PASSES, FLAKY)
    assert done.returncode == 0
    assert "FLAKY test_some.py::test_number_1\n==== at first" in done.stdout
    assert done.stdout.endswith("flaky: 1 (at most 3)\n2 passed, 0 failed\n")
    assert "==== alone\n" in (tmp_path / "artifacts" / "flaky" / "0.txt").read_text()


def test_what_fails_twice_is_red(run):
    """Its second output is printed too."""
    done = run(PASSES, FLAKY, FAILS)
    assert done.returncode == 1
    assert done.stdout.count("said by number_2") >= 2
    assert done.stdout.endswith("2 passed, 1 failed\n")


@pytest.mark.long
def test_four_flaky_tests_are_red(run):
    """So many are no accident."""
    assert run(*[FLAKY] * 3).returncode == 0
    assert run(*[FLAKY.replace("{0}.mark", "{0}.other")] * 4).returncode == 1


def test_what_hangs_is_red(run, tmp_path: Path):
    """With where it hung, and what comes after it is run; CI would wait for its own end otherwise, and say nothing."""
    done = run(HANGS, PASSES, more="timeout = 1\n", ci="")
    assert done.returncode == 1
    assert "threading.Event().wait()" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_no_test_may_hang() -> None:
    """Neither here nor in CI: a test has at most 20 minutes, unless a target of the Makefile gives it more."""
    settings = configparser.ConfigParser()
    settings.read(RUN.parent.parent / "setup.cfg")
    assert 0 < settings.getint("tool:pytest", "timeout") <= 1200


def test_only_ci_looks_twice(run):
    """Who changes something wants to see what fails."""
    done = run(FLAKY, ci="")
    assert done.returncode == 1
    assert "FLAKY" not in done.stdout
