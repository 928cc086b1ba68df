"""What mode "auto" will be for each ENI of a list, as far as it can be known before AWS is asked to mirror. Pure.

Must not know who shows the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vpcshark.aws.compute.capture_hosts import HOST_TAG, LEASE_TAG
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring import instance_types
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.inventory import offered_hosts
from vpcshark.settings import Hosts

_NOTHING_SAID = Hosts()
TCPDUMP = "tcpdump only"  # AWS does not mirror this type of instance or of interface
FLOW_LOG = "flow log"  # on no instance of the account's: records are all there can be
NO_TARGET = "tcpdump"  # it would, but nothing in the account and region can receive it


def marks(enis: Sequence[Eni], is_here: IsHere, allowed: Hosts = _NOTHING_SAID) -> Mapping[str, str]:
    """ENI id -> ``TCPDUMP``, ``NO_TARGET``, ``FLOW_LOG`` for a service's, or "" for a mirror and for what nothing has.

    ``enis`` are all of one account and region. ``is_here`` tells whether an interface is this machine's, which
    can receive too; ``allowed`` are the hosts that the user's settings let receive.
    """
    running = [eni for eni in enis if eni.instance_state == "running" and LEASE_TAG not in eni.instance_tags]
    tagged = {
        eni.instance
        for eni in running
        if HOST_TAG in eni.instance_tags
        and offered_hosts.may_receive(allowed, eni.instance, eni.account, eni.instance_profile)
    }
    targets = {eni.id for eni in enis if eni.instance in tagged and eni.is_primary}
    # This machine is asked about only where nothing is tagged: an account may have thousands of ENIs.
    if not targets:
        targets = {eni.id for eni in enis if eni.primary_address and is_here(eni.primary_address, eni.mac)}
    return {eni.id: _mark(eni, has_target=bool(targets - {eni.id})) for eni in enis}


def _mark(eni: Eni, *, has_target: bool) -> str:
    if not eni.instance:
        is_used = eni.requester_managed or eni.attachment_status == "attached"
        return FLOW_LOG if is_used or eni.interface_type not in interfaces.CAPTURABLE else ""
    if not instance_types.is_listed(eni.instance_type) or eni.interface_type != "interface":
        return TCPDUMP
    return "" if has_target else NO_TARGET
