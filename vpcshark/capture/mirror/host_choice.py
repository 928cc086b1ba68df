"""Chooses the capture host, or those of a fleet, from what AWS said. Pure: no call.

Must not call AWS nor open anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from vpcshark.aws import tagging
from vpcshark.aws.balancing.facts import Member
from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import quotas
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.contract.host import Auto, Local
from vpcshark.capture.inventory import offered_hosts
from vpcshark.cleanup import tags
from vpcshark.cleanup.keeping import Kept
from vpcshark.errors import AwsError, InputError, Mistake

LEAST_KEPT = 90.0  # seconds; a kept host with less before it may be gone before it is claimed


def choose_host(
    wanted: Auto | Local,
    sources: Sequence[Eni],
    tagged: Collection[CaptureHost],
    enis: Iterable[Eni],
    is_here: IsHere,
    others: Sequence[CaptureHost] = (),
) -> CaptureHost:
    """The capture host that ``wanted`` means for ``sources``; InputError if there is none.
    ``others`` have the tag too, and nothing else (see ``offered_hosts``).

    ``Auto``: the nearest tagged host, else this machine where it stands in the VPC. ``is_here`` tells whether
    an interface belongs to this machine.
    """
    ids = {source.id for source in sources}
    if wanted == Auto() and any(host.eni not in ids for host in tagged):
        return capture_hosts.nearest(tagged, sources)
    here = (eni for eni in enis if eni.id not in ids and eni.primary_address and is_here(eni.primary_address, eni.mac))
    mine = next(here, None)
    if mine is not None:
        return host_of(mine)
    if wanted == Auto() and others:
        raise offered_hosts.nobody(others)
    if wanted == Auto():
        return capture_hosts.nearest([], sources)
    raise Mistake(
        "This machine has no network interface in the account and region, so it cannot be a mirror target.",
        "Choose a running instance as capture host (--host i-…).",
    )


@dataclass(frozen=True)
class Ours:
    """Which kept hosts are ``owner``'s at the time ``now`` (s since the epoch): those that were ``noted`` on this
    machine, for no tag makes another one ours."""

    owner: str
    now: float
    noted: Mapping[str, Kept]

    def is_usable(self, host: CaptureHost, vpcs: Collection[str], wanted: Mapping[str, str]) -> bool:
        """For sources in these VPCs, and for as long as it takes to claim it; ``wanted`` are tags that it must have."""
        lease = tags.read_lease(host.tags)
        return (
            lease is not None
            and is_noted(host, self.noted)
            and lease.expires > self.now + LEAST_KEPT
            and host.vpc in vpcs
            and wanted.items() <= host.tags.items()
        )


def own_host(
    sources: Sequence[Eni], launched: Iterable[CaptureHost], ours: Ours, wanted: Mapping[str, str], kind: str
) -> CaptureHost:
    """The host of the capture's own: one that was kept for it, nearest first, else one that is to be launched in the
    first source's subnet (its ``instance`` is "", its type ``kind``). ``wanted``: tags that a kept one must have.
    InputError where the sources are in several VPCs."""
    vpcs = {source.vpc for source in sources}
    if len(vpcs) > 1:
        raise InputError(
            f"One launched capture host cannot have sources in several VPCs ({', '.join(sorted(vpcs))}).",
            "Capture from the ENIs of one VPC at a time, or through an instance that all of them reach (--host i-…).",
        )
    usable = [host for host in claimed(launched, ours.owner) if ours.is_usable(host, vpcs, wanted)]
    if usable:
        return capture_hosts.nearest(usable, sources)
    first = sources[0]
    return CaptureHost(
        instance="",
        name="a new capture host",
        eni="",
        address="",
        vpc=first.vpc,
        subnet=first.subnet,
        az=first.az,
        instance_type=kind,
    )


def claimed(launched: Iterable[CaptureHost], owner: str) -> list[CaptureHost]:
    """Those that ``owner`` keeps for the next capture, as their tags have it."""
    leases = [(host, tags.read_lease(host.tags)) for host in launched]
    return [host for host, lease in leases if lease is not None and tags.is_kept(lease) and lease.owner == owner]


def is_noted(host: CaptureHost, noted: Mapping[str, Kept]) -> bool:
    """Was it kept on this machine, under the capture id that it has now?"""
    kept = noted.get(host.tags.get(tags.CAPTURE, ""))
    return kept is not None and host.instance in kept.made


def fleet_hosts(fleet: Fleet, enis: Sequence[Eni]) -> tuple[CaptureHost, ...]:
    """The capture hosts behind a mirror target: those that the user named, else the target's ENI's, else every
    registered one, healthy or not: it may become so while the capture runs. Mistake where one cannot be told."""
    if fleet.named:
        return fleet.named
    if fleet.has_one_host:
        found = next((eni for eni in enis if eni.id == fleet.resource), None)
        if found is None:
            raise _unseen(fleet, f"The network interface {fleet.resource} is not in this account.")
        return (host_of(found),)
    pairs = [(member, _registered(fleet, member, enis)) for member in fleet.members]
    lost = next((one for one, host in pairs if host is None and one.health == "healthy"), None)
    if lost is not None:
        raise _unseen(fleet, f"No network interface of this account is that of {lost.id}, which is registered there.")
    known = tuple(host for _, host in pairs if host is not None)
    if not known:
        raise _unseen(fleet, fleet.unseen or "No instance is registered there.")
    return known


def _registered(fleet: Fleet, member: Member, enis: Iterable[Eni]) -> CaptureHost | None:
    """An instance that is registered by its id gets its traffic at its primary interface."""
    for eni in enis:
        if member.id == eni.instance and eni.is_primary:
            return host_of(eni)
        if member.id in eni.addresses and eni.vpc == fleet.vpc:
            return replace(host_of(eni), address=member.id)
    return None


def _unseen(fleet: Fleet, why: str) -> Mistake:
    owner = f" of the account {fleet.owner}" if fleet.owner else ""
    what = f"the mirror target {fleet.target}{owner}" if fleet.target else fleet.name
    return Mistake(
        f"Who receives behind {what} cannot be seen: {why}",
        f"Name the capture hosts that it leads to: --host {fleet.target or fleet.resource}@i-…,i-…",
    )


def check_room(host: CaptureHost, sources: Collection[str], others: Collection[str] = ()) -> None:
    """AwsError if the host's target can't have all of ``sources`` (ENI ids) beside the ``others`` that it has already:
    told before anything is made, because AWS would refuse only the last of them."""
    most = quotas.sources_per_target(host.instance_type)
    together = {*sources, *others}
    if len(together) <= most:
        return
    more = f" beside {len(set(others))} of other captures" if others else ""
    size = f" (it is {host.instance_type})" if host.instance_type else ""
    raise AwsError(
        f"AWS lets the mirror target on {host.name}{size} have {most} sources,"
        f" and {len(set(sources))} are wanted{more}.",
        "Choose a capture host of one of the largest sizes, which may have 100 (--host i-…), or capture from fewer ENIs"
        " at a time.",
        code="TrafficMirrorSourcesPerTargetLimitExceeded",
    )


def host_of(eni: Eni) -> CaptureHost:
    """The capture host whose target is ``eni``."""
    return CaptureHost(
        instance=eni.instance,
        name=eni.name,
        eni=eni.id,
        address=eni.primary_address,
        vpc=eni.vpc,
        subnet=eni.subnet,
        az=eni.az,
        instance_type=eni.instance_type,
        public_address=eni.public_address,
        mac=eni.mac,
        account=eni.account,
        profile=eni.instance_profile,
        user=tagging.clean(eni.instance_tags.get(capture_hosts.USER_TAG, "")) or capture_hosts.DEFAULT_USER,
    )
