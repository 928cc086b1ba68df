"""The whole answer to "can A reach B?": the way there, the way back, and the verdict over both.

The way back is walked by the same steps, with what the way there left: translations, and the security groups that
remember the connection. Must not know where the facts are from, nor how the answer is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vpcshark.network import engine, tolls
from vpcshark.network.facts import Interface, Network
from vpcshark.network.known import Known
from vpcshark.network.packet import Packet, Ports, make
from vpcshark.network.places import Arriving, Departing, Leaving, Outside, Place
from vpcshark.network.trail import ALLOW, DROP, INTERNET, UNKNOWN, Context, End, Hop, Session, Trail

REACHABLE, BLOCKED, UNKNOWN_WAY = "reachable", "blocked", "unknown"
SOMEBODY, SOMEBODY_V6 = "198.51.100.1", "2001:db8::1"
"""Stand for the internet's addresses (RFC 5737, RFC 3849)."""
LINUX_PORTS, WINDOWS_PORTS, ANY_PORTS = (32768, 60999), (49152, 65535), (1024, 65535)
"""Ports that clients choose from: Linux (ip_local_port_range), Windows (RFC 6335), and others, NAT and balancers
too."""


@dataclass(frozen=True)
class Asked:
    """One question. ``dport`` and ``sport`` None: not given."""

    source: End
    target: End
    protocol: str
    dport: Ports | None = None
    sport: Ports | None = None
    wants_return: bool = True
    is_v6: bool = False


@dataclass(frozen=True)
class Way:
    """One direction: the trails that AWS may take, the one to show first."""

    trails: tuple[Trail, ...]
    verdict: str

    @property
    def shown(self) -> Trail:
        """The trail that explains the verdict."""
        return self.trails[0]


@dataclass(frozen=True)
class Answer:
    """``back`` None: not asked for, or nothing comes back (a service that answers on the host). ``network``: the
    facts that it was found by."""

    asked: Asked
    packet: Packet
    there: Way
    back: Way | None
    verdict: str
    notes: tuple[str, ...] = ()
    network: Network = field(default_factory=Network, repr=False)


def answer(known: Known, asked: Asked) -> Answer:
    """Walk there and back."""
    _foresee(known, asked)
    packet = first_packet(known, asked)
    ctx = Context(known, asked.target if asked.target.kind != INTERNET else replace(asked.target, address=packet.dst))
    there = _ordered(engine.run(ctx, *_start(known, asked.source, packet)))
    back: list[Trail] = []
    if asked.wants_return:
        goal = replace(asked.source, address=packet.src)
        back = [each for trail in there for each in _back(known, goal, asked.target, trail)]
    ways = _way(there), _way(back) if back else None
    verdict = _over([each.verdict for each in ways if each is not None])
    return Answer(asked, packet, *ways, verdict, network=known.network)


def together(answers: Sequence[Answer]) -> Answer:
    """One answer of several, of which AWS or a name's resolution chooses: the nodes of a load balancer."""
    first = answers[0]
    there = _way(_ordered([trail for each in answers for trail in each.there.trails]))
    returns = [trail for each in answers if each.back is not None for trail in each.back.trails]
    back = _way(_ordered(returns)) if returns else None
    verdicts = [there.verdict, *([back.verdict] if back else [])]
    return Answer(first.asked, first.packet, there, back, _over(verdicts), network=first.network)


def _foresee(known: Known, asked: Asked) -> None:
    """What both ends will need anyhow is asked in the first round."""
    for end in (asked.source, asked.target):
        if end.interface is not None:
            known.hint(("vpc", end.interface.vpc), *(("group", each) for each in end.interface.groups))
            if end.interface.instance:
                known.hint(("instance", end.interface.instance))


def first_packet(known: Known, asked: Asked) -> Packet:
    """The packet as it leaves the source."""
    source, target = asked.source, asked.target
    is_v6 = asked.is_v6 or ":" in target.address or ":" in source.address or _is_v6_alone(source, target)
    dst = target.address or _address(target.interface, is_v6, is_public=source.kind == INTERNET)
    src = source.address or _address(source.interface, is_v6)
    if source.interface is not None and src in source.interface.public.values():
        src = next(private for private, public in source.interface.public.items() if public == src)
    return make(src, dst, asked.protocol, asked.dport, asked.sport or _ports(known, source))


def _is_v6_alone(source: End, target: End) -> bool:
    """Has an end no IPv4 address?"""
    found = [each.interface for each in (source, target) if each.interface is not None and not each.address]
    return any(each.addresses and all(":" in address for address in each.addresses) for each in found)


def _address(interface: Interface | None, is_v6: bool, is_public: bool = False) -> str:
    """An interface's first address of the family; its public one for who is outside."""
    if interface is None:
        return SOMEBODY_V6 if is_v6 else SOMEBODY
    fitting = [each for each in interface.addresses if (":" in each) == is_v6] or [*interface.addresses]
    if is_public and not is_v6:
        public = [interface.public[each] for each in fitting if each in interface.public]
        return (public or fitting)[0]
    return fitting[0]


def _ports(known: Known, source: End) -> Ports:
    """The ports that the source chooses from for a connection of its own."""
    interface = source.interface
    if interface is None or interface.type not in ("interface", "branch", "efa", "trunk"):
        return ANY_PORTS
    instance = known.instance(interface.instance) if interface.instance else None
    if instance is None and interface.instance.startswith("i-"):
        return ANY_PORTS
    return WINDOWS_PORTS if instance is not None and instance.is_windows else LINUX_PORTS


def _start(known: Known, source: End, packet: Packet) -> tuple[Trail, Place]:
    trail = Trail(packet)
    if source.interface is not None:
        return trail, Leaving(source.interface)
    if source.kind == INTERNET:
        return trail, Outside()
    subnet = known.subnet(source.subnet, source.vpc)
    said = f"no network interface has {packet.src}; walked as if one in this subnet sent it"
    return trail.add("address", packet.src, text=said, az=subnet.az, vpc=subnet.vpc), Departing(subnet)


def _back(known: Known, goal: End, target: End, gone: Trail) -> list[Trail]:
    """The answer's ways, after one way there. Past a block, as if that had let the packet through."""
    session = Session(dict(gone.passed), gone.changes, gone)
    ctx = Context(known, goal, session)
    trail = Trail(gone.packet.reversed())
    if gone.end == "interface" and gone.end_interface is not None:
        return engine.run(ctx, trail, Leaving(gone.end_interface))
    if gone.end == INTERNET:
        return engine.run(ctx, trail, Outside())
    if gone.end == "endpoint":
        endpoint = next(hop.resource for hop in reversed(gone.hops) if hop.kind == "vpc-endpoint")
        trail = trail.add("vpc-endpoint", endpoint, ALLOW, vpc=gone.end_vpc)
        return engine.run(ctx, trail, Arriving(gone.end_vpc))
    if not gone.end and target.interface is not None and gone.packet.dst in target.interface.addresses:
        return engine.run(ctx, trail, Leaving(target.interface))
    return []


def _way(trails: Sequence[Trail]) -> Way:
    """AWS takes one of the trails: only what holds for all of them is certain."""
    verdicts = {trail.verdict for trail in trails}
    return Way(tuple(trails), verdicts.pop() if len(verdicts) == 1 else UNKNOWN_WAY)


def _ordered(trails: Sequence[Trail]) -> list[Trail]:
    """What is blocked first: it says what to do."""
    order = (BLOCKED, UNKNOWN_WAY, REACHABLE)
    return sorted(trails, key=lambda trail: order.index(trail.verdict))


def _over(verdicts: Sequence[str]) -> str:
    return next((each for each in (BLOCKED, UNKNOWN_WAY) if each in verdicts), REACHABLE)


def hops_of(found: Answer, verdict: str) -> list[tuple[str, Hop]]:
    """(direction, hop) of all hops with a verdict, each told once, in the order of the way."""
    told: dict[tuple[str, str, str, str], tuple[str, Hop]] = {}
    for direction, way in (("forward", found.there), ("return", found.back)):
        for hop in (hop for trail in (way.trails if way else ()) for hop in trail.having(verdict)):
            told.setdefault((direction, hop.kind, hop.resource, hop.code), (direction, hop))
    return [*told.values()]


def blockers(found: Answer) -> list[tuple[str, Hop]]:
    """What stands in the way."""
    return hops_of(found, DROP)


def unknowns(found: Answer) -> list[tuple[str, Hop]]:
    """What nobody could say."""
    return hops_of(found, UNKNOWN)


def notes(found: Answer) -> list[str]:
    """What else there is to say: where AWS chooses between ways that do not end alike, and the answer's own notes."""
    said = [*found.notes]
    for direction, way in (("there", found.there), ("back", found.back)):
        verdicts = [trail.verdict for trail in way.trails] if way else []
        if len(set(verdicts)) > 1:
            counts = ", ".join(f"{verdicts.count(each)} {each}" for each in dict.fromkeys(verdicts))
            said.append(f"AWS chooses between {len(verdicts)} ways {direction}: {counts}.")
    return said


def mtu(found: Answer) -> int | None:
    """Bytes of the largest packet that every hop of the way there carries."""
    sizes = [hop.mtu for hop in found.there.shown.hops if hop.mtu]
    return min(sizes, default=None)


def zones(way: Way) -> list[str]:
    """The availability zones of the way, in its order."""
    return list(dict.fromkeys(hop.az for hop in way.shown.hops if hop.az))


def charged(found: Answer) -> list[tuple[str, list[tolls.Toll]]]:
    """(direction, what is charged by the GB), of the ways that are shown."""
    ways = (("forward", found.there), ("return", found.back))
    return [(direction, tolls.of(way.shown, found.network)) for direction, way in ways if way is not None]
