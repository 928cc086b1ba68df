"""Network interfaces as EC2 has them and moto does not: without IPv4, on further network cards, of other types, with a
trunk; whatever a test says that one is; with addresses that nobody has. Changes moto for the whole process. Must not
know Traffic Mirroring.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTrunkInterfaceAssociations.html
https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html (the first four addresses and the last are AWS's)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from itertools import islice
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_network_interfaces import Attachment, NetworkInterfaceBackend
from moto.ec2.models.instances import Instance
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses import EC2Response

_CARD, _TRUNK, _DEVICE = "vpcshark_network_card", "vpcshark_trunk", "vpcshark_device_index"
_FIRST, _LAST = 4, -2
"""Places in a subnet's block between which an interface may have its address."""
_attached = Attachment.__init__
_created = NetworkInterfaceBackend.create_network_interface
_assigned = NetworkInterfaceBackend.assign_private_ip_addresses
_dns_name: Callable[[Any], str] = Instance.private_dns_name.fget


def install() -> None:
    """Put our answers into moto. Doing it again changes nothing."""
    Attachment.__init__ = _attachment
    Instance.private_dns_name = property(lambda instance: _dns_name(instance) if instance.private_ip else "")
    EC2Response.describe_trunk_interface_associations = _associations
    NetworkInterfaceBackend.create_network_interface = _create
    NetworkInterfaceBackend.assign_private_ip_addresses = _assign
    Subnet.get_available_subnet_ip = _first_free_address


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


def last_free_address(subnet: Any) -> str:
    """Of the subnet, for what AWS makes itself. EC2ClientError: there is none."""
    return _free_addresses(subnet, 1, reversed(_usable(subnet)))[0]


def _create(
    backend: Any,
    subnet: Any,
    private_ip_address: Any = None,
    private_ip_addresses: Any = None,
    *rest: Any,
    secondary_ips_count: Any = None,
    **more: Any,
) -> Any:
    """moto draws an address from the whole block, also one that another has or that is AWS's own."""
    place = backend.get_subnet(subnet) if isinstance(subnet, str) else subnet
    count = int(secondary_ips_count or 0) + (not private_ip_address and not private_ip_addresses)
    drawn = _any_free_addresses(place, count)
    if not private_ip_addresses:
        private_ip_address = private_ip_address or drawn.pop()
        private_ip_addresses = [{"Primary": True, "PrivateIpAddress": private_ip_address}]
    others = [{"Primary": False, "PrivateIpAddress": each} for each in drawn]
    return _created(backend, subnet, private_ip_address, [*private_ip_addresses, *others], *rest, **more)


def _assign(backend: Any, eni_id: str, private_ip_addresses: Any = None, secondary_ips_count: int | None = None) -> Any:
    if secondary_ips_count and not private_ip_addresses:
        private_ip_addresses = _any_free_addresses(backend.get_network_interface(eni_id).subnet, secondary_ips_count)
    return _assigned(backend, eni_id, private_ip_addresses, None)


def _first_free_address(subnet: Any, instance: Any) -> str:
    """moto's own knows those of instances alone."""
    [address] = _free_addresses(subnet, 1, _usable(subnet))
    subnet.request_ip(address, instance)
    return address


def _usable(subnet: Any) -> range:
    """Places in the subnet's block."""
    return range(_FIRST, ip_network(subnet.cidr_block).num_addresses + _LAST + 1)


def _any_free_addresses(subnet: Any, count: int) -> list[str]:
    usable = _usable(subnet)
    return _free_addresses(subnet, count, random.sample(usable, min(len(usable), len(_taken(subnet)) + count)))


def _taken(subnet: Any) -> set[str]:
    own = [eni for eni in subnet.ec2_backend.enis.values() if eni.subnet.id == subnet.id]
    return {each["PrivateIpAddress"] for eni in own for each in eni.private_ip_addresses} | {*subnet._subnet_ips}


def _free_addresses(subnet: Any, count: int, places: Iterable[int]) -> list[str]:
    """The first ``count`` at these places that nobody has. EC2ClientError: there are fewer."""
    network, taken = ip_network(subnet.cidr_block), _taken(subnet)
    found = list(islice((str(network[each]) for each in places if str(network[each]) not in taken), count))
    if len(found) < count:
        raise EC2ClientError(
            "InsufficientFreeAddressesInSubnet",
            f"The specified subnet does not have enough free addresses to satisfy the request: {subnet.id}",
        )
    return found


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
