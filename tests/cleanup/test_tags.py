"""The tags say whose a resource is, and nothing else makes it ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.cleanup import tags


def test_a_lease_survives_its_way_through_tags():
    """What is written at creation is read back by a sweep."""
    lease = tags.Lease("c-1", "ann@laptop", 1_700_000_000.0)
    assert tags.read_lease(lease.as_tags()) == lease


def test_a_resource_with_our_name_but_without_our_tag_is_not_ours():
    """A Name or a description never makes a resource ours."""
    assert tags.read_lease({"Name": "vpcshark", "vpcshark:owner": "ann@laptop"}) is None


@pytest.mark.parametrize("value", ["", "../c-1", "c-1/..", "c 1", "c-1\n", "c-é", "c" * 65, "*", "$(x)"])
def test_what_is_no_captures_id_is_nobodys(value: str):
    """It would become a file's name, and whatever text a tag has."""
    assert tags.read_lease({"vpcshark:capture": value, "vpcshark:owner": "ann@laptop"}) is None


@given(st.integers(1, 4_000_000_000))
def test_a_time_survives_its_way_through_text(seconds: int):
    """Expiry is kept to the second."""
    assert tags.parse_time(tags.format_time(seconds)) == seconds


def test_a_broken_expiry_never_looks_expired():
    """Somebody's edit of the tag must not let a sweep delete a living capture."""
    assert tags.parse_time("tomorrow") == 0.0
