"""A finding: what is proved or likely, by which frames, what was checked against it, and what to do now.

Must not know how anything is found.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from vpcshark.diagnose.flows import Flow
from vpcshark.diagnose.packet import address

PROVED, LIKELY, CANNOT_TELL = "proved", "likely", "cannot-tell"
ARTEFACTS = frozenset({"capture-lost-packets", "capture-duplicated", "mirror-artefact"})
"""What is wrong with the capture and not with what it shows."""
_MOST_FLOWS, _MOST_FRAMES, _MOST_LISTED = 40, 60, 1000


class Frame(NamedTuple):
    """A packet in a file: the file's place among those given, the number as Wireshark counts."""

    file: int
    number: int


class Verdict(NamedTuple):
    """What a finding says, without the packets that it says it of; its fields are the finding's."""

    kind: str
    confidence: str
    sentence: str
    checked: tuple[str, ...] = ()
    next: str = ""
    weight: float = 0.0
    cause: Hashable = None
    size: int = 0


@dataclass(frozen=True)
class Finding:
    """``weight``: seconds or requests lost, to rank by. What one cause did to several flows has an equal ``cause``;
    ``more`` flows that it did it to are not listed, and the
    sentence is about the first ``own`` of the others (0: all). ``size``: bytes of the packets that it is about."""

    kind: str
    confidence: str
    sentence: str
    flows: tuple[Flow, ...] = ()
    frames: tuple[Frame, ...] = ()
    checked: tuple[str, ...] = ()
    next: str = ""
    filter: str = ""
    weight: float = 0.0
    cause: Hashable = None
    size: int = 0
    more: int = 0
    own: int = 0

    @property
    def ends(self) -> tuple[bytes, bytes]:
        """The two ends of the first flow, in its direction."""
        return (self.flows[0].source, self.flows[0].target) if self.flows else (b"", b"")


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each kind and cause: the heaviest one's sentence, everybody's flows and frames."""
    return [told(finding) for finding in gathered(findings)]


def gathered(findings: Iterable[Finding]) -> list[Finding]:
    """The same, with the flows of the others not yet told in the sentence: so it can be gathered again with more."""
    groups: dict[Hashable, list[Finding]] = {}
    for finding in findings:
        key = (finding.kind, finding.cause) if finding.cause is not None else (finding.kind, id(finding))
        groups.setdefault(key, []).append(finding)
    return [group[0] if len(group) == 1 else _one(group) for group in groups.values()]


def _one(group: Sequence[Finding]) -> Finding:
    sure = [PROVED, LIKELY, CANNOT_TELL]
    first = min(group, key=lambda each: (sure.index(each.confidence), -each.weight))
    flows = tuple(dict.fromkeys(flow for each in (first, *group) for flow in each.flows))
    spread = [frame for each in (first, *group) for frame in each.frames[: max(4, _MOST_FRAMES // len(group))]]
    frames = tuple(sorted(dict.fromkeys(spread))[:_MOST_FRAMES])
    more = sum(each.more for each in group) + max(len(flows) - _MOST_LISTED, 0)
    weight, own = sum(each.weight for each in group), first.own or len(first.flows)
    return replace(first, flows=flows[:_MOST_LISTED], frames=frames, weight=weight, more=more, own=own)


def told(finding: Finding) -> Finding:
    """With what the sentence does not yet say: for how many flows it holds, besides its ``own``."""
    more = len(finding.flows) - (finding.own or len(finding.flows)) + finding.more
    said = f" The same holds for {more} more {'flow' if more == 1 else 'flows'}." if more > 0 else ""
    return _with_filter(replace(finding, sentence=finding.sentence + said))


def _with_filter(finding: Finding) -> Finding:
    return finding if finding.filter else replace(finding, filter=filter_of(finding.flows))


def filter_of(flows: Sequence[Flow]) -> str:
    """A display filter (wireshark-filter(4)) for these flows, both ways."""
    return " or ".join(dict.fromkeys(f"({_flow_filter(flow)})" for flow in flows[:_MOST_FLOWS]))


def _flow_filter(flow: Flow) -> str:
    version = "ipv6" if len(flow.source) == 16 else "ip"
    parts = [f"{version}.addr == {address(each)}" for each in (flow.source, flow.target)]
    if flow.name in ("tcp", "udp"):
        parts += [f"{flow.name}.port == {port}" for port in (flow.source_port, flow.target_port)]
    elif flow.name in ("icmp", "icmp6"):
        parts.append("icmp" if flow.name == "icmp" else "icmpv6")
    return " and ".join(dict.fromkeys(parts))


def listed(finding: Finding, files: Sequence[str]) -> dict[str, Any]:
    """What scripts rely on; ``files`` are named as the user named them."""
    return {
        "class": finding.kind,
        "confidence": finding.confidence,
        "sentence": finding.sentence,
        "flows": [_flow(flow) for flow in finding.flows],
        "frames": [{"file": files[frame.file], "number": frame.number} for frame in finding.frames],
        "checked": list(finding.checked),
        "next": finding.next,
        "filter": finding.filter,
    }


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "protocol": flow.name,
        "source": address(flow.source),
        "source_port": flow.source_port,
        "target": address(flow.target),
        "target_port": flow.target_port,
    }
