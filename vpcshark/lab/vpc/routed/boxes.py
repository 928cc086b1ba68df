"""The rules of the boxes between networks: NAT gateways, internet gateways, load balancers' nodes, endpoints. Pure.

Also what every space's table has in common. Sources: VPC User Guide, "NAT gateways", "Internet gateways",
"Egress-only internet gateways"; Network Load Balancers guide, "Client IP preservation"; AWS PrivateLink guide, "Gateway
endpoints". Must not know a VPC's filters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vpcshark.lab.cloud import Cloud, Endpoint, Eni, Gateway
from vpcshark.lab.vpc.routed import names, words

TABLE = "lab"
_FILTER = "type filter hook forward priority filter; policy accept;"
_INPUT = "type filter hook input priority filter; policy accept;"


def table(lines: Iterable[str]) -> str:
    """The whole of a space's rules, put in force by one transaction."""
    return "\n".join(
        [f"add table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{", *lines, "}", ""]
    )


def forward(devices: Sequence[str], passed: Sequence[str] = ("", "")) -> list[str]:
    """Where all that passes is judged: by the device that it comes in by, then by the one that it goes out by.
    ``passed``: a rule behind each of both, for what was let through."""
    lines = [f" chain forward {{ {_FILTER}"]
    for (word, way), rule in zip((("iifname", "from"), ("oifname", "to")), passed, strict=True):
        jumps = ", ".join(f'"{each}" : jump {way}_{each.replace("-", "_")}' for each in devices)
        lines += [f"  {word} vmap {{ {jumps} }}", *([f"  {rule}"] if rule else [])]
    return [*lines, " }"]


def counted(device: str) -> list[str]:
    """Both chains of a device that filters nothing."""
    plain = device.replace("-", "_")
    return [
        f" chain from_{plain} {{ {words.remark('in', device)}; }}",
        f" chain to_{plain} {{ {words.remark('out', device)}; }}",
    ]


def scripts(cloud: Cloud) -> dict[str, str]:
    """Space -> its whole table, of all boxes."""
    found = {}
    for eni in cloud.enis.values():
        if eni.kind == "nat_gateway" and eni.owner in cloud.nats:
            found[names.space("nat", eni.owner)] = table(_nat(eni))
        if eni.kind == "network_load_balancer":
            found[names.space("node", eni.id)] = table(_node(cloud, eni))
        if eni.kind == "vpc_endpoint":
            found[names.space("endpoint", eni.id)] = table(_hooked("input", _INPUT, [words.remark("in", "eth0")]))
    for gateway in cloud.gateways.values():
        rules = _egress_only(gateway) if gateway.is_egress_only else _internet(cloud, gateway)
        found[names.space("gateway", gateway.id)] = table(rules)
    for endpoint in cloud.endpoints.values():
        found[names.space("endpoint", endpoint.id)] = table(_endpoint(cloud, endpoint))
    return found


def _hooked(name: str, hook: str, rules: Iterable[str]) -> list[str]:
    return [f" chain {name} {{ {hook}", *(f"  {each}" for each in rules), " }"]


def _nat(eni: Eni) -> list[str]:
    """Every connection from inside gets the gateway's address and a port of its choice; nobody else gets in."""
    address = eni.addresses[0]
    again = words.verdict("drop", "nat-gateway", eni.owner, "loop")
    other = words.verdict("drop", "nat-gateway", eni.owner, "protocol")
    unasked = words.verdict("drop", "nat-gateway", eni.owner, "no-session")
    passing = [
        words.remark("in", "eth0"),
        f"ip saddr {address} ct direction original {again}",
        f"meta nfproto ipv6 {other}",
        f"meta l4proto != {{ tcp, udp, icmp }} {other}",
        words.remark("out", "eth0"),
    ]
    rewriting = [
        f"meta l4proto {{ tcp, udp }} snat ip to {address}:1024-65535",
        f"meta l4proto icmp snat ip to {address}",
    ]
    return [
        *_hooked("forward", _FILTER, passing),
        *_hooked("input", _INPUT, [unasked]),
        *_hooked("leaving", "type nat hook postrouting priority srcnat; policy accept;", rewriting),
    ]


def _internet(cloud: Cloud, gateway: Gateway) -> list[str]:
    """Private addresses with a public one become it, and back; others don't pass. IPv6 passes as it is."""
    pairs = [(private, public) for private, public in cloud.publics.get(gateway.vpc, ())]
    refused = words.verdict("drop", "internet-gateway", gateway.id, "no-public-address")
    privates = ", ".join(private for private, _ in pairs)
    passing = [words.remark("in", "vpc"), *([f'iifname "vpc" ip saddr != {{ {privates} }} {refused}'] if pairs else [])]
    passing += [] if pairs else [f'iifname "vpc" meta nfproto ipv4 {refused}']
    passing += [f'iifname "net" oifname "net" {words.verdict("drop", "internet-gateway", gateway.id, "nobody")}']
    lines = _hooked("forward", _FILTER, passing)
    if pairs:
        into = ", ".join(f"{public} : {private}" for private, public in pairs)
        out = ", ".join(f"{private} : {public}" for private, public in pairs)
        arriving = "type nat hook prerouting priority dstnat; policy accept;"
        leaving = "type nat hook postrouting priority srcnat; policy accept;"
        lines += _hooked("arriving", arriving, [f'iifname "net" dnat ip to ip daddr map {{ {into} }}'])
        lines += _hooked("leaving", leaving, [f'oifname "net" snat ip to ip saddr map {{ {out} }}'])
    return lines


def _egress_only(gateway: Gateway) -> list[str]:
    """IPv6 from inside, and its answers."""
    refused = words.verdict("drop", "egress-only-gateway", gateway.id, "unasked")
    return _hooked(
        "forward",
        _FILTER,
        [
            words.remark("in", "vpc"),
            f"meta nfproto ipv4 {refused}",
            f'iifname "net" ct state != {{ established, related }} {refused}',
        ],
    )


def _node(cloud: Cloud, eni: Eni) -> list[str]:
    """Each listener sends new connections to its targets in turn."""
    rules, sources = [], []
    mine = cloud.subnets[eni.subnet].zone
    for listener in cloud.balancers.get(eni.owner, ()):
        head = f"{listener.protocol} dport {listener.port}"
        targets = [each for each in listener.targets if listener.crosses or _zone(cloud, each[0]) == mine]
        count = len(targets)
        for number, (address, port) in enumerate(targets):
            turn = f"numgen inc mod {count - number} == 0 " if number < count - 1 else ""
            rules.append(f"{head} {turn}dnat ip to {address}:{port}")
        if not listener.keeps_source:
            sources.append(f"{listener.protocol} dport {{ {_ports(listener.targets)} }} snat ip to {eni.addresses[0]}")
    refused = words.verdict("drop", "load-balancer", eni.id, "no-listener")
    return [
        *_hooked("forward", _FILTER, [words.remark("in", "eth0")]),
        *_hooked("input", _INPUT, ["ct state established,related accept", refused]),
        *_hooked("arriving", "type nat hook prerouting priority dstnat; policy accept;", rules),
        *_hooked("leaving", "type nat hook postrouting priority srcnat; policy accept;", sources),
    ]


def _endpoint(cloud: Cloud, endpoint: Endpoint) -> list[str]:
    """A gateway endpoint serves its own VPC alone, by TCP; it answers pings."""
    foreign = words.verdict("drop", "vpc-endpoint", endpoint.id, "not-its-vpc")
    other = words.verdict("drop", "vpc-endpoint", endpoint.id, "protocol")
    rules = [words.remark("in", "vpc"), *words.blocks(cloud.vpcs[endpoint.vpc].cidrs, "saddr", foreign)]
    return _hooked("input", _INPUT, [*rules, f"meta l4proto != {{ tcp, icmp }} {other}"])


def _zone(cloud: Cloud, address: str) -> str:
    return next((cloud.subnets[each.subnet].zone for each in cloud.enis.values() if address in each.addresses), "")


def _ports(targets: Iterable[tuple[str, int]]) -> str:
    return ", ".join(sorted({str(port) for _, port in targets}))
