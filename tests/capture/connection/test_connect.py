"""Which ways to a host there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.connection import connect
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.errors import Hopeless, TransportError

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
        connect.open_transport(HOST, options, lambda address, mac: False, never)
    assert caught.value.remedy == "Name another file."


@pytest.mark.parametrize("connection", ["ssh", "eice"])
@pytest.mark.parametrize("jump", ["", "  ProxyJump bastion\n"])
def test_a_host_without_any_address_is_said(connection, jump, tmp_path, monkeypatch):
    """Nothing takes the first of none."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(f"Host web-1\n{jump}  User me\n")
    with pytest.raises(TransportError, match="web-1 has no address that AWS shows") as caught:
        connect.open_transport(
            replace(HOST, address=""), CaptureOptions(connection=connection), lambda *_: False, never
        )
    assert "--connection ssm" in caught.value.remedy


FIFTY = [f"10.1.0.{n}" for n in range(10, 60)]


@pytest.mark.parametrize(
    ("facts", "tried"),
    [
        ({}, ["10.1.0.10", "2001:db8::1"]),
        ({"addresses": ("2001:db8::1", "2001:db8::2")}, ["2001:db8::1"]),
        ({"addresses": ()}, []),
        ({"interface_type": "branch"}, []),
        ({"description": "arn:aws:ecs:eu-central-1:1:attachment/0a"}, []),
        ({"interface_type": "trunk"}, ["10.1.0.10", "2001:db8::1"]),
    ],
)
def test_only_addresses_that_may_be_the_instances_own_are_tried(facts, tried):
    """The VPC CNI gives an interface's other ones to pods: fifty, and none of them the instance's."""
    eni = Eni("eni-1", "web-1", addresses=(*FIFTY, "2001:db8::1", "2001:db8::2"))
    assert interfaces.login_addresses(replace(eni, **facts)) == tried


def test_this_machine_is_told_by_the_mac_too(tmp_path):
    """Where the address is ours but the interface another one's, the host is logged in to."""
    asked = []

    def is_here(address, mac):
        asked.append((address, mac))
        return False

    options = CaptureOptions(ssh_key=str(tmp_path / "none"))
    with pytest.raises(Hopeless):
        connect.open_transport(replace(HOST, mac="06:00:00:00:00:01"), options, is_here, never)
    assert asked == [("127.0.0.1", "06:00:00:00:00:01")]
