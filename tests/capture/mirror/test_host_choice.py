"""What a capture will make and write, chosen from what AWS said."""

from __future__ import annotations

import pytest

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.host import Auto, Local
from vpcshark.capture.lifecycle import file_headers
from vpcshark.capture.mirror import host_choice, source_choice
from vpcshark.errors import InputError, Mistake

SOURCE = Eni(
    "eni-1", "web-1", instance="i-1", device_index=0, vpc="vpc-1", subnet="s-1", addresses=("10.1.0.5", "2001:db8::5")
)
HERE = Eni("eni-9", "desk", instance="i-9", device_index=0, vpc="vpc-1", primary_address="10.1.0.9")


def tagged(name: str, **more: str) -> CaptureHost:
    """A tagged capture host in the source's VPC."""
    return CaptureHost(f"i-{name}", name, f"eni-{name}", "10.1.0.7", **{"vpc": "vpc-1", **more})


def test_auto_is_the_tagged_host():
    """A tag wins over this machine."""
    assert host_choice.choose_host(Auto(), [SOURCE], [tagged("a")], [HERE], lambda address, mac: True).name == "a"


def test_auto_without_a_tagged_host_is_this_machine_where_it_stands_in_the_vpc():
    """Wireshark on an instance of the VPC needs no tag."""
    found = host_choice.choose_host(Auto(), [SOURCE], [], [SOURCE, HERE], lambda address, mac: address == "10.1.0.9")
    assert (found.eni, found.address) == ("eni-9", "10.1.0.9")


def test_auto_with_nothing_says_which_tag_helps():
    """The sentence names the tag and the option."""
    with pytest.raises(InputError, match=r"vpcshark:capture-host.*--host"):
        host_choice.choose_host(Auto(), [SOURCE], [], [HERE], lambda address, mac: False)


def test_local_where_this_machine_has_no_eni_is_refused():
    """A laptop can't be a mirror target."""
    with pytest.raises(Mistake, match="This machine has no network interface"):
        host_choice.choose_host(Local(), [SOURCE], [tagged("a")], [HERE], lambda address, mac: False)


def test_the_source_is_never_its_own_capture_host():
    """A session from an ENI to itself is refused by AWS."""
    own = CaptureHost("i-1", "web-1", "eni-1", "10.1.0.5", vpc="vpc-1")
    with pytest.raises(InputError):
        host_choice.choose_host(Auto(), [SOURCE], [own], [SOURCE], lambda address, mac: True)


def test_a_random_vni_is_none_that_is_taken():
    """Two captures on one host must not mix."""
    picks = iter([5, 6, 7])
    assert source_choice.choose_vnis(None, 1, {5, 6}, lambda low, high: next(picks)) == [7]


def test_a_wanted_vni_is_kept_even_zero():
    """0 is a VNI like any other."""
    assert source_choice.choose_vnis(0, 1, {0}) == [0]


def test_the_description_is_what_a_person_recognises():
    """Name, interface, instance and addresses, on one line."""
    assert file_headers.describe(SOURCE) == "web-1 · eth0 · i-1 · 10.1.0.5 · 2001:db8::5"


def test_names_are_those_of_the_sources_vpc():
    """An address means something only within its VPC; an ENI without a name gives none; AWS's resolver is in each."""
    other = Eni("eni-2", "db", vpc="vpc-2", addresses=("10.1.0.6",))
    nameless = Eni("eni-3", "eni-3", vpc="vpc-1", addresses=("10.1.0.8",))
    *named, dns, dns_6 = file_headers.address_names([SOURCE], [SOURCE, other, nameless])
    assert named == [("10.1.0.5", "web-1"), ("2001:db8::5", "web-1")]
    assert [dns, dns_6] == [("169.254.169.253", "AmazonProvidedDNS"), ("fd00:ec2::253", "AmazonProvidedDNS")]
