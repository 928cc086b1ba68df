"""Mode "tcpdump" before anybody is asked anything. With real instances: tests/e2e/test_tcpdump_mode.py."""

from __future__ import annotations

import threading

import pytest

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.inventory.eni_cache import Remembered
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.tcpdump.feed import TcpdumpFeed, World
from vpcshark.clock import SystemClock
from vpcshark.errors import AwsError, Mistake, TransportError


def nobody(*arguments):
    raise AssertionError("somebody is asked")


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_direction_of_what_is_inside_vxlan_is_refused_at_once(direction: str) -> None:
    """With what to leave out."""
    options = CaptureOptions(mode="tcpdump", decap=True, direction=direction)
    clock, stop = SystemClock(), Stop()
    context = Context(Selection(("eni-1",)), options, None, Silent(), stop, clock, Timeline(clock), None)
    with pytest.raises(Mistake, match="--decap") as caught:
        TcpdumpFeed(context, World(nobody, nobody, nobody)).up(Jobs(stop))
    assert "--direction" in caught.value.remedy


def test_aws_and_what_is_known_both_fail_and_the_reason_is_awss() -> None:
    """What is known may still lead there when AWS has refused: only then is the capture over."""
    refused = threading.Event()

    def refuse():
        refused.set()
        raise AwsError("AWS gave no answer.")

    def unreachable(host, addresses):
        assert refused.wait(60)
        raise TransportError("Nobody is there.")

    eni = Eni("eni-1", "web-1", instance="i-1", instance_state="running", primary_address="10.0.0.5")
    known = Remembered(eni, [eni], CaptureHost("i-1", "web-1", "eni-1", "10.0.0.5"))
    clock, stop = SystemClock(), Stop()
    options = CaptureOptions(mode="tcpdump")
    context = Context(Selection(("eni-1",)), options, None, Silent(), stop, clock, Timeline(clock), None)
    with pytest.raises(AwsError, match="no answer"):
        TcpdumpFeed(context, World(refuse, unreachable, lambda eni: known)).up(Jobs(stop))
