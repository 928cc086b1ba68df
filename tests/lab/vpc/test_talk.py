"""The talkers' own bytes; what they do on a network is told in test_plane."""

from __future__ import annotations

from scapy.layers.inet import ICMP

from vpcshark.lab.vpc import talk


def test_the_icmp_checksum_is_scapys() -> None:
    """scapy computes the same."""
    message = bytes(ICMP(type=8, id=0xFFFF, seq=0xFFFE) / (b"\xff" * 48))
    assert talk.with_checksum(message[:2] + b"\0\0" + message[4:]) == message
