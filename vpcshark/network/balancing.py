"""The step through a load balancer's node: listener, target group, targets; who the target sees as the client.

Sources: Elastic Load Balancing guides ("Target groups for your Network Load Balancers", "Cross-zone load balancing",
"Client IP preservation"). A balancer of layer 7 makes a connection of its own. Must not know how a packet came there.
"""

from __future__ import annotations

from dataclasses import replace

from vpcshark.network import states
from vpcshark.network.decision import Unclear
from vpcshark.network.facts import Balancer, Interface, Listener, Target, TargetGroup
from vpcshark.network.packet import TCP, UDP, is_address
from vpcshark.network.places import Leaving, Place
from vpcshark.network.trail import ALLOW, DROP, UNKNOWN, Context, Trail, change_words

CARRIED = {
    "TCP": {TCP},
    "TLS": {TCP},
    "HTTP": {TCP},
    "HTTPS": {TCP},
    "UDP": {UDP},
    "TCP_UDP": {TCP, UDP},
    "QUIC": {UDP},
}
OWN_PORTS = (1024, 65535)
GOOD = {"healthy"}
Step = list[tuple[Trail, Place | None]]


def balance(ctx: Context, trail: Trail, node: Interface, balancer: Balancer) -> Step:
    """From the node to each target that AWS may choose."""
    place = {"vpc": node.vpc, "az": node.az, "name": balancer.name}
    stated = states.judged("the load balancer", balancer.state, ("active", "active_impaired"))
    if stated.verdict != ALLOW:
        trail = trail.add("load-balancer", balancer.id, stated.verdict, code=stated.code, text=stated.text, **place)
    if stated.verdict == DROP:
        return [(trail, None)]
    listener, fault = _listener(trail, balancer)
    if listener is None:
        code = "ELBV2_LISTENER_PORT_RESTRICTION"
        return [(trail.add("load-balancer", balancer.id, DROP, code=code, text=fault, **place), None)]
    if not listener.groups:
        said = "the listener forwards to no target group"
        code = "ELBV2_LISTENER_HAS_NO_TG"
        return [(trail.add("load-balancer", balancer.id, DROP, code=code, text=said, **place), None)]
    ctx.known.want(*(("target-group", each) for each in listener.groups))
    steps: Step = []
    for arn in listener.groups:
        group: TargetGroup = ctx.known.one("target_groups", arn, ("target-group", arn))
        steps += _group(ctx, trail, node, balancer, group)
    return steps


def _listener(trail: Trail, balancer: Balancer) -> tuple[Listener | None, str]:
    packet = trail.packet
    fitting = [each for each in balancer.listeners if packet.protocol in CARRIED.get(each.protocol, {TCP})]
    for each in fitting:
        if packet.dport == (each.port, each.port):
            return each, ""
    ports = ", ".join(f"{each.protocol} {each.port}" for each in balancer.listeners) or "nothing"
    return None, f"it does not listen there, but on {ports}"


def _group(ctx: Context, trail: Trail, node: Interface, balancer: Balancer, group: TargetGroup) -> Step:
    """The targets of one group: those that are healthy, in the node's zone where it stays in it."""
    place = {"vpc": node.vpc, "az": node.az, "name": balancer.name}
    if not group.targets:
        said = f"target group {group.name} has no target"
        code = "WALK_NO_TARGETS"
        return [(trail.add("load-balancer", balancer.id, DROP, code=code, text=said, **place), None)]
    targets = [each for each in group.targets if each.health not in ("unused", "draining")]
    known = {each.instance for each in ctx.network.interfaces.values()}
    for each in targets:  # all at once: a fleet has many, and each round of questions takes its time
        if not is_address(each.id) and each.id not in known:
            ctx.known.hint(("instance", each.id))
    found = [(each, _interface(ctx, group, each)) for each in targets]
    if not _crosses(balancer, group):
        found = [(target, interface) for target, interface in found if interface.az == node.az]
    if not found:
        said = f"target group {group.name} has no target in the node's zone {node.az}, and cross-zone balancing is off"
        code = "ELBV2_NO_TARGETS_IN_AZ"
        return [(trail.add("load-balancer", balancer.id, DROP, code=code, text=said, **place), None)]
    healthy = [pair for pair in found if pair[0].health in GOOD]
    return [_forward(trail, node, balancer, group, pair, bool(healthy)) for pair in healthy or found]


def _crosses(balancer: Balancer, group: TargetGroup) -> bool:
    """Does a node send to other zones? Off by default at a Network Load Balancer, on at an Application Load
    Balancer."""
    if group.cross_zone in ("true", "false"):
        return group.cross_zone == "true"
    return balancer.is_cross_zone if balancer.is_cross_zone is not None else balancer.kind == "application"


def _interface(ctx: Context, group: TargetGroup, target: Target) -> Interface:
    """The target's interface: an instance's first one, or whose address it is."""
    if is_address(target.id):
        found = ctx.known.at(group.vpc, target.id)
        if found is None:
            raise Unclear(f"No interface of {group.vpc} has the address {target.id} of target group {group.name}.")
        return found
    mine = [each for each in ctx.network.interfaces.values() if each.instance == target.id]
    if not mine:
        ctx.known.want(("instance", target.id))
        raise Unclear(ctx.known.why("interfaces", f"The interface of the target {target.id}"))
    return min(mine, key=lambda each: each.device)


def _preserves(balancer: Balancer, group: TargetGroup) -> bool:
    """Does the target see the client's address? On for instances; for addresses with UDP alone."""
    if balancer.kind != "network":
        return False
    if group.preserves is not None:
        return group.preserves
    return group.target_kind == "instance" or group.protocol in ("UDP", "TCP_UDP", "QUIC")


def _forward(
    trail: Trail,
    node: Interface,
    balancer: Balancer,
    group: TargetGroup,
    pair: tuple[Target, Interface],
    is_well: bool,
) -> tuple[Trail, Place | None]:
    """To one target, by its interface."""
    target, interface = pair
    packet = trail.packet
    keeps = _preserves(balancer, group)
    there = target.id if is_address(target.id) else interface.addresses[0]
    port = (target.port, target.port) if target.port else packet.dport
    after = replace(packet, dst=there, dport=port)
    if not keeps:
        after = replace(after, src=node.addresses[0], sport=OWN_PORTS)
    place = {"vpc": node.vpc, "az": node.az, "name": balancer.name}
    said = f"target group {group.name}: {target.id} ({target.health or 'health not told'})"
    verdict, code = ALLOW, ""
    if not target.health:
        verdict, code = UNKNOWN, "WALK_UNKNOWN"
        said += "; whether one is healthy is not known"
    elif not is_well:
        verdict, code = UNKNOWN, "WALK_NO_HEALTHY_TARGET"
        said += "; no target is healthy, so it sends to all of them, and whether one answers is not known"
    if keeps and after.src == there:
        verdict, code = DROP, "ELBV2_SOURCE_ADDRESS_PRESERVATION"
        said += "; client and target are one, which does not work while the client's address is preserved"
    trail = trail.rewrite(node.id, after, is_carried=keeps).to(
        origin=node, via=frozenset({"balancer"} if keeps else ())
    )
    trail = trail.add(
        "load-balancer", balancer.id, verdict, code=code, text=said, note=change_words(packet, after), **place
    )
    return trail, Leaving(node, is_first=False)
