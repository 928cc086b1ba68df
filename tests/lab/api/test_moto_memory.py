"""moto with a memory answers as moto without: asked of its own code, before and after."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from moto import backends
from moto.core import responses, serialize
from moto.core.utils import method_names_from_class
from moto.ec2.responses import EC2Response

from vpcshark.lab.api import moto_memory

MEMBERS = botocore.session.get_session().get_service_model("ec2").shape_for("Volume").members  # type: ignore[attr-defined]


class Volume:
    """What moto takes the values of an answer from."""

    size = 8


class Renamed:
    """The same under another name."""

    class Meta:
        """moto's way to say so."""

        serialization_aliases = {"Size": "gigabytes"}  # noqa: RUF012

    gigabytes = 9


def picked(obj: object, key: str) -> object:
    """What moto takes from ``obj`` for this member of a volume."""
    return serialize.XFormedAttributePicker()(serialize.AttributePickerContext(obj, key, MEMBERS[key]))


@pytest.fixture(autouse=True)
def installed() -> None:
    """More than once changes nothing."""
    moto_memory.install()
    moto_memory.install()


@pytest.mark.parametrize("again", range(3))
def test_each_class_has_names_of_its_own(again: int) -> None:
    """Whatever was asked before of another class, for the same member of the same answer."""
    assert [picked(obj, "Size") for obj in (Volume(), Renamed(), {"Size": 10}, {"size": 11}, {}, object())] == [
        8, 9, 10, 11, None, None,
    ]  # fmt: skip


def test_the_state_of_an_object_is_not_remembered() -> None:
    """Only where its value is."""
    volume = Volume()
    assert picked(volume, "Size") == 8
    volume.size = 16
    assert picked(volume, "Size") == 16


def test_actions_and_services_are_motos() -> None:
    """All of them."""
    assert responses.method_names_from_class(EC2Response) == method_names_from_class(EC2Response)
    assert {"ec2", "ssm", "sts", "iam"} <= set(backends.list_of_moto_modules())
    assert list(backends.list_of_moto_modules()) == list(backends.list_of_moto_modules())


@pytest.mark.parametrize("which", [0, 1], ids=["the class", "a base of it"])
def test_an_action_that_is_added_later_is_there(which: int) -> None:
    """The lab adds some when its machines come."""

    class Base:
        def describe_this(self) -> None: ...

    class Response(Base):
        def describe_that(self) -> None: ...

    assert set(responses.method_names_from_class(Response)) == {"describe_this", "describe_that"}
    changed: Any = (Response, Base)[which]
    changed.describe_more = lambda self: None
    assert "describe_more" in responses.method_names_from_class(Response)
