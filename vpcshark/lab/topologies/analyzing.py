"""What Reachability Analyzer would say of a path, found by sending packets: its verdict, components and explanations.

A first packet is let through to the destination and no further, so that the rules that counted are those of the way
there; then a whole exchange is tried. Sources: Reachability Analyzer guide, "Path components" and "Explanation codes".
Must not know what vpcshark's walk makes of the account.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from vpcshark.lab.api.state import ApiError, Record
from vpcshark.lab.cloud import Cloud, Eni
from vpcshark.lab.topologies import told
from vpcshark.lab.vpc import netns
from vpcshark.lab.vpc.routed import names, plane, tracing
from vpcshark.lab.vpc.routed.plane import RoutedPlane
from vpcshark.lab.vpc.routed.tracing import Mark

_PATIENCE = 1.5  # seconds until a packet counts as lost; the kernel sends a SYN again after one
_FIRST = 0.4
_TABLE = "probe"


@dataclass(frozen=True)
class _Try:
    """Who sends what to whom. ``there`` is the space that has the address, "" if none has."""

    source: Eni
    address: str
    protocol: str
    port: int
    there: str


class Analyst:
    """Of one plane."""

    def __init__(self, routed: RoutedPlane) -> None:
        self._plane = routed

    def analyse(self, path: Record) -> Record:
        """The members of a NetworkInsightsAnalysis. ApiError for a question that packets can't answer."""
        attempt = self._attempt(path)
        way, dropped, has_arrived = self._one_way(attempt)
        cloud = self._plane.cloud
        marks = [mark for mark in way if not mark.is_drop]
        is_answered = has_arrived and self._exchange(attempt)
        crosses = any(mark.space.startswith("tgw:") for mark in way)
        if is_answered or (has_arrived and crosses):
            source, spaces = _v4(attempt.source), self._plane.namespaces
            found = told.components(
                cloud,
                attempt.source,
                marks,
                lambda space, device: told.kernel_route(spaces[space], device, source, attempt.address),
            )
            return {"NetworkPathFound": True, "ForwardPathComponents": found}
        return {"NetworkPathFound": False, "Explanations": [told.explanation(cloud, each) for each in dropped]}

    def _attempt(self, path: Record) -> _Try:
        cloud = self._plane.cloud
        source = _eni(cloud, str(path["Source"]))
        there = path.get("FilterAtSource") or {}
        port = path.get("DestinationPort") or (there.get("DestinationPortRange") or {}).get("FromPort") or 0
        address = str(there.get("DestinationAddress") or "").partition("/")[0]
        if not address:
            address = _v4(_eni(cloud, str(path.get("Destination") or "")))
        space = _space(cloud, source.vpc, address)
        space = names.INTERNET if address in self._plane.outfit.internet else space
        if path["Protocol"] not in ("tcp", "udp") or not port:
            raise ApiError("InvalidParameterValue", "The lab sends TCP or UDP to one port.")
        return _Try(source, address, str(path["Protocol"]), int(port), space)

    def _one_way(self, attempt: _Try) -> tuple[list[Mark], list[Mark], bool]:
        """(the rules that the first packet met, those of them that dropped it, whether it arrived)."""
        place = self._plane.namespaces.get(attempt.there, "")
        if place:
            plane.run_nft(place, _wall(attempt))
        try:
            before = tracing.counts(self._plane.namespaces)
            self._send(attempt, _FIRST)
            marks = tracing.risen(before, tracing.counts(self._plane.namespaces))
            walled = bool(place) and _wall_hits(place) > 0
        finally:
            if place:
                plane.run_nft(place, f"delete table inet {_TABLE}\n")
        cables = plane.cables_of(self._plane.layout())
        start = (names.space("instance", attempt.source.owner), f"eth{attempt.source.index}")
        way = told.ordered(tracing.way(marks, cables, start))
        return way, [mark for mark in marks if mark.is_drop], walled

    def _exchange(self, attempt: _Try) -> bool:
        return self._send(attempt, _PATIENCE)

    def _send(self, attempt: _Try, patience: float) -> bool:
        """Whether anything came back; "connection refused" is an answer too."""
        place = self._plane.instance(attempt.source.owner)
        kind = socket.SOCK_STREAM if attempt.protocol == "tcp" else socket.SOCK_DGRAM
        return netns.inside(place, lambda: _ask((attempt.address, attempt.port), kind, patience))


def _ask(where: tuple[str, int], kind: socket.SocketKind, patience: float) -> bool:
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    with socket.socket(family, kind) as sock:
        sock.settimeout(patience)
        try:
            sock.connect(where)
            if kind == socket.SOCK_DGRAM:
                sock.send(b"vpcshark")
                sock.recv(100)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return True


def _wall(attempt: _Try) -> str:
    """Counts what arrives, and lets nothing go back."""
    family = "ip6" if ":" in attempt.address else "ip"
    rule = f"{family} daddr {attempt.address} {attempt.protocol} dport {attempt.port} counter drop"
    hook = "type filter hook input priority -300; policy accept;"
    return f"table inet {_TABLE} {{\n chain wall {{ {hook}\n  {rule}\n }}\n}}\n"


def _wall_hits(namespace: str) -> int:
    return tracing.packets(namespace, _TABLE)


def _eni(cloud: Cloud, identity: str) -> Eni:
    """An interface, or an instance's first one; ids or ARNs."""
    name = identity.rpartition("/")[2]
    found = [each for each in cloud.enis.values() if name == each.id or (name == each.owner and each.index == 0)]
    if not found or not found[0].owner.startswith("i-"):
        raise ApiError("InvalidParameterValue", f"The lab sends packets from and to instances alone, not {name}.")
    return found[0]


def _space(cloud: Cloud, vpc: str, address: str) -> str:
    """Who has the address, as a VPC knows it: an instance, or an endpoint's service; "" if nobody."""
    for eni in cloud.enis.values():
        if address in eni.addresses:
            is_endpoint = eni.kind == "vpc_endpoint"
            return names.space("endpoint", eni.id) if is_endpoint else names.space("instance", eni.owner)
    for endpoint in cloud.endpoints.values():
        if endpoint.vpc == vpc and any(ip_address(address) in ip_network(each) for each in endpoint.cidrs):
            return names.space("endpoint", endpoint.id)
    return ""


def _v4(eni: Eni) -> str:
    return next(each for each in eni.addresses if ":" not in each)
