"""What a damaged file has is no fact: each field's value has the field's type, or there is none."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.inventory.from_json import made

ENI = Eni("eni-1", "web", addresses=("10.0.0.1",), device_index=0, tags={"a": "b"})
RAW: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(ENI)))


def test_what_was_kept_comes_back():
    assert made(Eni, RAW) == ENI
    assert made(Eni, {**RAW, "device_index": None}).device_index is None


@pytest.mark.parametrize("name", sorted(RAW))
@pytest.mark.parametrize("value", [1e999, True, 7, None, [1], {"a": 1}, ["x", None], {}, []], ids=str)
def test_no_field_takes_a_value_of_another_type(name: str, value: Any):
    """Whatever field, whatever value: it is of the type that the class says, or an error."""
    try:
        found = getattr(made(Eni, {**RAW, name: value}), name)
    except ValueError:
        return
    assert type(found) is type(getattr(ENI, name)) or (name == "device_index" and found is None)
    assert all(type(each) is str for each in (found if isinstance(found, tuple) else ()))
    assert all(type(each) is str for each in (found.values() if isinstance(found, dict) else ()))


def test_a_field_that_there_is_not_is_a_type_error():
    with pytest.raises(TypeError):
        made(Eni, {**RAW, "more": "x"})
