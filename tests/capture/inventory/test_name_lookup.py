"""Which interface a word means, and what is said where that is not clear."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.aws.inventory.interfaces import Eni, display
from vpcshark.capture.inventory import name_lookup
from vpcshark.capture.inventory.catalog import DEFAULT, Place
from vpcshark.errors import InputError

WEB = Eni("eni-1a", "web-1", "i-00000001", "web-1", addresses=("10.0.0.1",), primary_address="10.0.0.1", device_index=0)
SECOND = Eni("eni-1b", "db link", "i-00000001", "web-1", addresses=("10.0.0.2", "fd00::2"), device_index=1)
TWIN = Eni("eni-2a", "twin", "i-00000002", "twin", addresses=("10.0.0.3",), public_address="192.0.2.1")
TWINS = Eni("eni-3a", "twin", "i-00000003", "twin", addresses=("10.0.0.4",))
THERE = Place("prod", "eu-west-1")
LISTED = {DEFAULT: (WEB, SECOND, TWIN), THERE: (TWINS,)}


@pytest.mark.parametrize(
    ("word", "eni"),
    [
        ("web-1", WEB),
        ("Web-1", WEB),
        ("db link", SECOND),
        ("fd00::2", SECOND),
        ("10.0.0.1", WEB),
        ("192.0.2.1", TWIN),
        ("i-00000003", TWINS),
        (display(WEB), WEB),
    ],
)
def test_one_interface_is_meant_by_its_name_its_instance_an_address_or_what_the_list_shows(word: str, eni: Eni):
    """An interface of that name comes before those of an instance of that name."""
    place, found = name_lookup.eni(word, LISTED)
    assert found == eni
    assert found in LISTED[place]


@pytest.mark.parametrize(("word", "ids"), [("twin", ("eni-2a", "eni-3a")), ("i-00000001", ("eni-1a", "eni-1b"))])
def test_what_may_be_several_is_told_with_the_candidates(word: str, ids: tuple[str, ...]):
    """None is taken."""
    with pytest.raises(InputError, match="may be 2 network interfaces") as told:
        name_lookup.eni(word, LISTED)
    assert all(one in str(told.value) for one in ids)


@pytest.mark.parametrize(("word", "remedy"), [("web-2", "Did you mean web-1?"), ("zzz", "vpcshark interfaces")])
def test_what_nothing_is_called_is_told_with_what_is_near(word: str, remedy: str):
    """Or with the command that lists all."""
    with pytest.raises(InputError, match=f'No network interface is called "{word}"') as told:
        name_lookup.eni(word, LISTED)
    assert remedy in str(told.value)


def test_an_instance_of_several_interfaces_is_one_instance():
    """Its key is accepted once."""
    assert name_lookup.instance("web-1", LISTED) == (DEFAULT, "i-00000001")
    with pytest.raises(InputError, match="may be 2 instances"):
        name_lookup.instance("twin", LISTED)


def test_many_candidates_are_cut():
    """A sentence is read."""
    many = {DEFAULT: [Eni(f"eni-{number}", "web") for number in range(30)]}
    with pytest.raises(InputError, match="and 22 more"):
        name_lookup.eni("web", many)


@pytest.mark.parametrize("word", ["eni-0a1b2c3d4e5f60718", "tag:Name=web-*", "asg:web", "lb:web", "eni-web-1"])
def test_ids_and_queries_are_no_names(word: str):
    """They go on as they always did."""
    assert not name_lookup.is_name(word)


@given(st.text(max_size=30))
def test_any_text_means_one_interface_or_is_told(word: str):
    """No text finds what does not have it."""
    with contextlib.suppress(InputError):
        _, found = name_lookup.eni(word, LISTED)
        texts = (
            found.name,
            found.instance,
            found.instance_name,
            display(found),
            *found.addresses,
            found.public_address,
        )
        assert word.casefold() in [text.casefold() for text in texts]
