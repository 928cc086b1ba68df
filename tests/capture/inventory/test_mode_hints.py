"""What mode "auto" will be, said in the list."""

from __future__ import annotations

import pytest

from vpcshark.aws.compute.capture_hosts import HOST_TAG
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.inventory import catalog, mode_hints
from vpcshark.settings import Settings


def eni(number: int, kind: str = "m6i.large", **more) -> Eni:
    """The first ENI of a running instance."""
    more = {"instance": f"i-{number}", "instance_state": "running", "device_index": 0, **more}
    return Eni(id=f"eni-{number}", name=f"web-{number}", instance_type=kind, primary_address=f"10.0.0.{number}", **more)


PROFILE = "arn:aws:iam::123456789012:instance-profile/vpcshark-host"
HOST = eni(9, instance_tags={HOST_TAG: ""}, instance_profile=PROFILE)


def nowhere(address: str, mac: str) -> bool:
    """This machine is not in the VPC."""
    return False


def test_a_type_that_is_not_mirrored_is_marked_and_another_is_not() -> None:
    """t2 is not in AWS's table."""
    assert mode_hints.marks([eni(1), eni(2, "t2.micro"), HOST], nowhere) == {
        "eni-1": "",
        "eni-2": mode_hints.TCPDUMP,
        "eni-9": mode_hints.NO_TARGET,  # no host can be its own
    }


@pytest.mark.parametrize("state", ["stopped", "terminated"])
def test_without_a_running_target_everything_is_marked(state: str) -> None:
    """A host that does not run receives nothing."""
    away = eni(9, instance_tags={HOST_TAG: ""}, instance_state=state, instance_profile=PROFILE)
    assert mode_hints.marks([eni(1), away], nowhere)["eni-1"] == mode_hints.NO_TARGET


def test_this_machine_is_a_target_too() -> None:
    """Wireshark on an instance of the VPC needs no tag; that instance itself can't be mirrored to itself."""
    found = mode_hints.marks([eni(1), eni(5)], lambda address, mac: address == "10.0.0.5")
    assert found == {"eni-1": "", "eni-5": mode_hints.NO_TARGET}


def test_what_belongs_to_no_instance_has_no_mark() -> None:
    """tcpdump is no way there."""
    assert mode_hints.marks([Eni("eni-1", "spare")], nowhere) == {"eni-1": ""}


def test_the_list_ends_with_the_mark() -> None:
    """A person sees it before the double-click."""
    entries, _ = catalog.survey(
        [catalog.DEFAULT], Settings(), lambda place: [eni(2, "t2.micro"), HOST], None, is_here=nowhere
    )
    assert entries[0].display.endswith(f" · {mode_hints.TCPDUMP}")


def test_what_is_a_services_has_flow_logs_alone():
    """A NAT gateway's; and one of the plain type that a service manages (RDS)."""
    found = mode_hints.marks(
        [Eni("eni-1", "nat", interface_type="nat_gateway"), Eni("eni-2", "db", requester_managed=True)], nowhere
    )
    assert found == {"eni-1": mode_hints.FLOW_LOG, "eni-2": mode_hints.FLOW_LOG}
