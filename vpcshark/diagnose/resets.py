"""Who sent a reset: the host that it names, or a device in its name. Must not know what the reset ended."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from vpcshark.diagnose.packet import RST, TCP, UDP, Packet, address
from vpcshark.diagnose.sightings import PROBE_TTL
from vpcshark.diagnose.view import View

_INITIAL_TTLS = (64, 128, 255)


class Origin(NamedTuple):
    """``by`` ends a sentence, ``why`` is one; ``rank``: of several points' answers the one with the highest counts."""

    by: str
    why: str
    rank: int


def origin(view: View, reset: Packet) -> Origin:
    """By where it was seen, else by its TTL beside those of the host's other packets: best of its TCP and UDP, whose
    TTL is the same; of no such packets by how far the others came, whatever TTL they began with."""
    host = address(reset.source)
    if reset.source in view.point.addresses:
        return Origin("by the host itself, or a firewall on it", f"It was seen at {host}'s own interface.", 2)
    known = view.ttls(reset.source)
    if known:
        if reset.ttl in known:
            return Origin("by the host itself", f"The reset's TTL {reset.ttl} is that of the host's other packets.", 1)
        usual = known.most_common(1)[0][0]
        return Origin("by another device", f"The reset's TTL is {reset.ttl}, the host's other packets have {usual}.", 1)
    return _by_others(view, reset)


def _by_others(view: View, reset: Packet) -> Origin:
    """By packets of other protocols, as ICMP: a device may be as near, and a host's ICMP may begin with another TTL."""
    unknown, host = "by the host or by a firewall in its name", address(reset.source)
    others = _other_ttls(view, reset.source)
    if not others:
        return Origin(
            unknown, f"{host} sent nothing but resets at this point: there is no TTL to compare theirs with.", 0
        )
    usual = min(others, key=lambda ttl: (_hops(ttl) != _hops(reset.ttl), -others[ttl]))
    said = f"The reset's TTL is {reset.ttl}, that of the host's packets of other protocols (ICMP) {usual}"
    if _hops(usual) == _hops(reset.ttl):
        return Origin("by the host itself, or by a device as far from here", f"{said}: they came equally far.", 1)
    return Origin(unknown, f"{said}: they did not come equally far, or began with other TTLs.", 0)


def _other_ttls(view: View, source: bytes) -> Counter[int]:
    """How often each TTL was seen from a host, in what is neither TCP nor UDP, and no traceroute."""
    packets = (p for p in view.packets if p.source == source and p.ttl >= PROBE_TTL)
    return Counter(p.ttl for p in packets if p.protocol not in (TCP, UDP) and not p.flags & RST)


def _hops(ttl: int) -> int:
    """How many routers lay on the way, by the TTL that it must have begun with."""
    return next(each for each in _INITIAL_TTLS if each >= ttl) - ttl
