"""What the network says of the frames' way to the target, route by route, as one finding. Pure.

https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html. Must not know how a route is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from vpcshark.network import inside, mend
from vpcshark.network.facts import Attachment, Peering, Route
from vpcshark.network.trail import DROP, UNKNOWN, Hop, Trail
from vpcshark.preflight import way
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding, command, not_seen, placed
from vpcshark.preflight.picture import Interface, Picture

_DEAD_ENDS = {  # id prefix -> what cannot carry private addresses to another instance
    "igw-": "an internet gateway",
    "nat-": "a NAT gateway",
    "eigw-": "an egress-only internet gateway",
}
_NOT_OF_THE_ROUTE = ("network-acl", "security-group", "instance")


def route(picture: Picture) -> Iterator[Finding]:
    """The first thing on the way to the target that is wrong, or that nothing is."""
    trail = way.walk(picture)
    if trail is None or picture.target is None:
        return
    table, taken = _taken(trail)
    stop = next(filter(_is_stop, trail.hops), None)
    told = _Told(picture, picture.target, trail, table, taken)
    yield told.astray() or (told.stopped(stop) if stop is not None else told.well())


def _is_stop(hop: Hop) -> bool:
    return hop.verdict in (DROP, UNKNOWN) and hop.kind not in _NOT_OF_THE_ROUTE


def gateway_of(picture: Picture) -> str:
    """The transit gateway that the frames go through, "" if none."""
    trail = way.walk(picture)
    return next((hop.resource for hop in trail.hops if hop.kind == "transit-gateway"), "") if trail is not None else ""


def _taken(trail: Trail) -> tuple[str, Route | None]:
    """(the source's route table, the route that the frames take in it): "" where they need none."""
    hop = next((each for each in trail.hops if each.kind == "route-table"), None)
    if hop is None:
        return "", None
    return hop.resource, hop.rule.row if hop.rule is not None else None


class _Told:
    """The words for one way."""

    def __init__(self, picture: Picture, target: Interface, trail: Trail, table: str, taken: Route | None) -> None:
        self.picture, self.target, self.trail = picture, target, trail
        self.table, self.taken = table, taken
        self.destination = taken.destination if taken is not None else ""

    def well(self) -> Finding:
        """It leads there."""
        address, source = self.target.address, self.picture.source
        if self.taken is None:
            return Finding("route", OK, source.subnet, "Source and target share a subnet, so no route is needed.")
        what = "The VPC's own route" if self.taken.is_local else self.taken.target
        return Finding("route", OK, self.table, f"{what} leads to {address}.", rule=self.destination)

    def astray(self) -> Finding | None:
        """It leads elsewhere, or where AWS does not mirror to, though nothing on the way says no."""
        source, target = self.picture.source, self.target
        if self.taken is not None and self.taken.is_local and target.vpc != source.vpc:
            return self._fail(
                self.table,
                f"{target.address} is inside the source's own VPC {source.vpc}, so frames never leave it for the "
                f"target's {target.vpc}: the address ranges overlap. Choose a capture host in {source.vpc}.",
            )
        peering = self._peering()
        if peering is not None and "pcx-region" in self.trail.via:
            regions = " and ".join(end.region for end in peering.ends)
            return self._fail(peering.id, f"{peering.id} joins {regions}, and AWS mirrors only within a region.")
        return self._through_another()

    def _through_another(self) -> Finding | None:
        """A transit gateway leads to another VPC, which may be one that inspects and forwards."""
        hops = self.trail.hops
        at = next((n for n, hop in enumerate(hops) if hop.kind == "transit-gateway-route-table"), len(hops))
        out = next((hop for hop in hops[at:] if hop.kind == "attachment"), None)
        onward = hops[at].rule if at < len(hops) else None
        if out is None or onward is None or hops[at].verdict == DROP or any(map(_is_stop, hops[:at])):
            return None
        if out.vpc == self.target.vpc:
            return None
        is_lost = any(hop.verdict == DROP for hop in hops[at:] if hop.kind not in _NOT_OF_THE_ROUTE)
        then = "does not pass them on" if is_lost else "may pass them on or not"
        block, end, route = self._block(), self._attachment(), onward.row
        mends = mend.transit_route(hops[at].resource, block, end.id if end else "", replaces=route.destination == block)
        return Finding(
            "route",
            FAIL if is_lost else WARN,
            hops[at].resource,
            f"The transit gateway's route table {hops[at].resource} sends {self.target.address} to {out.resource}, "
            f"which is not the attachment of the target's {self.target.vpc}; {out.vpc or out.resource} {then}.",
            rule=route.destination,
            command=placed(self.picture, mends),
        )

    def stopped(self, hop: Hop) -> Finding:
        """By what the network says of the hop."""
        if hop.code == "WALK_NOT_FOLLOWED":
            return self._elsewhere()
        if hop.verdict == UNKNOWN:
            rule = self.destination if hop.kind != "route-table" else ""
            said = f"The route to {self.target.address} is not known."
            found = not_seen("route", hop.resource or self.picture.source.subnet, hop.text, said)
            return Finding("route", WARN, found.resource, found.sentence, rule=rule)
        if hop.kind == "route-table" and hop.resource != self.table:
            return self._fail(hop.resource, f"{hop.resource}, on the way to {self.target.vpc}: {hop.text}.", hop.mend)
        return _SAYINGS.get(hop.code, _Told._other)(self, hop)

    def _other(self, hop: Hop) -> Finding:
        said = f"The route to {self.target.address} ends at {hop.resource}: {hop.text}."
        return self._fail(hop.resource, said, hop.mend)

    def _missing(self, hop: Hop) -> Finding:
        source = self.picture.source
        return Finding(
            "route",
            FAIL,
            hop.resource,
            f"{hop.resource}, the route table of the source's subnet {source.subnet}, has no route to the target "
            f"{self.target.address} in {self.target.vpc}.",
            command=self._replacement(is_new=True),
        )

    def _blackhole(self, hop: Hop) -> Finding:
        gone = (self.taken.target if self.taken is not None else "") or "what its route led to"
        said = f"{hop.resource} sends {self.target.address} into a blackhole: {gone} is gone."
        return self._fail(hop.resource, said, self._replacement())

    def _bad_peering(self, hop: Hop) -> Finding:
        said = f"The route to {self.target.address} leads over {hop.resource}: {hop.text}."
        return self._fail(hop.resource, said, placed(self.picture, hop.mend) or self._replacement())

    def _not_by_peering(self, hop: Hop) -> Finding:
        peering = self._peering()
        others = [end.vpc for end in peering.ends if end.vpc != self.picture.source.vpc] if peering is not None else []
        said = f"The route to {self.target.address} leads over {hop.resource} into {', '.join(others)}"
        more = f"and the target is in {self.target.vpc}; peering is not transitive."
        return self._fail(self.table, f"{said}, {more}", self._replacement())

    def _out_of_zone(self, hop: Hop) -> Finding:
        source = self.picture.source
        gateway = self.taken.target if self.taken is not None else "the transit gateway"
        said = f"The attachment {hop.resource} of {source.vpc} has no subnet in the source's {source.az}, so frames "
        more = f"from there do not reach {gateway}."
        return Finding("route", FAIL, hop.resource, said + more, command=self._placed(hop))

    def _no_table(self, hop: Hop) -> Finding:
        mine = next((each.resource for each in self.trail.hops if each.kind == "attachment"), hop.resource)
        said = f"The attachment {mine} is associated with no route table of {hop.resource}, so its frames are dropped."
        return Finding("route", FAIL, mine, said, command=self._placed(hop))

    def _no_transit_route(self, hop: Hop) -> Finding:
        said = f"The transit gateway's route table {hop.resource} has no route to {self.target.address}."
        return Finding("route", FAIL, hop.resource, said, command=self._placed(hop))

    def _transit_blackhole(self, hop: Hop) -> Finding:
        said = f"The transit gateway's route table {hop.resource} sends into a blackhole {self.target.address}."
        rule = hop.rule.row.destination if hop.rule is not None and hop.rule.row is not None else ""
        return Finding("route", FAIL, hop.resource, said, rule=rule, command=self._placed(hop))

    def _not_attached(self, hop: Hop) -> Finding:
        gateway = self.taken.target if self.taken is not None else hop.resource
        vpc = hop.vpc or self.picture.source.vpc
        end = self.target if vpc == self.target.vpc else self.picture.source
        made = {"transit_gateway_id": gateway, "vpc_id": vpc, "subnet_ids": end.subnet}
        return Finding(
            "route",
            FAIL,
            hop.resource,
            f"{vpc} is not attached to the transit gateway {gateway}: {hop.text}.",
            command=command(self.picture, "ec2", "create-transit-gateway-vpc-attachment", **made),
        )

    def _elsewhere(self) -> Finding:
        via, address = self.taken.target if self.taken is not None else "", self.target.address
        dead_end = next((what for prefix, what in _DEAD_ENDS.items() if via.startswith(prefix)), "")
        if not dead_end:
            said = f"{self.table} sends {address} to {via}; frames arrive only if that forwards them."
            return Finding("route", WARN, self.table, said, rule=self.destination)
        return self._fail(
            self.table,
            f"{self.table} sends {address} to {dead_end} ({via}), which does not lead to private addresses of "
            "instances.",
            self._replacement(is_new=True),
        )

    def _fail(self, resource: str, sentence: str, mends: str = "") -> Finding:
        return Finding("route", FAIL, resource, sentence, rule=self.destination, command=mends)

    def _placed(self, hop: Hop) -> str:
        return placed(self.picture, hop.mend)

    def _replacement(self, *, is_new: bool = False) -> str:
        """The route that is missing, or that replaces the one taken: over the peering or the transit gateway that joins
        both VPCs; where there is neither, the peering."""
        source, target = self.picture.source, self.target
        if target.vpc == source.vpc:
            return placed(self.picture, mend.no_route(self.table, self.destination)) if self.destination else ""
        ctx, _ = way.arrival(self.picture)
        _, over = inside.missing(ctx, ctx.network.tables[self.table], target.address)
        if not over:
            ends = {"vpc_id": source.vpc, "peer_vpc_id": target.vpc}
            return command(self.picture, "ec2", "create-vpc-peering-connection", **ends)
        replaces = not is_new and not self.destination.startswith("pl-")
        block = self.destination if replaces else self._block()
        return placed(self.picture, mend.route(self.table, block, over, replaces))

    def _block(self) -> str:
        """The network of the target's subnet."""
        subnet = self.picture.subnet(self.target.subnet)
        v4 = [cidr for cidr in (subnet.cidrs if subnet is not None else ()) if ":" not in cidr]
        return v4[0] if v4 else mend.host(self.target.address)

    def _peering(self) -> Peering | None:
        crossed = next((hop.resource for hop in self.trail.hops if hop.kind == "peering"), "")
        return self.picture.network.peerings.get(crossed)

    def _attachment(self) -> Attachment | None:
        """The target's VPC's own."""
        gateway = self.taken.target if self.taken is not None else ""
        mine = [each for each in self.picture.network.attachments.values() if each.transit == gateway]
        return next((each for each in mine if each.resource == self.target.vpc), None)


_SAYINGS: Mapping[str, Callable[[_Told, Hop], Finding]] = {
    "NO_ROUTE_TO_DESTINATION": _Told._missing,
    "BAD_STATE_ROUTE": _Told._blackhole,
    "BAD_STATE": _Told._bad_peering,
    "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR": _Told._not_by_peering,
    "TGW_ROUTE_AZ_RESTRICTION": _Told._out_of_zone,
    "TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION": _Told._no_table,
    "TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT": _Told._no_transit_route,
    "TGW_RTB_BAD_STATE_ROUTE": _Told._transit_blackhole,
    "BAD_STATE_ATTACHMENT": _Told._not_attached,
}
"""The network's word for what is wrong -> the sentence of it."""
