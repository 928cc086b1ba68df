"""Settings that cannot be used, told with file and line wherever they are read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from vpcshark import settings
from vpcshark.capture.contract.listing import ListedInterface, Offer
from vpcshark.errors import InputError
from vpcshark.extcap import refresh
from vpcshark.extcap.prepared.writer import Answers
from vpcshark.options import checked_settings

BROKEN = [
    ("[defaults]\n# one\nvni = x\n", "line 3: vni:"),
    ("[defaults]\nhots = auto\n", "line 2: there is no option hots (did you mean host?)"),
    ("[list]\nlimit = 5\n[capture web]\nenis = eni-1\nmode = magic\n", "line 5: mode:"),
    ("[list]\nregions = eu-west-1,\n  eu_west_2\n", 'line 2: "eu_west_2" is not an AWS region'),
    ("[capture web]\nenis = eni-1\nregion = nowhere\n", 'line 3: "nowhere" is not an AWS region'),
    ("[defaults]\nregion = nowhere\n", "line 2: region:"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_what_is_wrong_is_told_with_file_and_line(text: str, said: str):
    """By the table of options, which knows them all."""
    with pytest.raises(InputError) as told:
        checked_settings.checked(settings.parse(text, "/home/me/config.ini"))
    assert f"/home/me/config.ini, {said}" in str(told.value)
    assert "vpcshark config edit" in told.value.remedy


def test_what_fits_is_taken():
    """As it is."""
    known = settings.parse("[defaults]\nvni = 7\n[capture web]\nenis = eni-1\nmode = mirror\nregion = eu-west-1\n")
    assert checked_settings.checked(known) is known


class Account:
    """One ENI."""

    def interfaces(self, options) -> Offer:
        return Offer([ListedInterface("eni-1", "web")])


@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [("[defaults]\nvni = x\n", {}, "config.ini, line 2: vni"), ("", {"VPCSHARK_REGION": "nowhere"}, "VPCSHARK_REGION")],
)
def test_wireshark_lists_what_is_wrong_beside_the_enis(tmp_path: Path, monkeypatch, text, environ, said):
    """A capture would fail by it."""
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), **environ}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "vpcshark").mkdir()
    (tmp_path / "vpcshark" / "config.ini").write_text(text)
    listed = io.StringIO(refresh.renew(Account, environ, Answers(environ))).getvalue()
    assert "{value=eni-1}" in listed
    assert said in next(line for line in listed.splitlines() if "aws-problem" in line)
