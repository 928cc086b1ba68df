"""A lab without a network of its own, and workers for the scenarios."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from chaos import Chaos, parallel
from hands import Lab, parse_exports

from vpcshark.lab import commands

Until = Callable[[str, AbstractContextManager[Any]], Any]
HERE = "tests/chaos/"


@contextmanager
def running() -> Iterator[Lab]:
    """The API with made-up traffic to this machine; needs no root."""
    start = "import sys; from vpcshark.lab import commands; commands.start(sys.stdout, lambda _: None, kind='loopback')"
    said = subprocess.run([sys.executable, "-c", start], text=True, capture_output=True, timeout=180, check=True)
    environment = {**os.environ, **parse_exports(said.stdout)}
    try:
        yield Lab(environment)
    finally:
        commands.stop(io.StringIO(), Path(environment["VPCSHARK_LAB"]))


@pytest.fixture(scope="session")
def loopback_lab(as_root: None, until_folder_ends: Until) -> Lab:
    """A lab for all tests here. Root: without namespaces other labs' captures would have this machine's UDP port."""
    return until_folder_ends(HERE, running())


@pytest.fixture(scope="session")
def chaos(loopback_lab: Lab, until_folder_ends: Until, tmp_path_factory) -> Chaos:
    """Workers with their decoys."""
    made = Chaos(loopback_lab, tmp_path_factory.mktemp("chaos"), parallel())
    return until_folder_ends(HERE, closing(made))
