"""What AWS vouches for, and what it does not: a host key behind a tunnel, and one that was vouched for before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from vpcshark.aws.client import Aws
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.capture.connection.host_key_proof import Vouching
from vpcshark.errors import TransportError
from vpcshark.transport import known_hosts
from vpcshark.transport.host_certificates import Shown

ID = "i-0123456789abcdef0"
WAS = CaptureHost(ID, "web-1", "eni-1", "10.0.0.5", vpc="vpc-1")  # as it is remembered
KEY, OTHER = b"\0\0\0\x0bssh-ed25519 the instance's", b"\0\0\0\x0bssh-ed25519 somebody else's"


def instance(address: str, vpc: str = "vpc-1", state: str = "running") -> Mapping[str, Any]:
    """One of DescribeInstances' answer."""
    eni = {"NetworkInterfaceId": "eni-1", "PrivateIpAddress": address, "VpcId": vpc, "Attachment": {"DeviceIndex": 0}}
    return {"InstanceId": ID, "State": {"Name": state}, "PrivateIpAddress": address, "NetworkInterfaces": [eni]}


def account(answer: Mapping[str, Any] | str) -> Aws:
    """In which this is the instance, or where this is the error that tells of it."""

    def describe_instances(InstanceIds: list[str]) -> Mapping[str, Any]:
        assert InstanceIds == [ID], "whose address it is, is asked by the id"
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": "no"}}, "DescribeInstances")
        return {"Reservations": [{"Instances": [answer]}]}

    meta = SimpleNamespace(region_name="eu-west-1")
    return cast("Aws", SimpleNamespace(ec2=SimpleNamespace(describe_instances=describe_instances, meta=meta)))


def vouching(answer: Mapping[str, Any] | str, pins: Path, pin: str = ID) -> Vouching:
    """For the host as it is remembered, in an account as it is now."""
    return Vouching(WAS, pin, f"vpcshark trust {ID}", lambda: account(answer), pins)


def is_known(pins: Path, key: bytes, name: str = ID, address: str = "10.9.9.9") -> None:
    """Return if that file accepts the key for that instance, wherever it is; TransportError."""
    known_hosts.load([], [str(pins)]).check([name, address], Shown("ssh-ed25519", key), f"vpcshark trust {ID}")


def test_an_endpoint_vouches_for_an_address_that_is_the_instances_now(tmp_path: Path) -> None:
    """And the key is kept under its id, wherever it goes; another one is a change from then on."""
    assert vouching(instance("10.0.0.5"), tmp_path / "pins").endpoint("ssh-ed25519", KEY)
    is_known(tmp_path / "pins", KEY)
    with pytest.raises(TransportError, match="has changed") as caught:
        is_known(tmp_path / "pins", OTHER)
    assert f"vpcshark trust {ID}" in caught.value.remedy


@pytest.mark.parametrize(
    "answer",
    [
        instance("10.0.0.77"),
        instance("10.0.0.5", vpc="vpc-2"),
        instance("10.0.0.5", state="terminated"),
        instance("", state="stopped"),
        "InvalidInstanceID.NotFound",
    ],
)
def test_an_endpoint_vouches_for_no_address_that_is_anothers_now(
    answer: Mapping[str, Any] | str, tmp_path: Path
) -> None:
    """The instance has moved, stopped or is gone; its old address is whose it may be. That is said."""
    with pytest.raises(TransportError, match=ID):
        vouching(answer, tmp_path / "pins").endpoint("ssh-ed25519", OTHER)
    assert not (tmp_path / "pins").exists()


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "RequestLimitExceeded", "InternalError"])
def test_an_endpoint_vouches_for_nothing_where_aws_does_not_say(code: str, tmp_path: Path) -> None:
    """Then the key is as unknown as without a tunnel."""
    assert not vouching(code, tmp_path / "pins").endpoint("ssh-ed25519", KEY)
    assert not (tmp_path / "pins").exists()


def test_session_manager_vouches_for_the_instance_that_it_was_asked_for(tmp_path: Path) -> None:
    """By its id, so no address is looked at; the key of each port is kept for itself."""
    pins = tmp_path / "pins"
    assert vouching("nobody is asked", pins).session("ssh-ed25519", KEY)
    assert vouching("nobody is asked", pins, f"[{ID}]:2222").session("ssh-ed25519", OTHER)
    is_known(pins, KEY)
    is_known(pins, OTHER, f"[{ID}]:2222")


def test_where_the_key_cannot_be_kept_the_connection_goes_on(tmp_path: Path) -> None:
    """AWS will vouch again."""
    (tmp_path / "file").write_text("")
    assert vouching(instance("10.0.0.5"), tmp_path / "file" / "pins").endpoint("ssh-ed25519", KEY)
