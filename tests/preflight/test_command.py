"""``vpcshark preflight`` as a user runs it: its table, its JSON, its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from scenes import Scene, near_and_far, one_vpc

from vpcshark.cli.preflight import summary
from vpcshark.lab.control import LabControl
from vpcshark.preflight import Finding
from vpcshark.preflight.finding import WARN


@pytest.fixture
def run(endpoint: str, aws: Any) -> Any:
    """The command against the lab."""

    def started(*arguments: str) -> subprocess.CompletedProcess[str]:
        keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "not a secret"}
        variables = {**os.environ, **keys, "AWS_ENDPOINT_URL": endpoint, "AWS_CONFIG_FILE": "/dev/null"}
        command = [sys.executable, "-m", "vpcshark", "preflight", *arguments, "--region", aws.region]
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=180)

    return started


def test_an_open_way_is_said_and_the_status_is_0(scene: Scene, run: Any):
    one_vpc(scene)
    done = run(scene.source, "--host", scene.host)
    assert done.returncode == 0, done.stderr
    assert "Nothing is in the way of the packets." in done.stdout


def test_a_source_without_an_instance_that_runs_is_promised_no_packets(scene: Scene, run: Any):
    """It warns, since an instance may come while a capture runs; none comes before."""
    one_vpc(scene)
    spare = scene.eni(scene.source_subnet, "10.1.1.77", [scene.source_group])
    idle = run(spare, "--host", scene.host)
    assert (idle.returncode, idle.stderr) == (0, "")
    assert "is attached to no instance, so it has no packets." in " ".join(idle.stdout.split())
    assert "No packets will come as long as the source has no running instance." in idle.stdout
    scene.ec2.stop_instances(InstanceIds=[scene.source_instance])
    stopped = run(scene.source, "--host", scene.host)
    assert "No packets will come as long as the source has no running instance." in stopped.stdout


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        (["route"], "Nothing is known to stop the packets; mind the warnings."),
        (["source"], "No packets will come as long as the source has no running instance."),
        (["source", "zone"], "No packets will come as long as the source has no running instance; mind the other"),
    ],
)
def test_the_last_line_promises_nothing_that_a_warning_denies(checks: list[str], said: str):
    """A route that is not known may lead nowhere."""
    assert summary([Finding(check, WARN, "x-1", "It may not.") for check in checks]).startswith(said)


def test_a_closed_way_is_said_with_the_command_and_the_status_is_1(scene: Scene, run: Any):
    one_vpc(scene, admitted=False)
    done = run(scene.source, "--host", scene.host)
    assert done.returncode == 1, done.stderr
    assert f"aws ec2 authorize-security-group-ingress --group-id {scene.target_group}" in done.stdout
    assert "A capture would stay empty, for one reason." in done.stdout


def test_scripts_get_json(scene: Scene, run: Any):
    one_vpc(scene, zone="b")
    done = run(scene.source, "--host", scene.host, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"check", "level", "resource", "rule", "sentence", "command"} == set(found[0])
    assert [finding["check"] for finding in found if finding["level"] == "warn"] == ["zone"]


def filters(scene: Scene) -> list[str]:
    """The mirror filters of the region, which has other tests' too."""
    return [one["TrafficMirrorFilterId"] for one in scene.ec2.describe_traffic_mirror_filters()["TrafficMirrorFilters"]]


def test_it_makes_nothing(scene: Scene, run: Any, endpoint: str):
    one_vpc(scene)
    control = LabControl(endpoint)
    before = filters(scene)
    control.clear_calls()
    run(scene.source, "--host", scene.host)
    made = [call for call in control.calls() if call["action"].startswith(("Create", "Authorize", "Modify"))]
    assert all(call["status"] >= 400 for call in made), made  # DryRunOperation, or what the call itself would say
    assert filters(scene) == before


def test_a_host_that_is_launched_has_its_price_told(scene: Scene, run: Any):
    one_vpc(scene)
    done = run(scene.source, "--host", "launch")
    assert "A session costs about 0.015 USD per hour" in done.stdout
    assert "The host, a t4g.small, costs about 0.017 USD per hour until it ends." in done.stdout


@pytest.mark.thin(2)
@pytest.mark.parametrize("admitted", [True, False])
def test_a_launch_templates_groups_are_judged(scene: Scene, run: Any, admitted: bool):
    """As those of a host that stands; they are not called ours."""
    one_vpc(scene, admitted=admitted)
    data = {"SecurityGroupIds": [scene.target_group]}
    scene.ec2.create_launch_template(LaunchTemplateName=f"of-{scene.target_group}", LaunchTemplateData=data)
    done = run(scene.source, "--host", "launch", "--host-template", f"of-{scene.target_group}", "--json")
    assert done.returncode == int(not admitted), done.stdout + done.stderr
    found = {each["check"]: each for each in json.loads(done.stdout)}
    assert (found["group"]["level"], found["group"]["resource"]) == ("ok" if admitted else "fail", scene.target_group)
    assert f"from of-{scene.target_group}, with its security groups" in found["target"]["sentence"]


@pytest.mark.thin(2)
@pytest.mark.parametrize("named", [True, False])
def test_a_launch_is_said_to_be_in_the_subnet_that_the_template_names(scene: Scene, run: Any, named: bool):
    """Else in the source's."""
    one_vpc(scene)
    interface = {"DeviceIndex": 0, **({"SubnetId": scene.target_subnet} if named else {})}
    name, data = f"in-{scene.target_subnet}", {"NetworkInterfaces": [interface]}
    scene.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    done = run(scene.source, "--host", "launch", "--host-template", name, "--json")
    (found,) = [each for each in json.loads(done.stdout) if each["check"] == "target"]
    subnet = scene.target_subnet if named else scene.source_subnet
    assert found["resource"] == subnet
    assert f"launched in {subnet} from {name}, with a security group for {scene.address} alone" in found["sentence"]


def test_it_judges_the_host_that_a_capture_would_take(scene: Scene, run: Any):
    near_and_far(scene)
    done = run(scene.source, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert scene.host in next(each["sentence"] for each in found if each["check"] == "target")
