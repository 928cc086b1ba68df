"""Which source a capture call means, by what was chosen and by what the settings say."""

import os

import pytest

from vpcshark.capture.contract.host import Auto, Local
from vpcshark.capture.contract.selection import Selection
from vpcshark.errors import InputError
from vpcshark.extcap.capture_phase.source import source
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers
from vpcshark.extcap.protocol.arguments import parse
from vpcshark.settings import Tag

SETTINGS = """\
[defaults]
host = local
vni = 3
[capture web]
enis = eni-0b
region = eu-west-1
vni = 4
[capture two]
enis = eni-0a eni-0b
[capture fleet]
enis = eni-0a
tags = Name=web-*, env=prod
asg = web group, api
lb = front
"""


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """The source of a command line, with settings in a home of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "vpcshark").mkdir()
    (tmp_path / "vpcshark" / "config.ini").write_text(SETTINGS)
    return lambda line, environ=os.environ: source(parse(["--capture", *line.split()]), environ)


def test_an_eni_has_the_settings_defaults_unless_the_call_says_more(ask):
    """Command line, environment, settings."""
    interface, options = ask("--extcap-interface eni-0a --vni 9", {"VPCSHARK_HOST": "auto"})
    assert (str(interface), options.vni, options.host) == ("eni-0a", 9, Auto())
    assert ask("--extcap-interface eni-0a", {})[1].vni == 3


def test_the_chooser_means_what_was_chosen_in_it(ask):
    """What is still "auto" is not said."""
    line = "--extcap-interface aws-choose --profile auto --region eu-west-2 --vpc vpc-0a --eni eni-0c"
    interface, options = ask(line, {})
    assert (str(interface), options.profile, options.region) == ("eni-0c", "", "eu-west-2")


def test_a_named_capture_has_options_of_its_own(ask):
    """Stronger than the defaults, weaker than the call."""
    interface, options = ask("--extcap-interface aws-web", {})
    assert (str(interface), options.vni, options.region, options.host) == ("eni-0b", 4, "eu-west-1", Local())


def test_a_named_capture_may_have_several_enis(ask):
    """By name, and by what AWS finds."""
    assert ask("--extcap-interface aws-two", {})[0] == Selection(("eni-0a", "eni-0b"), name="two")
    fleet, _ = ask("--extcap-interface aws-fleet", {})
    tags = (Tag("Name", "web-*"), Tag("env", "prod"))
    assert fleet == Selection(("eni-0a",), tags, ("web group", "api"), ("front",), "fleet")
    assert (fleet.single, fleet.label, str(fleet)) == ("", "fleet", "fleet")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "needs --extcap-interface"),
        ("--extcap-interface aws-choose --eni auto", "No ENI is chosen"),
        ("--extcap-interface aws-choose", "No ENI is chosen"),
        ("--extcap-interface aws-problem-2", "no network interface"),
        ("--extcap-interface aws-gone", "no capture named gone"),
    ],
)
def test_what_cannot_be_captured_from_is_told(ask, line, words):
    """In words, with what to do."""
    with pytest.raises(InputError, match=words) as caught:
        ask(line, {})
    assert caught.value.remedy


def test_the_entry_of_a_problem_says_it_once_more(ask, tmp_path):
    """The list may have cut it; the error box has room."""
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    entry = "interface {value=aws-problem}{display=AWS: The sign-in has expired. Run: aws sso login}\n"
    Answers(environ).write({reader.INTERFACES: entry})
    with pytest.raises(InputError, match=r"The sign-in has expired\. Run: aws sso login Then choose"):
        ask("--extcap-interface aws-problem", environ)
