"""A user's words for a walk: a DNS name means what this machine says, an instance's name its first interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.walks import two_vpcs
from vpcshark.errors import InputError
from vpcshark.network import answer, contract, ends
from vpcshark.network.decision import Unclear
from vpcshark.network.facts import Instance, Network
from vpcshark.network.known import Known
from vpcshark.survey.questions import Wanted, attempt, resolved


def test_a_name_that_was_resolved_here_is_noted_with_its_addresses(tmp_path: Path):
    """In the screen's notes and in JSON; the end bears the user's word."""
    wanted = Wanted("client", "db.example.com", (80, 80))
    targets = resolved(wanted.target, resolve=lambda name: ["10.2.2.20", "10.2.2.20"])
    found = attempt(two_vpcs().known(tmp_path), wanted, ["client"], targets)
    (note,) = answer.notes(found)
    assert note.startswith("db.example.com is 10.2.2.20 to this machine's resolver")
    said = contract.as_json(found)
    assert said["notes"] == [note]
    assert said["question"]["to"]["given"] == "db.example.com"
    assert said["question"]["to"]["interface"] == "eni-server"
    assert said["question"]["destination"] == "10.2.2.20"


def test_of_what_needed_no_resolver_nothing_is_noted(tmp_path: Path):
    """Names of tags, addresses, ids."""
    for text in ("server", "10.2.2.20", "eni-server"):
        found = attempt(two_vpcs().known(tmp_path), Wanted("client", text, (80, 80)), ["client"], resolved(text))
        assert answer.notes(found) == []


def test_a_name_that_nobody_knows_is_said():
    """With what to do."""

    def nobody(name: str) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(InputError, match=r"can't resolve db\.example\.com: Name or service not known"):
        resolved("db.example.com", resolve=nobody)


def test_an_instance_that_a_name_means_is_asked_for_its_interfaces():
    """EC2 told the instance by its Name; which interface it has is another question."""
    network = Network(instances={"i-1": Instance("i-1", "client", "running")})
    known = Known(network, {("end", "client")})
    with pytest.raises(Unclear):
        ends.find(known, "client")
    assert [*known.missing] == [("instance", "i-1")]
