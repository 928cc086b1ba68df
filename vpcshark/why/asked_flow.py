"""The flow that is asked for, as packets show it anywhere on the path: NAT gateways and load balancers rewrite it.

Must not know files.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.table import Point
from vpcshark.network.answer import SOMEBODY, SOMEBODY_V6, Answer
from vpcshark.network.packet import ANY, Packet, Ports

_ANYBODY = (SOMEBODY, SOMEBODY_V6)


@dataclass(frozen=True)
class _Form:
    """One spelling of it. None: any."""

    source: bytes | None
    target: bytes | None
    protocol: int | None
    ports: Ports | None

    def has(self, flow: Flow) -> bool:
        ends = (self.source in (None, flow.source)) and (self.target in (None, flow.target))
        low, high = self.ports or (0, 65535)
        return ends and self.protocol in (None, flow.protocol) and low <= flow.target_port <= high


def _form(packet: Packet) -> _Form:
    protocol = None if packet.protocol == ANY else int(packet.protocol)
    return _Form(_packed(packet.src), _packed(packet.dst), protocol, packet.dport)


def _packed(address: str) -> bytes | None:
    return None if address in _ANYBODY else ipaddress.ip_address(address).packed


@dataclass
class AskedFlow:
    """The question's flow. ``there`` and ``back`` tell of which directions packets were met in ``see``."""

    answer: Answer
    there: bool = False
    back: bool = False
    _forms: frozenset[_Form] = field(init=False)

    def __post_init__(self) -> None:
        hops = [hop.packet for trail in self.answer.there.trails for hop in trail.hops]
        self._forms = frozenset(_form(packet) for packet in (self.answer.packet, *hops))

    def has(self, flow: Flow) -> bool:
        """Is it the flow, in either direction?"""
        return self._is_there(flow) or self._is_there(flow.reversed())

    def see(self, point: Point) -> None:
        """Look which of its directions a capture point holds."""
        for flow in _flows(point):
            self.there = self.there or self._is_there(flow)
            self.back = self.back or self._is_there(flow.reversed())

    def _is_there(self, flow: Flow) -> bool:
        return any(form.has(flow) for form in self._forms)


def _flows(point: Point) -> Iterable[Flow]:
    """Every direction of every flow, once."""
    yield from dict.fromkeys(
        Flow(each.protocol, each.source, each.sport, each.target, each.dport) for each in point.others
    )
    if point.columns is not None:
        yield from _of_columns(point.columns.ways.keys)


def _of_columns(keys: object) -> Iterator[Flow]:
    """Of the long files, which are read as columns (NumPy)."""
    from vpcshark.diagnose import columns

    sources, targets = columns.hosts(keys)  # type: ignore[arg-type]
    for source, target, ports, protocol in zip(sources, targets, keys["ports"], keys["protocol"], strict=True):  # type: ignore[index]
        raw = ports.tobytes()
        yield Flow(int(protocol), source, int.from_bytes(raw[:2], "big"), target, int.from_bytes(raw[2:], "big"))
