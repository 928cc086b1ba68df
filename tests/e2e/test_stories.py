"""The stories of ``vpcshark why``: a fault in a network of the lab, the question, its mend, the application again.

What the namespaces' own programs see judges, before and after; a fresh client says what is left in the account.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hands import VPCSHARK, Lab, running_lab, wait_until
from stories import (
    PRICES,
    SERVER,
    STORIES,
    Raw,
    Stage,
    Story,
    fleet,
    lose_data,
    mend_data,
    shop,
    status_of,
)

pytestmark = pytest.mark.e2e
BY = ("--connection", "ssm")  # no address of these networks is this machine's to reach, so nobody tries


@contextmanager
def network(raw: Raw, folder: Path) -> Iterator[Stage]:
    """A lab of it."""
    file = folder / "network.yaml"
    file.write_text(yaml.safe_dump(raw, sort_keys=False))
    with running_lab(topology=str(file)) as lab:
        try:
            yield Stage(lab, folder)
        finally:
            lab.end_started()


@contextmanager
def staged(story: Story, folder: Path) -> Iterator[Stage]:
    """Its network, with the fault in it."""
    with network(story.network(), folder) as stage:
        story.plant(stage)
        yield stage


def asked(stage: Stage, story: Story) -> Any:
    """What ``vpcshark why`` says, with the application trying meanwhile."""
    more = [*BY, "--capture", "--yes", "--duration", "6", "--json", "-w", str(stage.folder / "why.pcapng")]
    if story.tries is not None:
        stage.keep_trying("client", *story.tries(stage))
    if story.probes or story.tries is None:
        more.append("--probe")
    began = time.monotonic()
    command = [*VPCSHARK, "why", *story.words, *more]
    done = subprocess.run(
        command,
        env=stage.lab.environment,
        cwd=stage.folder,
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout, done.stderr
    stage.seconds = time.monotonic() - began
    found = json.loads(done.stdout)
    assert done.returncode == (1 if story.is_proved else 3), (found, done.stderr)
    return found


def tell(story: Story, folder: Path) -> None:
    """Its output says how long the question took (pytest -rP)."""
    with staged(story, folder) as stage:
        assert not story.works(stage)
        found = asked(stage, story)
        sys.stdout.write(f"{story}: {stage.seconds:.1f} s\n")
        end = found["conclusion"]
        assert (end["class"], end["proved"]) == (story.kind, story.is_proved), found
        assert story.hop(stage) in end["sentence"] + end["mend"], end
        story.mend(stage, end["mend"])
        assert story.works(stage)
        check_nothing_left(stage.lab)


def check_nothing_left(lab: Lab) -> None:
    assert lab.is_clean()
    ps = lab.run(*VPCSHARK, "ps")
    assert ps.stdout.strip() == "No captures.", ps.stdout


THIN = ("server's group",)  # one that rules answer; test_why has one that packets of both ends do
ROWS = [pytest.param(each, marks=() if each.name in THIN else pytest.mark.long, id=each.name) for each in STORIES]


@pytest.mark.parametrize("story", ROWS)
def test_a_story_is_explained_and_its_mend_lets_the_application_through(story: Story, tmp_path: Path):
    tell(story, tmp_path)


@pytest.mark.long
def test_504s_are_the_resends_of_one_service_behind_the_proxy(tmp_path: Path):
    """The client's packets show whose answer a 504 is, the proxy's whose requests it sends again; nobody else's."""
    with network(shop(), tmp_path) as stage:
        lose_data(stage)
        wait_until(lambda: status_of(stage) == "504", "the proxy says 504")
        stage.keep_trying("client", "curl", "-s", f"http://{SERVER}/")
        found = judged_at(stage, "server")
        kinds = {each["class"] for each in found["findings"]}
        assert "http-504" in kinds, found
        losing = [each for each in found["findings"] if each["class"] in ("loss", "peer-silent")]
        ends = {flow[end] for each in losing for flow in each["flows"] for end in ("source", "target")}
        assert ends == {PRICES, SERVER}, found
        mend_data(stage)
        assert status_of(stage) == "200"
        check_nothing_left(stage.lab)


@pytest.mark.long
def test_the_black_hole_is_told_from_the_servers_interface_alone(tmp_path: Path):
    """The walk names what AWS takes, the packets what is lost; the MTU that is said lets the handshake through."""
    (story,) = (each for each in STORIES if each.name == "black hole")
    with staged(story, tmp_path) as stage:
        assert not story.works(stage)
        stage.keep_trying("client", *story.tries(stage))
        found = judged_at(stage, "server", "--between", "client", "server:443")
        (hole,) = (each for each in found["findings"] if each["class"] == "pmtu-black-hole")
        assert "Every hop of AWS on this way takes 8500 bytes or more" in hole["next"]
        story.mend(stage, hole["next"])
        assert story.works(stage)
        check_nothing_left(stage.lab)


def judged_at(stage: Stage, name: str, *more: str) -> Any:
    """What ``vpcshark diagnose`` says of what ``vpcshark capture`` got at an instance."""
    file = str(stage.folder / "at.pcapng")
    words = [stage.eni(name), *BY, "-f", "tcp", "-a", "duration:10", "-w", file]
    made = stage.lab.run(*VPCSHARK, "capture", *words, stdin=subprocess.DEVNULL)
    assert made.returncode == 0, made.stderr
    return json.loads(stage.lab.run(*VPCSHARK, "diagnose", file, *more, "--json").stdout)


@pytest.mark.long
def test_a_path_to_a_fleet_behind_a_load_balancer_is_one_capture(tmp_path: Path):
    """Twenty targets: each has its interface block, and packets of the connections that it got."""
    with network(fleet(20), tmp_path) as stage:
        rows = stage.ec2.describe_network_interfaces()["NetworkInterfaces"]
        (node,) = (each["PrivateIpAddress"] for each in rows if each["InterfaceType"] == "network_load_balancer")
        stage.keep_trying("client", "curl", "-s", "--max-time", "2", f"http://{node}/")
        file = str(tmp_path / "path.pcapng")
        words = ["path:client->lb:front:80", *BY, "-w", file, "-a", "duration:15"]
        made = stage.lab.run(*VPCSHARK, "capture", *words, stdin=subprocess.DEVNULL)
        assert made.returncode == 0, made.stderr
        said = stage.lab.run("tshark", "-r", file, "-T", "fields", "-e", "frame.interface_name")
        wanted = {stage.eni(name) for name in ("client", *(f"web-{number:02}" for number in range(20)))}
        assert set(said.stdout.split()) == wanted
        check_nothing_left(stage.lab)
