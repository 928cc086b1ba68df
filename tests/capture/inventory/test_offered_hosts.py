"""Which tagged instances may receive packets, and what the user sees of them before the first one is sent."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.host import Auto
from vpcshark.capture.inventory import offered_hosts
from vpcshark.capture.mirror import host_choice
from vpcshark.errors import InputError
from vpcshark.settings import Hosts

ACCOUNT, OTHER = "123456789012", "210987654321"
ARN = f"arn:aws:iam::{ACCOUNT}:instance-profile"
TRUSTED = CaptureHost("i-0a", "capture-1", "eni-a", "10.1.0.7", account=ACCOUNT, profile=f"{ARN}/vpcshark-eu")
SOURCE = Eni("eni-1", "web-1", instance="i-1", vpc="vpc-1")


def nowhere(address: str, mac: str) -> bool:
    """No interface is this machine's."""
    return False


@pytest.mark.parametrize(
    ("profile", "may"),
    [
        ("vpcshark-eu", True),
        ("team/x/vpcshark-eu", True),
        ("", False),
        ("vpcshark", False),
        ("workstation", False),
        ("my-vpcshark-eu", False),
        ("vpcshark-/workstation", False),  # a path is no name
        ("VPCSHARK-eu", False),
    ],
)
def test_without_a_section_it_takes_a_profile_of_ours(profile: str, may: bool):
    """Which takes iam:PassRole; a tag, whatever it says, does not do."""
    assert offered_hosts.may_receive(Hosts(), "i-0a", ACCOUNT, f"{ARN}/{profile}" if profile else "") is may


def combined() -> list[tuple[Hosts, bool]]:
    """Every combination of what [hosts] may say, each part right or wrong, and whether the host may receive then."""
    parts = {
        "ids": (("i-0a",), ("i-0b",)),
        "accounts": ((ACCOUNT, OTHER), (OTHER,)),
        "profiles": (("vpcshark-*",), ("capture-host",)),
    }
    found = []
    for count in (1, 2, 3):
        for keys in combinations(parts, count):
            for number in range(2**count):
                wrong = {key: bool(number >> at & 1) for at, key in enumerate(keys)}
                rest = [key for key in keys if key != "ids"]
                is_named = "ids" in keys and not wrong["ids"]
                may = is_named or (bool(rest) and not any(wrong[key] for key in rest))
                found.append((Hosts(**{key: parts[key][wrong[key]] for key in keys}), may))
    return found


@pytest.mark.parametrize(("allowed", "may"), combined())
def test_an_allow_list_is_all_that_counts(allowed: Hosts, may: bool):
    """The id alone, or the account and the profile as far as they are said."""
    assert offered_hosts.may_receive(allowed, TRUSTED.instance, TRUSTED.account, TRUSTED.profile) is may


def test_a_profile_may_be_said_by_its_arn():
    """Of one account; a name is one of any account."""
    for pattern, may in ((f"{ARN}/vpcshark-eu", True), (f"{ARN}/*", True), ("arn:aws:iam::21*", False)):
        assert offered_hosts.may_receive(Hosts(profiles=(pattern,)), "i-0a", ACCOUNT, TRUSTED.profile) is may


def test_this_machine_may_receive_whatever_it_has():
    """Its user is who captures."""
    bare = replace(TRUSTED, profile="")
    assert offered_hosts.sort_out([bare], Hosts(), nowhere) == ([], [bare])
    assert offered_hosts.sort_out([bare], Hosts(), lambda address, mac: address == bare.address) == ([bare], [])


def test_where_only_tags_speak_nothing_is_sent_and_the_remedy_is_a_command():
    """Mode auto takes tcpdump then, and says this."""
    bare = replace(TRUSTED, profile="")
    with pytest.raises(InputError) as caught:
        host_choice.choose_host(Auto(), [SOURCE], [], [], nowhere, [bare])
    assert "capture-1 (i-0a) has the tag vpcshark:capture-host" in caught.value.problem
    assert "vpcshark config set hosts.ids i-0a" in caught.value.remedy


@pytest.mark.parametrize(
    ("hosts", "is_own", "words"),
    [
        ([TRUSTED], False, f"capture-1 (i-0a), 10.1.0.7 of the account {ACCOUNT}, instance profile vpcshark-eu."),
        ([replace(TRUSTED, account="", profile="")], False, "The copies go to capture-1 (i-0a), 10.1.0.7."),
        ([replace(TRUSTED, instance="")], True, "launched for this capture alone"),
        ([TRUSTED], True, "capture-1 (i-0a)"),
        ([replace(TRUSTED, instance=f"i-{n}") for n in range(9)], False, "; and 6 more."),
    ],
)
def test_who_receives_is_introduced(hosts: list[CaptureHost], is_own: bool, words: str):
    """By name, id, address, owner and profile, as far as they are known."""
    assert words in offered_hosts.introduction(hosts, is_own=is_own)
