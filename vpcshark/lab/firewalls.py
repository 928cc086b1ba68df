"""What decides about the packets of one network interface, as the account says it, for the data plane to enforce.

Plain facts without a verdict: entries and rules as they were written, prefix lists and references to groups spelled out
as blocks. Must not know moto, namespaces, nor what vpcshark makes of such facts.
"""

from __future__ import annotations

from dataclasses import dataclass

from vpcshark.lab.guards import Entry


@dataclass(frozen=True)
class Firewall:
    """Of the ENI called ``eni``. ``near``: its subnet's blocks, inside which no network ACL holds; ``router``: its
    router's addresses. ``acl_in`` and ``acl_out`` are in their order; ``lost``: destinations for which the subnet's
    table has no way although the VPC has. ``is_logged``: packets are told to whoever keeps flow logs."""

    eni: str
    near: tuple[str, ...]
    router: tuple[str, ...]
    acl_in: tuple[Entry, ...]
    acl_out: tuple[Entry, ...]
    group_in: tuple[Entry, ...]
    group_out: tuple[Entry, ...]
    lost: tuple[str, ...] = ()
    is_logged: bool = False
