"""What is this machine's and what only looks like it."""

from __future__ import annotations

import pytest
from machine import own_mac

from vpcshark.capture.connection.local_machine import is_here

OTHER = "06:12:34:56:78:9a"
EVERYWHERE = ["0.0.0.0", "::"]  # addresses that a socket can be bound to on every machine


@pytest.mark.parametrize("address", EVERYWHERE)
def test_an_address_of_ours_is_here_and_with_another_ones_mac_it_is_not(address: str) -> None:
    """A network at home may have the addresses of the VPC."""
    assert is_here(address)
    assert not is_here(address, OTHER)


@pytest.mark.parametrize("address", EVERYWHERE)
def test_an_address_of_ours_with_a_mac_of_ours_is_here(address: str) -> None:
    """As the kernel shows it, however it is written."""
    assert is_here(address, own_mac())
    assert is_here(address, own_mac().upper())


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.8.7", "::1"])
def test_a_loopback_address_is_nobody_elses(address: str) -> None:
    """The lab without root has its ENIs there, with MACs that no device has."""
    assert is_here(address, OTHER)


def test_what_no_socket_can_be_bound_to_is_elsewhere() -> None:
    """An address of the block for documentation."""
    assert not is_here("192.0.2.1")
    assert not is_here("2001:db8::1", OTHER)


def test_no_address_is_nobodys() -> None:
    """A socket can be bound to "", which means any; an instance may have no IPv4 address."""
    assert not is_here("")
    assert not is_here("", OTHER)
