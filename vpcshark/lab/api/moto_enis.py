"""Network interfaces as EC2 has them and moto does not: without IPv4, on further network cards, of other types, with a
trunk; whatever a test says that one is. Changes moto for the whole process. Must not know Traffic Mirroring.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTrunkInterfaceAssociations.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_network_interfaces import Attachment
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

_CARD, _TRUNK, _DEVICE = "vpcshark_network_card", "vpcshark_trunk", "vpcshark_device_index"
_attached = Attachment.__init__
_dns_name: Callable[[Any], str] = Instance.private_dns_name.fget


def install() -> None:
    """Put our answers into moto. Doing it again changes nothing."""
    Attachment.__init__ = _attachment
    Instance.private_dns_name = property(lambda instance: _dns_name(instance) if instance.private_ip else "")
    EC2Response.describe_trunk_interface_associations = _associations


def describe_as(
    eni_id: str,
    *,
    has_ipv4: bool = True,
    interface_type: str = "",
    network_card: int | None = None,
    device_index: int | None = None,
    trunk: str = "",
    vlan: int = 0,
    is_managed: bool = False,
) -> bool:
    """From now on the ENI is described so; False if there is none. ``trunk``: the interface that it is a branch of;
    ``is_managed``: by one of AWS's services."""
    eni = next(
        (b.enis[eni_id] for regions in ec2_backends.values() for b in regions.values() if eni_id in b.enis), None
    )
    if eni is None:
        return False
    if not has_ipv4:
        eni.private_ip_address, eni.private_ip_addresses = None, []
    if interface_type:
        eni.interface_type = interface_type
    if is_managed:
        eni.requester_managed = True
    for name, value in ((_CARD, network_card), (_DEVICE, device_index), (_TRUNK, (trunk, vlan) if trunk else None)):
        if value is not None:
            setattr(eni, name, value)
    return True


def _attachment(attachment: Any, eni: Any) -> None:
    _attached(attachment, eni)
    attachment.network_card_index = getattr(eni, _CARD, 0)
    attachment.device_index = getattr(eni, _DEVICE, attachment.device_index)


def _associations(response: EC2Response) -> ActionResult:
    found = [(eni, *getattr(eni, _TRUNK)) for eni in response.ec2_backend.enis.values() if hasattr(eni, _TRUNK)]
    return ActionResult(
        {
            "InterfaceAssociations": [
                {
                    "AssociationId": f"trunk-assoc-{eni.id[4:]}",
                    "BranchInterfaceId": eni.id,
                    "TrunkInterfaceId": trunk,
                    "InterfaceProtocol": "VLAN",
                    "VlanId": vlan,
                }
                for eni, trunk, vlan in found
            ]
        }
    )
