"""Which running instance an ENI's packets can be seen on, by AWS's answers. Must not know what is done there."""

from __future__ import annotations

from vpcshark.aws.client import Ec2
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory import owners, trunks
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.errors import InputError


def located(ec2: Ec2, eni: Eni, what: str) -> tuple[Eni, CaptureHost]:
    """The ENI, a pod's by its trunk, and its instance, which ``what`` needs. InputError where nobody can log in to it,
    with the reason; AwsError."""
    if eni.interface_type == "branch":
        eni = trunks.on_its_trunk(ec2, eni)
    if (told := owners.why_no_device(eni)) is not None:
        raise InputError(f"{eni.id} {told[0]}.", told[1])
    if not eni.instance or eni.instance_state != "running":
        whose, remedy = owners.why_nobody_logs_in(eni)
        raise InputError(f"{eni.id} {whose}: {what} needs a running instance.", remedy)
    return eni, capture_hosts.find_host(ec2, eni.instance)
