"""The hosts behind a load balancer, each judged as a target of its own, as far as its way can be known. Pure.

Client addresses are kept for UDP (Network Load Balancers, "Client IP preservation"), so a host's groups must admit the
source, or, where the load balancer has groups, those. One closed host loses its share of the frames, which is a
warning; where all are closed, nothing comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vpcshark.preflight import acls, groups, target
from vpcshark.preflight.finding import FAIL, OK, WARN, Finding
from vpcshark.preflight.picture import Interface, Picture


def findings(picture: Picture, hosts: Sequence[Interface], *, is_geneve: bool) -> list[Finding]:
    """What is wrong at each host; nothing where all is well. With ``is_geneve`` frames come from the load balancer's
    own addresses, which nobody shows."""
    judged = [list(_of_host(picture, host, is_geneve)) for host in hosts]
    balanced = picture.balancer is not None and not picture.balancer.groups
    all_closed = balanced and bool(hosts) and all(_is_closed(found) for found in judged)
    return [
        finding if all_closed or finding.level != FAIL else _of_share(finding) for found in judged for finding in found
    ]


def _of_host(picture: Picture, host: Interface, is_geneve: bool) -> Iterator[Finding]:
    seen = replace(picture, target=host, balancer=None, endpoint=None)
    checks = (target.state,) if is_geneve else (target.state, acls.acls, groups.groups)
    for check in checks:
        yield from (finding for finding in check(seen) if finding.level != OK)


def _is_closed(found: Sequence[Finding]) -> bool:
    return any(finding.check == "group" and finding.level == FAIL for finding in found)


def _of_share(finding: Finding) -> Finding:
    return replace(finding, level=WARN, sentence=f"{finding.sentence} Its share of the frames may be missing.")
