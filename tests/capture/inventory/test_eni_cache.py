"""What is known of ENIs and logins from the last time."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path

import pytest

from vpcshark.aws.compute.capture_hosts import USER_TAG
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.connection import login_users
from vpcshark.capture.inventory import eni_cache

FIRST = Eni(
    "eni-1", "web-1", instance="i-1", instance_name="web-1", instance_state="running", device_index=0, mac="0a:00",
    vpc="vpc-1", subnet="subnet-1", addresses=("10.0.0.5", "2001:db8::5"), primary_address="10.0.0.5",
    public_address="192.0.2.5", instance_tags={USER_TAG: "ubuntu"},
)  # fmt: skip
SECOND = dataclasses.replace(FIRST, id="eni-2", device_index=1, mac="0a:01", addresses=("10.0.0.6",))
PLACE = ("prod", "eu-central-1")


def test_what_was_listed_is_known(tmp_path: Path) -> None:
    """The ENI as it was, and its instance by the address of its first interface."""
    assert eni_cache.keep(tmp_path, PLACE, [FIRST, SECOND]) == [FIRST, SECOND]
    found = eni_cache.recall(tmp_path, PLACE, "eni-2")
    assert found is not None
    assert found.source == SECOND
    assert list(found.enis) == [FIRST, SECOND]
    assert (found.host.instance, found.host.address, found.host.eni) == ("i-1", "10.0.0.5", "eni-1")
    assert found.host.tags == {USER_TAG: "ubuntu"}


def test_each_place_has_its_own(tmp_path: Path) -> None:
    """Another profile may see another account."""
    eni_cache.keep(tmp_path, PLACE, [FIRST])
    assert eni_cache.recall(tmp_path, ("", ""), "eni-1") is None


@pytest.mark.parametrize("change", [{"instance_state": "stopped"}, {"instance": ""}])
def test_an_eni_without_a_running_instance_is_asked_for(change: dict[str, str], tmp_path: Path) -> None:
    """AWS says what has become of it."""
    eni_cache.keep(tmp_path, PLACE, [dataclasses.replace(FIRST, **change)])
    assert eni_cache.recall(tmp_path, PLACE, "eni-1") is None


def test_tags_of_users_stay_out_and_the_file_is_the_users_alone(tmp_path: Path) -> None:
    """Tags may hold anything."""
    eni_cache.keep(tmp_path, PLACE, [dataclasses.replace(FIRST, tags={"a": "hidden"}, instance_tags={"b": "hidden"})])
    (file,) = tmp_path.iterdir()
    assert b"hidden" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "[", "{}", "[1]", '[{"id": "eni-1"}]', '[{"addresses": []}]'])
def test_a_file_that_makes_no_sense_is_as_none(text: str, tmp_path: Path) -> None:
    """From another version, or cut."""
    eni_cache.keep(tmp_path, PLACE, [FIRST])
    (file,) = tmp_path.iterdir()
    file.write_text(text)
    assert eni_cache.recall(tmp_path, PLACE, "eni-1") is None


def test_the_login_user_of_an_instance_is_known_from_the_last_time(tmp_path: Path) -> None:
    """The latest counts; a file that makes no sense is as none."""
    file = tmp_path / "users"
    assert login_users.user_of("i-1", file) == ""
    login_users.note_user("i-1", "admin", file)
    login_users.note_user("i-2", "ubuntu", file)
    login_users.note_user("i-1", "ec2-user", file)
    assert [login_users.user_of(one, file) for one in ("i-1", "i-2", "i-3")] == ["ec2-user", "ubuntu", ""]
    file.write_text("[]")
    assert login_users.user_of("i-1", file) == ""
