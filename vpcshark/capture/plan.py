"""What a capture will make and write, decided from what AWS said: pure choices, no call.

Must not call AWS nor open anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator

from vpcshark.aws import hosts, inventory
from vpcshark.aws.existing import Target
from vpcshark.aws.hosts import CaptureHost
from vpcshark.aws.inventory import Eni
from vpcshark.errors import InputError

MOST_VNI = (1 << 24) - 1  # RFC 7348 section 5: 24 bits


def choose_vni(wanted: int | None, taken: Collection[int], pick: Callable[[int, int], int] = random.randint) -> int:
    """``wanted``, or a random VNI that no session shown to us uses.

    We choose instead of EC2 because the receiver must know the VNI before the session exists.
    """
    if wanted is not None:
        return wanted
    while (vni := pick(1, MOST_VNI)) in taken:
        pass
    return vni


def choose_host(
    wanted: str,
    source: Eni,
    tagged: Collection[CaptureHost],
    enis: Iterable[Eni],
    is_here: Callable[[str], bool],
) -> CaptureHost:
    """The capture host that ``wanted`` ("auto" or "local") means for ``source``; InputError if there is none.

    "auto": the nearest tagged host, else this machine where it stands in the VPC. ``is_here(address)`` tells whether
    an address belongs to this machine.
    """
    if wanted == "auto" and any(host.eni != source.id for host in tagged):
        return hosts.nearest(tagged, source)
    here = (eni for eni in enis if eni.id != source.id and eni.primary_address and is_here(eni.primary_address))
    mine = next(here, None)
    if mine is not None:
        return host_of(mine)
    if wanted == "auto":
        return hosts.nearest([], source)
    raise InputError(
        "This machine has no network interface in the account and region, so it cannot be a mirror target.",
        "Choose a running instance as capture host (--host i-…).",
    )


def host_at(target: Target, enis: Iterable[Eni]) -> CaptureHost:
    """The capture host behind an existing mirror target; InputError if its ENI is not in the list."""
    found = next((eni for eni in enis if eni.id == target.eni), None)
    if found is None:
        raise InputError(
            f"The network interface {target.eni} of the mirror target {target.id} cannot be seen in this account.",
            "Choose a running instance as capture host (--host i-…).",
        )
    return host_of(found)


def check_host(source: Eni, host: CaptureHost) -> None:
    """InputError if the source would be its own target, which AWS does not allow."""
    if host.eni == source.id:
        raise InputError(
            f"{source.id} cannot be the source and its own capture host.",
            "Choose another running instance as capture host (--host i-…).",
        )


def host_of(eni: Eni) -> CaptureHost:
    """The capture host whose target is ``eni``."""
    return CaptureHost(
        instance=eni.instance, name=eni.name, eni=eni.id, address=eni.primary_address, vpc=eni.vpc, subnet=eni.subnet
    )


def describe(eni: Eni) -> str:
    """The interface's description in the capture file: what a person recognises, without the id that is its name."""
    parts = [eni.name, inventory.interface_name(eni), eni.instance, *eni.addresses]
    return inventory.SEPARATOR.join(dict.fromkeys(inventory.clean(part) for part in parts if part))


def names(source: Eni, enis: Iterable[Eni]) -> Iterator[tuple[str, str]]:
    """(address, name) of every private address in the source's VPC that has a name of its own."""
    for eni in enis:
        if eni.vpc == source.vpc and eni.name != eni.id:
            for address in eni.addresses:
                yield address, inventory.clean(eni.name)
