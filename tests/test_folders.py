"""Where files lie does not hang on the directory that somebody is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from vpcshark import folders, logs
from vpcshark.lab import homes

PLACES = {
    "STATE": (folders.state, ".local/state/vpcshark"),
    "CACHE": (folders.cache, ".cache/vpcshark"),
    "CONFIG": (folders.config, ".config/vpcshark"),
}


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("value", ["", "here", "./state", "../up"])
def test_an_xdg_variable_that_is_empty_or_relative_is_as_none(monkeypatch, tmp_path, kind, value):
    """XDG Base Directory Specification. A ledger in the directory of the day is found by no janitor and no sweep."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(f"XDG_{kind}_HOME", value)
    find, usual = PLACES[kind]
    assert find() == tmp_path / usual


@pytest.mark.parametrize("value", ["", "here"])
def test_nor_do_log_and_labs_lie_there(monkeypatch, tmp_path, value):
    """They follow the cache and the state."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for kind in PLACES:
        monkeypatch.setenv(f"XDG_{kind}_HOME", value)
    assert logs.path() == tmp_path / ".cache/vpcshark/log/vpcshark.log"
    assert homes.root({}) == tmp_path / ".local/state/vpcshark/lab"


@pytest.mark.parametrize("kind", PLACES)
def test_one_that_is_a_path_counts(monkeypatch, tmp_path, kind):
    """As it always did."""
    monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path))
    assert PLACES[kind][0]() == Path(tmp_path, "vpcshark")
