"""Which host a capture has of its own: one that was kept for it, or a new one in the source's subnet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.connection import connect
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.mirror import host_choice
from vpcshark.cleanup import birthmark, tags
from vpcshark.cleanup.keeping import Kept
from vpcshark.errors import InputError

NOW = 1_700_000_000.0
LIKE = {"vpcshark:launched-from": "t4g.small"}
SOURCE = Eni("eni-1", "web-1", instance="i-1", vpc="vpc-1", subnet="subnet-1", az="eu-west-1a")


def host(name: str, lease: tags.Lease, subnet: str = "subnet-1", **more: str) -> CaptureHost:
    """A running host that bears this lease."""
    labels = {**lease.as_tags(), **LIKE, **more}
    return CaptureHost(f"i-{name}", name, f"eni-{name}", "10.0.0.9", vpc="vpc-1", subnet=subnet, tags=labels)


def kept(owner: str = "me@here", left: float = 600.0) -> tags.Lease:
    """Of a host that its capture left ``left`` seconds before it expires."""
    return tags.kept(tags.Lease("c-0123", owner, 0.0, NOW - 60), NOW + left)


def choose(*launched: CaptureHost, sources: tuple[Eni, ...] = (SOURCE,)) -> CaptureHost:
    """The choice of me@here."""
    return host_choice.own_host(
        sources, launched, host_choice.Ours("me@here", NOW, noted(*launched)), LIKE, "t4g.small"
    )


def noted(*hosts: CaptureHost) -> dict[str, Kept]:
    """As if all of these were kept on this machine, under the ids that they have."""
    made = {host.instance: "instance" for host in hosts}
    return {host.tags[tags.CAPTURE]: Kept(host.tags[tags.CAPTURE], made, NOW + 600) for host in hosts}


@pytest.mark.parametrize(
    "notes",
    [{}, noted(host("another", kept())), {"k-9999": Kept("k-9999", {"i-near": "instance"}, NOW + 600)}],
    ids=["none", "of another instance", "under another id"],
)
def test_what_is_kept_by_its_tags_alone_is_left_alone(notes: dict[str, Kept]):
    """Its tags say that me@here keeps it; what this machine noted of it decides."""
    near = host("near", kept())
    assert host_choice.claimed([near], "me@here") == [near]
    ours = host_choice.Ours("me@here", NOW, notes)
    assert host_choice.own_host((SOURCE,), [near], ours, LIKE, "t4g.small").instance == ""


def test_without_a_kept_one_a_host_is_planned_beside_the_source():
    """In its subnet, of the wanted type; it has no id yet."""
    found = choose()
    assert (found.instance, found.subnet, found.vpc, found.instance_type) == ("", "subnet-1", "vpc-1", "t4g.small")


def test_the_nearest_kept_host_is_taken():
    """One in the same subnet before others."""
    near, far = host("near", kept()), host("far", kept(), subnet="subnet-2")
    assert choose(far, near).instance == "i-near"
    assert choose(far).instance == "i-far"


@pytest.mark.parametrize(
    "other",
    [
        host("theirs", kept(owner="bob@there")),
        host("late", kept(left=30.0)),
        host("in use", tags.Lease("c-4567", "me@here", NOW + 600, NOW)),
        host("larger", kept(), **{"vpcshark:launched-from": "c7gn.xlarge"}),
        replace(host("elsewhere", kept()), vpc="vpc-2"),
    ],
    ids=lambda other: other.name,
)
def test_what_is_not_kept_for_this_is_left_alone(other: CaptureHost):
    """Somebody else's, one about to expire, one of a capture that runs, of another kind, in another network."""
    assert choose(other).instance == ""


def test_sources_in_several_networks_cannot_share_a_launched_host():
    """Said before anything is made."""
    with pytest.raises(InputError, match="vpc-1, vpc-2"):
        choose(sources=(SOURCE, replace(SOURCE, id="eni-2", vpc="vpc-2")))


def test_no_key_of_the_users_is_tried_at_a_host_without_a_key_pair():
    """Only a pushed one can be let in there; a standing host, and one with a key pair, are as the options say."""
    options = CaptureOptions(connection="ssh", ssh_key="/home/me/key", ssh_user="root")
    launched = replace(host("new", kept()), token=birthmark.token("c-0123"))
    standing = host("standing", kept())  # whatever its tags say
    changed = connect.for_host(launched, options)
    assert (changed.connection, changed.ssh_key, changed.ssh_user) == ("eic", "", "")
    assert connect.for_host(standing, options) == options
    assert connect.for_host(replace(launched, key_pair="mine"), options) == options
    of_template = connect.for_host(launched, replace(options, host_template="lt-1"))
    assert (of_template.ssh_key, of_template.ssh_user) == ("", "root")  # its image is the user's choice
