"""A lab without a network of its own, and workers for the scenarios."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import Chaos, parallel
from hands import Lab, parse_exports

from vpcshark.lab import commands


@pytest.fixture(scope="session")
def loopback_lab() -> Iterator[Lab]:
    """The API with made-up traffic to this machine; needs no root."""
    start = "import sys; from vpcshark.lab import commands; commands.start(sys.stdout, lambda _: None, kind='loopback')"
    said = subprocess.run([sys.executable, "-c", start], text=True, capture_output=True, timeout=180, check=True)
    environment = {**os.environ, **parse_exports(said.stdout)}
    try:
        yield Lab(environment)
    finally:
        commands.stop(io.StringIO(), Path(environment["VPCSHARK_LAB"]))


@pytest.fixture(scope="session")
def chaos(loopback_lab: Lab, tmp_path_factory) -> Iterator[Chaos]:
    """Workers with their decoys."""
    made = Chaos(loopback_lab, tmp_path_factory.mktemp("chaos"), parallel())
    yield made
    made.close()
