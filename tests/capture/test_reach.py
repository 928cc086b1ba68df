"""Which ways to a host there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vpcshark.aws.hosts import CaptureHost
from vpcshark.capture import reach
from vpcshark.capture.options import CaptureOptions
from vpcshark.errors import Hopeless

HOST = CaptureHost("i-0123456789abcdef0", "web-1", "eni-1", "127.0.0.1")


def never():
    """AWS must not be asked."""
    raise AssertionError("AWS was asked")


@pytest.mark.parametrize("connection", ["auto", "ssh", "ssm", "eice"])
@pytest.mark.parametrize("text", [None, "no key"])
def test_a_named_key_that_cannot_be_used_is_said_before_any_way_is_tried(connection, text, tmp_path):
    """Neither the agent's keys nor a pushed one stand in for what the user named."""
    key = tmp_path / "key"
    if text is not None:
        key.write_text(text)
    options = CaptureOptions(connection=connection, ssh_key=str(key))
    with pytest.raises(Hopeless, match=str(key)) as caught:
        reach.open_transport(HOST, options, lambda address, mac: False, never)
    assert caught.value.remedy == "Name another file."


def test_this_machine_is_told_by_the_mac_too(tmp_path):
    """Where the address is ours but the interface another one's, the host is logged in to."""
    asked = []

    def is_here(address, mac):
        asked.append((address, mac))
        return False

    options = CaptureOptions(ssh_key=str(tmp_path / "none"))
    with pytest.raises(Hopeless):
        reach.open_transport(replace(HOST, mac="06:00:00:00:00:01"), options, is_here, never)
    assert asked == [("127.0.0.1", "06:00:00:00:00:01")]
