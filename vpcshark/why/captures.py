"""Where packets would decide: the commands that capture at each interface of the path, and what follows them.

Nothing is captured here. Must not know how a capture is made.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from vpcshark.network.answer import SOMEBODY, SOMEBODY_V6, Answer
from vpcshark.network.packet import ICMP, ICMP6, TCP, UDP, Packet
from vpcshark.network.trail import Hop

_NAMES = {TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMP6: "icmp6"}
_ON_INSTANCES = ("interface", "branch", "efa", "trunk")


@dataclass(frozen=True)
class Capture:
    """One command. ``file`` is what it writes; ``is_packets``: else it has flow log records."""

    command: str
    file: str
    is_packets: bool


def of(answer: Answer, place: Sequence[str] = (), since: str = "30m") -> list[Capture]:
    """A command for each interface of the ways that are shown. ``place``: options that say where it is."""
    return [_capture(answer, hop, place, since) for hop in _interfaces(answer)]


def points(answer: Answer) -> tuple[list[str], str]:
    """The interfaces of the path that can be captured from, in its order, and one filter for all of them: the flow as
    each of them sees it. Where AWS chooses between several ways (the targets of a load balancer), those of all."""
    hops = [hop for hop in _interfaces(answer, is_every_way=True) if _is_on_an_instance(answer, hop)]
    filters = dict.fromkeys(capture_filter(hop.packet) for hop in hops)
    one = len(filters) == 1
    return [hop.resource for hop in hops], " or ".join(each if one else f"({each})" for each in filters)


def gaps(answer: Answer) -> list[tuple[str, str, Packet]]:
    """(id, why not, the flow as it passes there) of the path's interfaces that nobody can capture from."""
    hops = [hop for hop in _interfaces(answer, is_every_way=True) if not _is_on_an_instance(answer, hop)]
    return [(hop.resource, _why_not(answer, hop), hop.packet) for hop in hops]


def _why_not(answer: Answer, hop: Hop) -> str:
    facts = answer.network.interfaces.get(hop.resource)
    kind = facts.type.replace("_", " ") if facts is not None and facts.type else "unknown type"
    return f"an interface of AWS's own ({kind}), on no instance."


def _interfaces(answer: Answer, *, is_every_way: bool = False) -> Collection[Hop]:
    """Those of the ways that are shown first."""
    hops: dict[str, Hop] = {}
    ways = [way for way in (answer.there, answer.back) if way is not None]
    trails = [*(way.shown for way in ways), *(trail for way in ways for trail in way.trails if is_every_way)]
    for trail in trails:
        for hop in trail.hops:
            if hop.kind == "interface" and hop.resource.startswith("eni-"):
                hops.setdefault(hop.resource, hop)
    return hops.values()


def _is_on_an_instance(answer: Answer, hop: Hop) -> bool:
    facts = answer.network.interfaces.get(hop.resource)
    return facts is not None and facts.type in _ON_INSTANCES and facts.instance.startswith("i-")


def _capture(answer: Answer, hop: Hop, place: Sequence[str], since: str) -> Capture:
    if _is_on_an_instance(answer, hop):
        file = f"{hop.resource}.pcapng"
        words = ["vpcshark", "capture", hop.resource, "-f", capture_filter(hop.packet), "-w", file]
        return Capture(shlex.join([*words, *place]), file, is_packets=True)
    file = f"{hop.resource}-records.pcapng"
    words = ["vpcshark", "capture", hop.resource, "--mode", "flowlogs", "--from", since, "-w", file]
    return Capture(shlex.join([*words, *place]), file, is_packets=False)


def capture_filter(packet: Packet) -> str:
    """Its flow in both directions, with the ICMP errors that a router between may send about it (pcap-filter(7))."""
    hosts = " and ".join(f"host {each}" for each in (packet.src, packet.dst) if each not in (SOMEBODY, SOMEBODY_V6))
    own = " and ".join([*([hosts] if hosts else []), *_transport(packet)])
    if packet.protocol in (TCP, UDP):
        return f"({own}) or {'icmp6' if packet.is_v6 else 'icmp'}"
    return own


def _transport(packet: Packet) -> Iterator[str]:
    if packet.protocol in _NAMES:
        yield _NAMES[packet.protocol]
    elif packet.protocol.isdigit():
        yield f"{'ip6' if ipaddress.ip_address(packet.dst).version == 6 else 'ip'} proto {packet.protocol}"
    if packet.protocol in (TCP, UDP) and packet.dport is not None and packet.dport != (0, 65535):
        low, high = packet.dport
        yield f"port {low}" if low == high else f"portrange {low}-{high}"
