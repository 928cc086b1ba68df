"""A lab for each module of tests that run real tools: what one leaves open on purpose is not in another's way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from hands import NEEDED, VPCSHARK, Lab, parse_exports, wait_until


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A root lab. Where it cannot run, end-to-end tests fail in CI and are skipped elsewhere."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [tool for tool in NEEDED if not any(os.access(f"{place}/{tool}", os.X_OK) for place in path.split(":"))]
    if os.geteuid() != 0 or missing:
        reason = f"end-to-end tests need root and {', '.join(NEEDED)}; missing: {', '.join(missing) or 'root'}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    started = subprocess.run([*VPCSHARK, "lab", "start"], text=True, capture_output=True, timeout=60, check=False)
    assert started.returncode == 0, started.stderr
    environment = {**os.environ, "PATH": path, **parse_exports(started.stdout)}
    try:
        yield Lab(environment)
    finally:
        stopped = subprocess.run(
            [*VPCSHARK, "lab", "stop"], env=environment, text=True, capture_output=True, timeout=60, check=False
        )
        assert stopped.returncode == 0, stopped.stderr


@pytest.fixture
def clean_lab(lab: Lab) -> Iterator[Lab]:
    """The lab, proved to have no mirror resource before and after the test."""
    assert lab.is_clean()
    yield lab
    wait_until(lab.is_clean, "the account is clean", 20)
