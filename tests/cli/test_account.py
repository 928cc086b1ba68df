"""Profile, region and names: each command against a small AWS in this process, by flags, environment and settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import regions

from vpcshark.cli import statuses
from vpcshark.cli.main import run
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers

REGIONS = regions.ACCOUNT
KEYS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "not a secret"}
NAMES = {"eu-west-1": ("web-1", "twin", "twin"), "eu-central-1": ("db-1",)}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An EC2 API with named interfaces in two regions."""
    from vpcshark.lab.api.server import ApiServer

    server = ApiServer()
    server.start()
    for region, names in NAMES.items():
        ec2 = boto3.client("ec2", region_name=region, endpoint_url=server.endpoint, **KEYS)
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        for name in names:
            tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": name}]}]
            ec2.create_network_interface(SubnetId=subnet, TagSpecifications=tags)
    yield server.endpoint
    server.stop()


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Path:
    """A home of its own, by the environment that a user would set; returns the file of the settings."""
    own = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "CACHE", "STATE")}
    aws = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": regions.NOTHING, "AWS_EC2_METADATA_DISABLED": "true"}
    said = "".join(f"{name} = {value}\n" for name, value in KEYS.items())
    profiles = "".join(f"[profile {one}]\nregion = {one}\n{said}" for one in REGIONS)
    (tmp_path / "aws").write_text(profiles)
    keys = {name.upper(): value for name, value in KEYS.items()}
    for name, value in {**own, **aws, **keys, "HOME": str(tmp_path), "AWS_CONFIG_FILE": str(tmp_path / "aws")}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "vpcshark").mkdir()
    return tmp_path / "vpcshark" / "config.ini"


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; status, stdout, stderr."""

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = run(words)
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


def names(out: str) -> set[str]:
    return {one["name"] for one in json.loads(out) if one["name"] in "web-1 twin db-1"}


@pytest.mark.thin(3)
@pytest.mark.parametrize(
    ("flag", "variable", "config", "found"),
    [
        ("eu-west-1", "eu-central-1", "[list]\nregions = eu-central-1\n", {"web-1", "twin"}),
        ("", "eu-central-1", "[list]\nregions = eu-west-1\n", {"db-1"}),
        (
            "",
            "",
            f"[list]\nregions = eu-west-1, eu-central-1\n[defaults]\nregion = {regions.NOTHING}\n",
            {"web-1", "twin", "db-1"},
        ),
        ("", "", "[defaults]\nregion = eu-central-1\n", {"db-1"}),
        ("", "", "[list]\nprofiles = eu-central-1\n[defaults]\nregion = eu-central-1\n", {"db-1"}),
        ("", "", "", set()),
    ],
)
def test_the_order_is_flag_environment_settings_and_then_aws_own(
    user, shown, monkeypatch, flag, variable, config, found
):
    """The same for what is listed."""
    user.write_text(config)
    if variable:
        monkeypatch.setenv("VPCSHARK_REGION", variable)
    status, out, _ = shown("interfaces", "--json", *(["--region", flag] if flag else []))
    assert (status, names(out)) == (0, found)


def test_interfaces_prepares_wiresharks_list(user, shown):
    """So that the next line of README has a list to choose from."""
    import os

    user.write_text("[list]\nregions = eu-west-1\n")
    status, out, _ = shown("interfaces")
    listed = Answers(os.environ).read(reader.INTERFACES) or ""
    assert status == 0
    assert "web-1" in out
    assert "{display=web-1 · " in listed


ASKING = (
    ("interfaces",),
    ("ps",),
    ("cleanup", "--dry-run"),
    ("trust", "web-1"),
    ("preflight", "web-1"),
    ("capture", "web-1"),
)


@pytest.mark.parametrize("command", ASKING, ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("text", "said"), [("[defaults]\nvni = x\n", "config.ini, line 2: vni"), ("[list]\ncolour = red\n", "line 2")]
)
def test_settings_that_cannot_be_used_are_an_error_of_every_command(user, shown, command, text, said):
    """With file and line, before anything is asked."""
    user.write_text(text)
    status, out, err = shown(*command)
    assert (status, out) == (statuses.UNUSABLE, "")
    assert said in err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("preflight", "twin"), '"twin" may be 2 network interfaces: twin · '),
        (("capture", "twin", "-w", "x.pcapng"), '"twin" may be 2 network interfaces: twin · '),
        (("preflight", "web-2"), 'No network interface is called "web-2". Did you mean web-1?'),
        (("trust", "web-2"), 'No instance is called "web-2". Did you mean web-1?'),
    ],
)
def test_a_name_that_is_not_one_interfaces_is_told(user, shown, command, said):
    """Nothing is guessed, nothing made."""
    user.write_text("[list]\nregions = eu-west-1\n")
    status, _, err = shown(*command)
    assert status == statuses.UNUSABLE
    assert said in err


def test_a_name_is_looked_for_in_every_place_and_taken_where_it_is(user, shown):
    """The second region has it; the first would not know its id, nor would the place that captures have by default."""
    user.write_text(f"[list]\nregions = eu-west-1, eu-central-1\n[defaults]\nregion = {regions.NOTHING}\n")
    _, out, _ = shown("interfaces", "--json")
    (eni,) = [one["id"] for one in json.loads(out) if one["name"] == "db-1"]
    for word in ("db-1", eni):
        status, out, err = shown("preflight", word, "--json")
        assert "no network interface" not in err
        findings: list[Any] = json.loads(out)
        assert status in (statuses.OK, statuses.FAILED)
        assert eni in out
        assert findings


@pytest.mark.long
def test_cleanup_and_ps_look_in_every_place_that_is_listed(user, shown, endpoint):
    """What expired in the second region is found without a flag."""
    user.write_text("[list]\nregions = eu-west-1, eu-central-1\n")
    ec2 = boto3.client("ec2", region_name="eu-central-1", endpoint_url=endpoint, **KEYS)
    said = {"vpcshark:capture": "c-0123456789ab", "vpcshark:owner": "her", "vpcshark:expires": "2020-01-01T00:00:00Z"}
    tags = [{"Key": key, "Value": value} for key, value in said.items()]
    made = ec2.create_traffic_mirror_filter(
        Description="vpcshark c-0123456789ab: eni-1",
        TagSpecifications=[{"ResourceType": "traffic-mirror-filter", "Tags": tags}],
    )["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
    _, out, _ = shown("ps", "--json")
    assert "c-0123456789ab" in out
    status, out, _ = shown("cleanup", "--expired", "--dry-run", "--json")
    report = json.loads(out)
    assert (status, report["dry_run"]) == (0, True)
    assert {"kind": "filter", "id": made, "capture": "c-0123456789ab"} in report["removed"]
