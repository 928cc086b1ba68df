"""Mode "tcpdump" before anybody is asked anything. With real instances: tests/e2e/test_tcpdump_mode.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vpcshark.capture.jobs import Jobs
from vpcshark.capture.life import Context
from vpcshark.capture.options import CaptureOptions
from vpcshark.capture.selection import Selection
from vpcshark.capture.status import Silent
from vpcshark.capture.stop import Stop
from vpcshark.capture.tcpdump import TcpdumpFeed, World
from vpcshark.capture.timeline import Timeline
from vpcshark.clock import SystemClock
from vpcshark.errors import Mistake


def nobody(*arguments):
    raise AssertionError("somebody is asked")


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_direction_of_what_is_inside_vxlan_is_refused_at_once(direction: str) -> None:
    """With what to leave out."""
    options = CaptureOptions(mode="tcpdump", decap=True, direction=direction)
    options = replace(options, capture_filter=options.whole_filter)
    clock, stop = SystemClock(), Stop()
    context = Context(Selection(("eni-1",)), options, None, Silent(), stop, clock, Timeline(clock), None)
    with pytest.raises(Mistake, match="--decap") as caught:
        TcpdumpFeed(context, World(nobody, nobody, nobody)).up(Jobs(stop))
    assert "--direction" in caught.value.remedy
