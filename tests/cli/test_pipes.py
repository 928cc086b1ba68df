"""A capture whose reader has gone before its first byte ends as one whose reader goes later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.progress import Course
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.services import Services

ENI = "eni-0123456789abcdef0"


@pytest.mark.parametrize("form", [(), ("-F", "pcap"), ("--diagnose",)])
def test_a_reader_that_is_gone_at_the_start_ends_it_well_and_without_a_word(tmp_path: Path, form: tuple[str, ...]):
    """``vpcshark capture … -w - | true``: there is nothing to clean up, and AWS is not asked."""
    reading, writing = os.pipe()
    os.close(reading)
    own = {f"XDG_{name}_HOME": str(tmp_path) for name in ("STATE", "CACHE", "CONFIG")}
    aws = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "eu-west-1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "vpcshark", "capture", ENI, *form, "-w", "-"],
        env={**os.environ, **own, **aws},
        stdin=subprocess.DEVNULL,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


class Unread(Sink):
    """Whoever was to read it has gone."""

    def write(self, data: bytes) -> None:
        raise SinkClosed("nobody reads it any more")

    def close(self) -> None: ...


def test_a_capture_that_nobody_reads_from_the_first_byte_on_was_stopped_early(tmp_path: Path):
    """Whichever face asked for it hears what it hears of each that was stopped before frames could come."""
    stop, early = Stop(), list[str]()
    services = Services(ledgers=tmp_path / "captures")
    services.capture(Selection((ENI,)), CaptureOptions(), Unread(), stop, Silent(), Course(on_early=early.append))
    assert (len(early), stop.reason) == (1, "nobody reads it any more")
    assert not (tmp_path / "captures").exists(), "nothing was begun"
