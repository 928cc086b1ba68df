"""A ledger that an older vpcshark wrote is finished by today's.

``ledger_of_f73e615.json`` was written by f73e615's own code, whose process died while it waited for the answer to its
last create: the ledger's text, and the creates that EC2 was sent, with the tags and descriptions of that time.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vpcshark.cleanup import ledger as ledgers
from vpcshark.cleanup import tidy
from vpcshark.cleanup.birthmark import Birth
from vpcshark.cleanup.sweep import Resource

FOUND = json.loads(Path(__file__).with_name("ledger_of_f73e615.json").read_text("utf-8"))


@pytest.fixture
def left(tmp_path, account) -> Path:
    """The dead capture's ledger, and all that it made in the account."""
    for made in FOUND["account"]:
        birth = Birth(made["client_token"], description=made["description"])
        target = made["target"] if made["kind"] == "session" else ""
        account.resources[made["id"]] = Resource(made["kind"], made["id"], made["tags"], birth=birth, target=target)
    account.add("filter", "tmf-other", capture="c-other", owner="bob@there")
    path = tmp_path / "c-0123456789ab.ledger"
    path.write_text(FOUND["ledger"], "utf-8")
    return path


def test_it_is_read_as_it_was_meant(left):
    """What was made, what had no answer, whose it is and until when."""
    record = ledgers.read(left)
    assert (record.capture, record.owner, record.account) == ("c-0123456789ab", "alice@laptop", "123456789012")
    assert (record.profile, record.region, record.expires) == ("prod", "eu-west-1", 1764400390.0)
    assert sorted(record.made.values()) == ["filter", "session", "target"]
    assert list(record.unanswered.values()) == ["filter"]
    assert record.notes == ("The clean-up was cut off.",)


def test_it_is_finished(left, account, clock):
    """All goes, also what came of the create without an answer, and nothing else."""
    asked = []
    tidied = tidy.tidy(
        left, reach=lambda profile, region: asked.append((profile, region)) or account, clock=clock, patience=60
    )
    assert tidied.outcome.is_clean
    assert set(account.resources) == {"tmf-other"}
    assert not left.exists()
    assert asked == [("prod", "eu-west-1")]
