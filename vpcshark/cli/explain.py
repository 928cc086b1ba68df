"""``vpcshark explain FILTER``: the mirror rules that a capture filter becomes, and what is left to the receiver.

Must not know how a filter becomes rules; asks no AWS.
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from vpcshark.capture.mirror.filter_programs import service_port
from vpcshark.cli import console
from vpcshark.errors import InputError
from vpcshark.traffic_mirroring import MAX_RULES
from vpcshark.wire.bpf.libpcap import FilterError, compile_filter
from vpcshark.wire.mirror_rules.translation import MirrorRule, Translation, translate

_PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}
_EMPTY = "AWS mirrors nothing for this filter: Traffic Mirroring sends IP packets only, and no ARP."
_NO_RULES = {
    "ingress": "Without ingress rules AWS mirrors nothing that comes to the source.",
    "egress": "Without egress rules AWS mirrors nothing that the source sends.",
}
_EXACT = "The rules say all that the filter says; the receiver applies the filter as well."


def run(options: argparse.Namespace) -> int:
    """Explain a filter that libpcap accepts; InputError with libpcap's words for another."""
    text = " ".join(options.filter)
    try:
        compile_filter(text)
    except FilterError as exc:
        raise InputError(f"This is not a capture filter: {exc}.", "See pcap-filter(7) for how to write one.") from exc
    explain(text, console.out())
    return 0


def explain(text: str, out: Console) -> None:
    """Print the rules as a table, then what they cannot say. Any text will do; ports may be named."""
    translation = translate(text, service_port)
    if translation.rules:
        out.print(_table(translation.rules))
        out.print()
    for line in _remarks(translation):
        out.print(console.styled(line))


def _table(rules: tuple[MirrorRule, ...]) -> Table:
    table = console.table()
    for heading in ("DIRECTION", "RULE", "ACTION", "PROTOCOL", "SOURCE", "PORTS", "DESTINATION", "PORTS"):
        table.add_column(heading, no_wrap=True)
    for rule in rules:
        protocol = "any" if rule.protocol is None else _PROTOCOLS.get(rule.protocol, str(rule.protocol))
        source = (rule.source_cidr, _ports(rule.source_ports))
        destination = (rule.destination_cidr, _ports(rule.destination_ports))
        table.add_row(rule.direction, str(rule.number), rule.action, protocol, *source, *destination)
    return table


def _ports(ports: tuple[int, int] | None) -> str:
    if ports is None:
        return "any"
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"


def _remarks(translation: Translation) -> tuple[str, ...]:
    if not translation.rules:
        return (_EMPTY,)
    count = f"{len(translation.rules)} of {MAX_RULES} rules."
    unsent = _one_way(translation)
    if translation.exact:
        return (*unsent, f"{count} {_EXACT}")
    return (*unsent, f"{count} Left to the receiver:", *(f"- {line}" for line in translation.left_to_receiver))


def _one_way(translation: Translation) -> tuple[str, ...]:
    """What a table without any rule for a direction means."""
    directions = {rule.direction for rule in translation.rules}
    return tuple(said for direction, said in _NO_RULES.items() if direction not in directions)
