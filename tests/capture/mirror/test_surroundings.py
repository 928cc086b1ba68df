"""How a mirror's surroundings are named to a person."""

from __future__ import annotations

import pytest

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.capture.mirror.launch_tags import NAME
from vpcshark.capture.mirror.surroundings import Surroundings


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("capture", 'the capture host "capture"'),
        (NAME, "the capture host i-1"),
        ("i-1", "the capture host i-1"),
    ],
)
def test_a_capture_host_is_named_as_one_and_never_reads_as_another_word(name: str, said: str):
    """``nothing came to capture`` could be the command; and all that are launched have one name."""
    assert Surroundings([], [], CaptureHost("i-1", name, "eni-1", "10.0.0.1"), {}).receivers == said


def test_several_are_counted():
    hosts = tuple(CaptureHost(f"i-{n}", "capture", f"eni-{n}", f"10.0.0.{n}") for n in (1, 2))
    assert Surroundings([], [], hosts[0], {}, fleet_hosts=hosts).receivers == "2 capture hosts"
