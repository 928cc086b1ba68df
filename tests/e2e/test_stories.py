"""The stories of ``vpcshark why``: a fault in a network of the lab, the question, its mend, the application again.

What the namespaces' own programs see judges, before and after; a fresh client says what is left in the account.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hands import VPCSHARK, Lab, running_lab
from stories import STORIES, Stage, Story

pytestmark = pytest.mark.e2e


@contextmanager
def staged(story: Story, folder: Path) -> Iterator[Stage]:
    """Its network, with the fault in it."""
    file = folder / "network.yaml"
    file.write_text(yaml.safe_dump(story.network(), sort_keys=False))
    with running_lab(topology=str(file)) as lab:
        stage = Stage(lab, folder)
        try:
            story.plant(stage)
            yield stage
        finally:
            lab.end_started()


def asked(stage: Stage, story: Story) -> Any:
    """What ``vpcshark why`` says, with the application trying meanwhile."""
    more = ["--capture", "--yes", "--duration", "6", "--json", "-w", str(stage.folder / "why.pcapng")]
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


def tell(story: Story, folder: Path, record: Callable[[str, object], None]) -> None:
    """``record``: how long the question took, for whoever reads reports."""
    with staged(story, folder) as stage:
        assert not story.works(stage)
        found = asked(stage, story)
        record("seconds", round(stage.seconds, 1))
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


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES, ids=str)
def test_a_story_is_explained_and_its_mend_lets_the_application_through(
    story: Story, tmp_path: Path, record_property: Callable[[str, object], None]
):
    tell(story, tmp_path, record_property)
