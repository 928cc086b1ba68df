"""The lab's VXLAN encapsulation, judged by scapy."""

from __future__ import annotations

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.layers.vxlan import VXLAN

from vpcshark.lab.vpc import vxlan

OUTER = vxlan.outer("0a:00:00:00:00:01", "0a:00:00:00:00:02", "10.0.0.1", "10.0.0.2")


def test_scapy_reads_what_was_written() -> None:
    """All outer fields are where RFC 7348 has them, and the inner frame is untouched."""
    inner = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP() / UDP(sport=1, dport=2) / b"hello")
    copy = Ether(vxlan.encapsulate(OUTER, 0xABCDEF, inner, 50000))
    assert (copy.src, copy.dst) == ("0a:00:00:00:00:01", "0a:00:00:00:00:02")
    assert (copy[IP].src, copy[IP].dst, copy[IP].len) == ("10.0.0.1", "10.0.0.2", 36 + len(inner))
    assert (copy[UDP].sport, copy[UDP].dport, copy[UDP].len, copy[UDP].chksum) == (50000, 4789, 16 + len(inner), 0)
    assert (copy[VXLAN].vni, str(copy[VXLAN].flags)) == (0xABCDEF, "Instance")
    assert bytes(copy[VXLAN].payload) == inner


def test_the_outer_checksum_is_scapys() -> None:
    """scapy computes the same IP checksum for lengths that make the sum carry."""
    for length in (0, 1, 1400, 8965):
        copy = Ether(vxlan.encapsulate(OUTER, 1, bytes(length), 65535))
        ours = copy[IP].chksum
        del copy[IP].chksum
        assert Ether(bytes(copy))[IP].chksum == ours


def test_a_flow_has_one_source_port() -> None:
    """The port hangs on the 5-tuple alone and lies in 49152-65535."""
    flow = Ether() / IP(src="10.0.0.1", dst="10.0.0.2")
    ports = [vxlan.source_port(bytes(flow / TCP(sport=port, dport=80) / body)) for port in range(50) for body in "ab"]
    assert ports[::2] == ports[1::2]
    assert min(ports) >= 49152
    assert max(ports) <= 65535
    assert len(set(ports)) > 40


def test_a_frame_without_ip_has_a_source_port_too() -> None:
    """Anything can be encapsulated."""
    assert 49152 <= vxlan.source_port(bytes(Ether() / ARP())) <= 65535
