"""In which account and region a capture is, before anything is asked or made."""

from __future__ import annotations

import pytest

from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection, of_words
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.inventory import catalog
from vpcshark.capture.services import Services
from vpcshark.errors import VpcsharkError


class Sink:
    """Takes the header."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def capture(tmp_path, monkeypatch):
    """What a capture of a selection fails with, in a home of its own with these settings; no AWS is there."""
    for name in ("CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    file = tmp_path / "CONFIG" / "vpcshark" / "config.ini"
    file.parent.mkdir(parents=True)

    def capture(selection: Selection, text: str = "", **options) -> str:
        file.write_text(text)
        with pytest.raises(VpcsharkError) as caught:
            Services(ledgers=tmp_path / "ledgers").capture(
                selection, CaptureOptions(**{"mode": "mirror", **options}), Sink(), Stop(), Silent()
            )
        return str(caught.value)

    return capture


def test_a_query_is_asked_where_the_list_is_from(capture):
    """One profile in the settings is meant; of several, none is."""
    query = of_words(["tag:env=prod"])
    assert 'There is no AWS profile "prod"' in capture(query, "[list]\nprofiles = prod\nregions = eu-west-1\n")
    several = capture(query, "[list]\nregions = eu-west-1, eu-west-2\n")
    assert "tag:env=prod does not say which is meant" in several
    assert "--region" in several


def test_tcpdump_takes_one_eni(capture, tmp_path):
    """And nothing stays of the try."""
    assert "tcpdump runs on one instance" in capture(Selection(("eni-1", "eni-2")), mode="tcpdump", region="eu-west-1")
    assert list((tmp_path / "ledgers").glob("*")) == []


def test_enis_of_two_regions_are_no_capture(tmp_path):
    """They are told apart by where they were listed."""
    known = tmp_path / "known"
    entries = [catalog.Entry(f"eni-{n}", "web", "web", True, 0, catalog.Place("", f"eu-west-{n}")) for n in (1, 2)]
    catalog.save_known(known, entries)
    assert len(catalog.places_of(["eni-1", "eni-2"], known)) == 2
    assert list(catalog.places_of(["eni-1", "eni-3"], known)) == [catalog.Place("", "eu-west-1")]
