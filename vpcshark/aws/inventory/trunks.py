"""On which instance a branch interface is, a pod's or a task's: EC2 knows only the trunk interface that it belongs to.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTrunkInterfaceAssociations.html. Must not know what
the interface is wanted for.
"""

from __future__ import annotations

from dataclasses import replace

from vpcshark.aws.client import Ec2
from vpcshark.aws.errors import mapped
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.paging import pages


def on_its_trunk(ec2: Ec2, branch: Eni) -> Eni:
    """The branch with the instance that has its trunk; as it is where EC2 knows none. AwsError."""
    with mapped("look up the trunk of a branch interface"):
        found = pages(ec2, "describe_trunk_interface_associations", "InterfaceAssociations")
        trunk = next((str(one["TrunkInterfaceId"]) for one in found if one["BranchInterfaceId"] == branch.id), "")
    if not trunk:
        return branch
    parent = interfaces.find_eni(ec2, trunk)
    return replace(
        branch,
        instance=parent.instance,
        instance_name=parent.instance_name,
        instance_state=parent.instance_state,
        instance_type=parent.instance_type,
        instance_tags=parent.instance_tags,
        instance_profile=parent.instance_profile,
        instance_account=parent.instance_account,
    )
