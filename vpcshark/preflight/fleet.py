"""The hosts behind a load balancer, each judged as a target of its own, as far as its way can be known. Pure.

Client addresses are kept for UDP (Network Load Balancers, "Client IP preservation"), so a host's groups must admit the
source, or those that the load balancer has. One closed host loses its share of the frames, which is a warning; where
all are closed, nothing comes. The way to the load balancer is judged by the subnets of its hosts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from vpcshark.preflight import acls, groups, routes, target
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding
from vpcshark.preflight.picture import Interface, Picture


def findings(picture: Picture, *, is_geneve: bool) -> list[Finding]:
    """What is wrong at each of the picture's hosts and on the way to it; nothing where all is well. With ``is_geneve``
    frames come from the load balancer's own addresses, which nobody shows."""
    ways = _of_ways(picture)
    judged = [list(_of_host(picture, host, is_geneve)) for host in picture.hosts]
    closed = [
        _fails(ways.get(host.subnet, ()), "route") or (picture.balancer is not None and _fails(found, "group"))
        for host, found in zip(picture.hosts, judged, strict=True)
    ]
    nothing_comes = bool(closed) and all(closed)
    return [
        finding if nothing_comes or finding.level != FAIL else _of_share(finding)
        for found in (*ways.values(), *judged)
        for finding in found
    ]


def _of_ways(picture: Picture) -> Mapping[str, Sequence[Finding]]:
    """Subnet -> what is wrong with the route to it."""
    return {way.target.subnet: _wrong(routes.route(way)) for way in picture.ways if way.target is not None}


def _of_host(picture: Picture, host: Interface, is_geneve: bool) -> Iterator[Finding]:
    seen = picture.towards(host)
    checks = (target.state,) if is_geneve else (target.state, acls.acls, groups.groups)
    for check in checks:
        yield from _wrong(check(seen))


def _wrong(found: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.level != OK]


def _fails(found: Sequence[Finding], check: str) -> bool:
    return any(finding.check == check and finding.level == FAIL for finding in found)


def _of_share(finding: Finding) -> Finding:
    return replace(finding, level=WARN, sentence=f"{finding.sentence} Its share of the frames may be missing.")
