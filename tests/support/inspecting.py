"""A network that inspects: a VPC between client and server, with a firewall in each of two zones.

Must not know what is asked of it, nor what vpcshark says.
"""

from __future__ import annotations

from typing import Any

from planted import across

ZONES = ("a", "b")
FIREWALL = """table inet firewall {
 chain forward {
  type filter hook forward priority filter; policy accept;
  ct state established accept
  ct state new tcp flags & (syn | ack) == syn accept
  counter drop
 }
}
"""
"""Stateful: it lets on what it has seen begin."""


def inspected() -> dict[str, Any]:
    """``across`` with a VPC between: client in zone a, server in zone b, each way over the middle one's firewalls."""
    raw = across()
    subnets: dict[str, Any] = {}
    tables: dict[str, Any] = {}
    instances: dict[str, Any] = {}
    for number, zone in enumerate(ZONES):
        subnets[f"gate-{zone}"] = {"cidr": f"10.3.10{number}.0/28", "zone": zone, "table": f"gate-{zone}"}
        subnets[f"wall-{zone}"] = {"cidr": f"10.3.{number}.0/24", "zone": zone, "table": "walls"}
        tables[f"gate-{zone}"] = {"10.0.0.0/8": f"instance/wall-{zone}"}
        instances[f"wall-{zone}"] = {"subnet": f"wall-{zone}", "address": f"10.3.{number}.5", "groups": ["wall"]}
        instances[f"wall-{zone}"]["forwards"] = True
    tables["walls"] = {"left": "tgw/main", "right": "tgw/main"}
    groups = {"wall": {"in": ["all 10.0.0.0/8"]}}
    raw["vpcs"]["middle"] = {"cidr": "10.3.0.0/16", "subnets": subnets, "tables": tables, "groups": groups}
    raw["instances"] |= instances
    gateway = raw["transit_gateways"]["main"]
    gateway["attachments"]["middle"] = {"vpc": "middle", "subnets": [f"gate-{each}" for each in ZONES]}
    gateway["tables"] = {
        "spokes": {"associations": ["left", "right"], "routes": {"10.0.0.0/8": "middle"}},
        "middle": {"associations": ["middle"], "propagations": ["left", "right"]},
    }
    return raw
