"""Which ENIs a selection means, and which of them can be captured from: pure choices, made from what AWS said.

Who names an ENI must get it: one that cannot be is an error, before anything is made. What a query finds beside is left
out, with the reason. Must not call AWS.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vpcshark.aws.balancing.registered import Registered
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import resources
from vpcshark.aws.mirroring.resources import MirrorSession
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.inventory.tag_match import has_tags
from vpcshark.errors import InputError, Mistake, VpcsharkError
from vpcshark.preflight.source import is_mirrored

MOST_VNI = (1 << 24) - 1  # RFC 7348 section 5: 24 bits

GROUP_TAG = "aws:autoscaling:groupName"  # EC2 Auto Scaling puts it on every instance of a group
_MOST_TOLD = 3


@dataclass(frozen=True)
class Source:
    """One ENI of a capture: its interface id in the file, its VNI; ``is_found``: by a query, nobody named it."""

    id: int
    eni: Eni
    vni: int
    is_found: bool = False


@dataclass(frozen=True)
class Chosen:
    """The ENIs to capture from, those that are named first; ``found``: the ids that a query found; ``left_out``: a
    sentence for each that it found and that cannot be."""

    enis: tuple[Eni, ...]
    found: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()


def find(selection: Selection, enis: Iterable[Eni], registered: Sequence[Registered]) -> list[Eni]:
    """The ENIs that the selection's queries mean; ``registered`` are its load balancers' targets."""
    instances = {one.instance for one in registered if one.instance}
    addresses = {(one.vpc, one.address) for one in registered if one.address}

    def is_meant(eni: Eni) -> bool:
        return (
            (bool(selection.tags) and has_tags(eni, selection.tags))
            or eni.instance_tags.get(GROUP_TAG, "") in selection.groups
            or eni.id in selection.points
            # an instance that is registered by its id gets its traffic at its primary interface
            or (eni.instance in instances and eni.is_primary)
            or any((eni.vpc, address) in addresses for address in eni.addresses)
        )

    meant = [eni for eni in enis if eni.id not in selection.enis and is_meant(eni)]
    order = {point: place for place, point in enumerate(selection.points)}  # a path's are shown from end to end
    return sorted(meant, key=lambda eni: order.get(eni.id, len(order)))


@dataclass(frozen=True)
class Standing:
    """What a new session of a source must fit in with: ``sessions`` (ENI id -> those that mirror it) exist already, and
    it is to have ``number`` (None: the lowest free). ``spared`` are the ENIs of capture hosts: a query that finds one
    does not mean it."""

    sessions: Mapping[str, Sequence[MirrorSession]]
    number: int | None
    spared: Collection[str] = ()


def choose(
    selection: Selection, named: Sequence[Eni], found: Sequence[Eni], host: CaptureHost, standing: Standing
) -> Chosen:
    """What of ``named`` and ``found`` is captured from at ``host``. VpcsharkError for named ones that cannot be, with
    the reasons, and where nothing is left."""

    def problem(eni: Eni) -> VpcsharkError | None:
        return _problem(eni, host, standing.sessions.get(eni.id, ()), standing.number)

    _refuse([wrong for eni in named if (wrong := problem(eni)) is not None])
    left_out = {
        eni.id: wrong for eni in found if (wrong := problem(eni) or _unwanted(eni, standing.spared)) is not None
    }
    enis = (*named, *(eni for eni in found if eni.id not in left_out))
    sentences = tuple(f"{eni} is left out: {wrong.problem}" for eni, wrong in left_out.items())
    if not enis:
        raise InputError(
            f"No ENI can be captured from for {selection}: "
            + (" ".join(wrong.problem for wrong in list(left_out.values())[:_MOST_TOLD]) or "AWS knows none."),
            "vpcshark interfaces lists what there is; vpcshark config shows the named captures.",
        )
    return Chosen(enis, frozenset(eni.id for eni in found) - frozenset(left_out), sentences)


def check_hosts(named: Iterable[Eni], hosts: Collection[CaptureHost]) -> None:
    """InputError if a source that was named is one of the ``hosts`` that receive together: copies of its frames that
    come to it would be mirrored once more."""
    for eni in named:
        for host in hosts:
            _check_host(eni, host)


def assign(chosen: Chosen, vnis: Sequence[int]) -> tuple[Source, ...]:
    """The sources with their interface ids and VNIs."""
    pairs = zip(chosen.enis, vnis, strict=True)
    return tuple(Source(number, eni, vni, eni.id in chosen.found) for number, (eni, vni) in enumerate(pairs))


def _refuse(problems: Sequence[VpcsharkError]) -> None:
    if len(problems) == 1:
        raise problems[0]
    if problems:
        told = " ".join(error.problem for error in problems[:_MOST_TOLD])
        more = f" And {len(problems) - _MOST_TOLD} more can't be." if len(problems) > _MOST_TOLD else ""
        raise InputError(f"{told}{more}", "Leave them out, or see the log for each.")


def _problem(
    eni: Eni, host: CaptureHost, sessions: Sequence[MirrorSession], number: int | None
) -> VpcsharkError | None:
    checks: tuple[Callable[[], object], ...] = (
        lambda: _check_kind(eni),
        lambda: _check_host(eni, host),
        lambda: resources.claim_number(sessions, number),
    )
    try:
        for check in checks:
            check()
    except VpcsharkError as error:
        return error
    return None


def _check_kind(eni: Eni) -> None:
    """https://docs.aws.amazon.com/vpc/latest/mirroring/traffic-mirroring-network-limitations.html, "Sources"."""
    remedy = "Choose an ENI of an instance; vpcshark interfaces lists them."
    if not is_mirrored(eni.interface_type):
        there = "Capture on its instance (--mode tcpdump), or choose another ENI."
        raise InputError(
            f"{eni.id} is of the type {eni.interface_type}, and AWS mirrors only those of the type interface.",
            there if eni.interface_type in (*interfaces.CAPTURABLE, "branch") else remedy,
        )
    if eni.requester_managed and not is_mirrored(eni.interface_type, f"{eni.description} {eni.owner}"):
        raise InputError(
            f"{eni.id} is managed by AWS ({eni.owner or eni.description or 'it does not say for what'}), and of those"
            " it mirrors only the ones of RDS and ElastiCache.",
            remedy,
        )


def _check_host(eni: Eni, host: CaptureHost) -> None:
    if host.eni == eni.id:
        raise InputError(
            f"{eni.id} cannot be the source and its own capture host.",
            "Choose another running instance as capture host (--host i-…).",
        )


def _unwanted(eni: Eni, spared: Collection[str]) -> VpcsharkError | None:
    """Why an ENI that nobody named is not worth a session, which costs by the hour: it receives mirrored frames, which
    would be captured once more, or it has none at all."""
    if eni.id in spared:
        return InputError("it is a capture host's.")
    if eni.instance and eni.instance_state != "running":
        return InputError(f"its instance {eni.instance} is {eni.instance_state or 'not known'}.")
    if not eni.instance and not eni.requester_managed:
        return InputError("it is attached to nothing.")
    return None


def choose_vnis(
    wanted: int | None, count: int, taken: Collection[int], pick: Callable[[int, int], int] = random.randint
) -> list[int]:
    """A VNI for each of ``count`` sources: consecutive ones from ``wanted`` on, or random ones that no session shown to
    us uses. Mistake where ``wanted`` leaves no room for all.

    We choose instead of EC2 because the receiver must know the VNI before the session exists.
    """
    if wanted is not None:
        if wanted + count - 1 > MOST_VNI:
            raise Mistake(
                f"{count} sources need {count} VNIs from {wanted} on, and the last one is {MOST_VNI}.",
                "Give a smaller one with --vni, or none.",
            )
        return list(range(wanted, wanted + count))
    chosen: list[int] = []
    while len(chosen) < count:
        vni = pick(1, MOST_VNI)
        if vni not in taken and vni not in chosen:
            chosen.append(vni)
    return chosen
