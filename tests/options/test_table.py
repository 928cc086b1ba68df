"""The table of options: what text becomes, where it comes from, and that dialog and command line say the same."""

import argparse
import dataclasses

import boto3
import pytest

from vpcshark import settings
from vpcshark.capture.contract.host import Auto, Balancer, Endpoint, Instance, Launch, Local, Target
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.errors import InputError
from vpcshark.extcap.protocol.dialog import dialog
from vpcshark.options.command_line import add_arguments, given, normalise
from vpcshark.options.resolve import resolve, resolve_leniently
from vpcshark.options.table import CHOOSER, OPTIONS

BLOCK = "an address block such as 192.0.2.7/32, of /8 (IPv6: /16) or longer; or the word anywhere"
HOSTS = (
    "auto, local, launch, an instance id (i-…), a mirror target (tmt-…), a load balancer (lb:NAME) or its endpoint "
    "(vpce-…)"
)
BALANCER = "arn:aws-cn:elasticloadbalancing:cn-north-1:123456789012:loadbalancer/net/fleet/50dc6c495c0c9188"


def test_the_table_and_the_capture_options_have_the_same_fields_and_defaults():
    """Nothing said means the defaults of CaptureOptions, so there is one truth."""
    assert resolve({}, {}) == CaptureOptions()
    fields = {field.name for field in dataclasses.fields(CaptureOptions)} - {"user_filter"}
    assert {option.field for option in OPTIONS} == fields


def test_command_line_beats_environment_beats_default():
    """For text, numbers and booleans alike; an empty text is "not given"."""
    environ = {"VPCSHARK_VNI": "5", "VPCSHARK_DNS": "no", "VPCSHARK_SSH_USER": "admin", "VPCSHARK_SSH_PORT": ""}
    options = resolve({"vni": "0", "ssh-user": ""}, environ, "tcp")
    assert (options.vni, options.dns, options.ssh_user, options.ssh_port) == (0, False, "admin", 22)
    assert options.user_filter == "tcp"
    assert resolve({"dns": "true"}, environ).dns is True


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("auto", Auto()),
        ("local", Local()),
        ("launch", Launch()),
        ("i-0a", Instance("i-0a")),
        ("lb:fleet-1", Balancer(name="fleet-1")),
        (BALANCER, Balancer(arn=BALANCER)),
        ("vpce-0a1b", Endpoint("vpce-0a1b")),
        ("tmt-0a1b", Target("tmt-0a1b")),
        ("tmt-0a1b@i-0a", Target("tmt-0a1b", ("i-0a",))),
        (f"{BALANCER}@i-0a,i-0b", Balancer(arn=BALANCER, receiving=("i-0a", "i-0b"))),
        ("lb:f@i-0a", Balancer(name="f", receiving=("i-0a",))),
    ],
)
def test_a_host_is_parsed_once_and_shown_as_it_was_written(text, meant):
    """One machine, or what leads to several, with the instances behind an @ where they cannot be seen."""
    host = resolve({"host": text}, {}).host
    assert (host, str(host)) == (meant, text)


@pytest.mark.parametrize(
    "host", ["lb:", "lb:a b", "i-0a@i-0b", "tmt-0a@", "tmt-0a@i-0a,", "arn:aws:ec2:x", "auto@i-0a"]
)
def test_what_is_no_host_is_refused(host):
    with pytest.raises(InputError, match="--host"):
        resolve({"host": host}, {})


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("vni", "16777216", "a whole number from 0 to 16777215"),
        ("vni", "-1", "a whole number from 0 to 16777215"),
        ("vni", "0x10", "a whole number from 0 to 16777215"),
        ("vni", "7777777777777777777777777777", "a whole number from 0 to 16777215"),
        ("session-number", "0", "a whole number from 1 to 32766"),
        ("packet-length", "34", "a whole number from 35 to 8500"),
        ("packet-length", "8501", "a whole number from 35 to 8500"),
        ("ssh-port", "٢٢", "a whole number from 1 to 65535"),
        ("mode", "tunnel", "one of: auto, mirror, tcpdump, flowlogs"),
        ("log-level", "chatty", "one of: debug, info, warning, error"),
        (
            "host",
            "web-1",
            HOSTS,
        ),
        (
            "host",
            "i-0a\n",
            HOSTS,
        ),
        ("dns", "maybe", "true or false"),
        ("region", "Ireland", "an AWS region such as eu-west-1"),
        ("ssh-user", "-oProxyCommand=x", "a user name"),
        ("host-ssh-from", "0.0.0.0/0", BLOCK),
        ("host-ssh-from", "0.0.0.0/1", BLOCK),
        ("host-ssh-from", "::/0", BLOCK),
        ("host-ssh-from", "2000::/3", BLOCK),
        ("host-ssh-from", "0.0.0.0/00", BLOCK),
        ("host-ssh-from", "::0/000", BLOCK),
        ("description", "a\nb", "one line of at most 255 characters"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_and_what_is_allowed(name, text, allowed):
    """The sentence names option, value and allowed values, or the variable if it came from there."""
    with pytest.raises(InputError) as caught:
        resolve({name: text}, {})
    shown = text if len(text) <= 60 else f"{text[:60]}…"
    shown = shown.replace("\n", " ")  # an error is one line
    assert caught.value.problem == f'--{name}: "{shown}" is not {allowed}.'
    variable = "VPCSHARK_" + name.upper().replace("-", "_")
    with pytest.raises(InputError, match=f"^{variable}: "):
        resolve({}, {variable: text})


@pytest.mark.parametrize(
    ("name", "text"), [("vni", "0"), ("vni", "16777215"), ("host", "i-0123456789abcdef0"), ("host", "local")]
)
def test_the_ends_of_a_range_are_in_it(name, text):
    """Limits are inclusive."""
    assert str(getattr(resolve({name: text}, {}), name)) == text


def test_what_does_not_fit_has_its_default_while_a_dialog_is_open():
    """A half typed field does not hinder the reload of another."""
    assert resolve_leniently({"vni": "x", "region": "eu-west-1"}, {"VPCSHARK_SSH_PORT": "z"}).region == "eu-west-1"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("eni-0a --vni 7 --no-dns", {"vni": "7", "dns": "false"}),
        ("--dns eni-0a", {"dns": "true"}),
        ("--dns false eni-0a", {"dns": "false"}),
        ("--dns=no eni-0a", {"dns": "false"}),
        ("--session-number=3 eni-0a --host i-0a", {"session-number": "3", "host": "i-0a"}),
        ("eni-0a", {}),
    ],
)
def test_the_command_line_takes_the_dialogs_names(line, expected):
    """A boolean does not eat the ENI behind it, and takes Wireshark's form too."""
    parser = argparse.ArgumentParser()
    parser.add_argument("eni")
    add_arguments(parser)
    namespace = parser.parse_args(normalise(line.split()))
    assert namespace.eni == "eni-0a"
    assert given(namespace) == expected


def test_the_help_tells_range_default_and_variable():
    """So that a person can learn from it."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    text = " ".join(parser.format_help().split())
    assert "0 to 16777215; $VPCSHARK_VNI" in text
    assert "--host auto|local|launch|ID" in text


def test_settings_are_weaker_than_the_environment_and_stronger_than_the_table():
    """Command line, environment, settings, default."""
    defaults = {"vni": "3", "host": "local", "dns": "false"}
    options = resolve({"vni": "1"}, {"VPCSHARK_HOST": "auto"}, "", defaults)
    assert (options.vni, options.host, options.dns, options.ssh_port) == (1, Auto(), False, 22)


@pytest.mark.parametrize(("name", "text"), [("vni", "x"), ("colour", "red")])
def test_settings_that_do_not_fit_are_refused_with_their_name(name, text):
    """A capture fails with it; a dialog does without."""
    with pytest.raises(InputError, match=name):
        resolve({}, {}, "", {name: text})
    assert resolve_leniently({}, {}, {name: text}) == CaptureOptions()


@pytest.mark.parametrize("option", [*OPTIONS, *CHOOSER], ids=lambda option: option.name)
def test_a_variable_that_changes_the_dialog_tells_answers_apart(option):
    """Else a dialog would show the defaults of another environment."""
    from vpcshark.context import VARIABLES

    values = {value for value, _ in option.choices} or {"true", "false", "77", "x"}
    dialogs = {dialog({option.variable: value}) for value in values}
    assert len(dialogs) == 1 or option.variable in VARIABLES


@pytest.mark.parametrize("partition", boto3.Session().get_available_partitions())
def test_every_region_that_there_is_can_be_named(partition: str) -> None:
    """As an option and in the settings; botocore knows them all."""
    for region in boto3.Session().get_available_regions("ec2", partition):
        assert resolve({"region": region}, {}).region == region
        assert settings.parse(f"[list]\nregions = {region}\n").regions == (region,)
