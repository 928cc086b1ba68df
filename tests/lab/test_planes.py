"""Which data plane, and which network."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from vpcshark.lab.planes import KINDS, NetworkClaim, resolve, routed_networks


def test_routes_are_read_as_the_kernel_writes_them() -> None:
    """Little-endian hexadecimal; the default route takes no network away."""
    lines = [
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
        "tun0\t0000650A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
    ]
    assert routed_networks(lines) == [IPv4Network("192.0.2.0/24"), IPv4Network("10.101.0.0/16")]


def test_two_claims_never_meet() -> None:
    """Labs side by side get networks of their own; a released one is free again."""
    first, second = NetworkClaim(), NetworkClaim()
    assert first.number != second.number
    first.release()
    third = NetworkClaim()
    assert third.number != second.number
    second.release()
    third.release()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "auto"])
def test_a_kind_that_was_asked_for_is_kept(kind: str) -> None:
    """Only "auto" chooses."""
    assert resolve(kind) == kind
    assert resolve("auto") in ("namespaces", "loopback")
