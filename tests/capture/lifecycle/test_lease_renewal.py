"""What is gone is forgotten, so that the rest is renewed; what AWS does not show yet is not gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from vpcshark.aws.kinds import Tagged
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.capture.lifecycle import lease_renewal
from vpcshark.capture.lifecycle.resources import YOUNG, Maker
from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tags
from vpcshark.errors import AwsError

KINDS = {"session": "tms-1", "filter": "tmf-1", "target": "tmt-1"}


class Ec2:
    """It knows some ids; a call that names another is refused whole."""

    def __init__(self, *known: str) -> None:
        self.known = set(known)
        self.renewed: set[str] = set()

    def create_tags(self, **asked: Any) -> None:
        for one in asked["Resources"]:
            if one not in self.known:
                raise ClientError({"Error": {"Code": "InvalidID.NotFound", "Message": f"{one}?"}}, "CreateTags")
        self.renewed |= set(asked["Resources"])


class Account:
    """What a describe shows, to somebody who may not list kinds that are ``hidden``."""

    def __init__(self, *shown: str, hidden: Collection[str] = ()) -> None:
        self.shown, self._hidden = shown, hidden

    def hides(self, kind: str) -> bool:
        return kind in self._hidden

    def tagged(self) -> list[Tagged]:
        return [Tagged("filter", one, {}, "", "") for one in self.shown]


@pytest.fixture
def book(tmp_path) -> Iterator[ledgers.Ledger]:
    """A ledger."""
    made = ledgers.Ledger(tmp_path / "c-1.ledger", {"owner": "me@here"})
    yield made
    made.leave_open()


@pytest.fixture
def maker(book: ledgers.Ledger, clock) -> Maker:
    """Of three resources that were made just now."""
    maker = Maker(book, tags.Lease("c-1", "me@here", 5.0), Timeline(clock))
    for kind, name in KINDS.items():
        maker.make(kind, lambda labels, token, name=name: name)
    return maker


def renew(ec2: Ec2, account: Account, maker: Maker, made: Mapping[str, str] | None = None) -> None:
    """Everything of the maker."""
    lease_renewal.renew(ec2, account, maker, Silent(), made or maker.made, 2_000_000_000.0)  # type: ignore[arg-type]


def test_what_somebody_deleted_is_forgotten_and_the_rest_renewed(maker: Maker, book: ledgers.Ledger, clock) -> None:
    clock.time += YOUNG
    ec2 = Ec2("tms-1", "tmt-1")
    renew(ec2, Account("tms-1", "tmt-1"), maker)
    assert ec2.renewed == {"tms-1", "tmt-1"}
    assert set(maker.made) == {"tms-1", "tmt-1"}
    assert set(ledgers.read(book.path).made) == {"tms-1", "tmt-1"}


def test_what_aws_does_not_show_yet_stays_the_captures(maker: Maker, book: ledgers.Ledger, clock) -> None:
    """A filter was made a moment before the lease was due: AWS denies that it exists, and shows it later. It is tried
    again; else nobody would ever delete it."""
    clock.time += YOUNG
    maker.make("filter", lambda labels, token: "tmf-2")
    ec2 = Ec2(*KINDS.values())
    with pytest.raises(AwsError):
        renew(ec2, Account(*KINDS.values()), maker)
    assert "tmf-2" in maker.made
    assert "tmf-2" in ledgers.read(book.path).made
    ec2.known.add("tmf-2")
    renew(ec2, Account(*KINDS.values()), maker)
    assert ec2.renewed == {*KINDS.values(), "tmf-2"}


def test_what_the_user_may_not_list_is_not_said_to_be_gone(maker: Maker, book: ledgers.Ledger, clock) -> None:
    """The rule of a security group stands, and a colleague has deleted the session: all but that is renewed."""
    maker.make("security-group-rule", lambda labels, token: "sgr-1")
    clock.time += YOUNG
    ec2 = Ec2("tmf-1", "tmt-1", "sgr-1")
    renew(ec2, Account("tmf-1", "tmt-1", hidden=["security-group-rule"]), maker)
    assert ec2.renewed == {"tmf-1", "tmt-1", "sgr-1"}
    assert set(maker.made) == ec2.renewed
    assert set(ledgers.read(book.path).made) == ec2.renewed


def test_a_lease_that_is_refused_for_another_reason_takes_nothing_away(maker: Maker) -> None:
    """Of what is young and what is not: all of it stands."""
    with pytest.raises(AwsError):
        renew(Ec2(), Account(*KINDS.values()), maker)
    assert set(maker.made) == set(KINDS.values())
