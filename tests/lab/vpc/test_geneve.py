"""The lab's Geneve encapsulation, judged by scapy; and how flows are shared out."""

from __future__ import annotations

from collections import Counter

from scapy.contrib.geneve import GENEVE
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from vpcshark.lab.vpc import geneve, vxlan

BALANCER = vxlan.outer("0a:00:00:00:00:01", "0a:00:00:00:00:02", "10.0.0.254", "10.0.0.2")
SOURCE = vxlan.outer("0a:00:00:00:00:03", "0a:00:00:00:00:01", "10.0.1.9", "10.0.1.253")
INNER = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP() / UDP(sport=1, dport=2) / b"hello")


def test_scapy_finds_the_vxlan_packet_behind_68_bytes() -> None:
    """IP, UDP and Geneve with the three options of AWS's class; the packet is untouched."""
    packet = vxlan.packet(SOURCE, 0xABCDEF, INNER, 50000)
    frame = geneve.encapsulate(BALANCER, "vpce-0123456789abcdef0", packet)
    copy = Ether(frame)
    assert (copy[IP].src, copy[IP].dst, copy[UDP].dport) == ("10.0.0.254", "10.0.0.2", 6081)
    assert (copy[GENEVE].proto, copy[GENEVE].vni) == (0x0800, 0)
    assert [(one.classid, one.type, len(one.data)) for one in copy[GENEVE].options] == [
        (0x0108, 1, 8),
        (0x0108, 2, 8),
        (0x0108, 3, 4),
    ]
    assert frame[14 + 68 :] == packet
    within = IP(packet)
    assert (within.src, within.dst, within[UDP].dport, within[VXLAN].vni) == ("10.0.1.9", "10.0.1.253", 4789, 0xABCDEF)


def test_a_flow_stays_together_and_flows_spread() -> None:
    """By the outer 5-tuple, whatever the packet carries."""
    flows = {port: geneve.flow(vxlan.packet(SOURCE, 1, INNER, port)) for port in range(49152, 49452)}
    assert all(geneve.flow(vxlan.packet(SOURCE, 2, INNER * 3, port)) == flow for port, flow in flows.items())
    shares = Counter(flow % 3 for flow in flows.values())
    assert min(shares.values()) > 50
