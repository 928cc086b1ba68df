"""The janitor finds its ledger, wherever the capture was started from."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpcshark.cleanup import janitor
from vpcshark.cleanup import ledger as ledgers

HEADER = {"owner": "me@here", "started": 5.0, "source": "eni-1", "profile": "", "region": "eu-west-1"}


@pytest.fixture
def dead(tmp_path) -> Path:
    """The ledger of a capture that died before it made anything: a janitor needs no AWS to finish it."""
    ledger = ledgers.Ledger(tmp_path / "captures" / "c-1.ledger", HEADER)
    ledger.leave_open()
    return ledger.path


def test_a_ledger_that_is_named_from_here_is_found(dead, tmp_path, monkeypatch):
    """The janitor works in the ledger's folder, not here."""
    monkeypatch.chdir(tmp_path)
    janitor.spawn(dead.relative_to(tmp_path)).dismiss(timeout=60)
    assert not dead.exists()
