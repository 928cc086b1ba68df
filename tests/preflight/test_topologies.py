"""Preflight of whole networks in the lab: it names the one thing that is wrong, nothing else, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable

import mending
import pytest
from faults import FAULTS, MENDED
from scenes import Scene
from sound import SOUND

from vpcshark.aws.client import Aws
from vpcshark.preflight import Finding

Look = Callable[[Scene], list[Finding]]


def wrong(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    """What is not in order, without the words."""
    return [(f.check, f.level, f.resource, f.rule) for f in findings if f.level != "ok"]


@pytest.mark.thin(12)
@pytest.mark.parametrize("sentence", FAULTS)
def test_the_one_fault_is_named_and_nothing_else(sentence: str, scene: Scene, look: Look):
    expected = FAULTS[sentence](scene)
    assert wrong(look(scene)) == [expected]


@pytest.mark.thin(4)
@pytest.mark.parametrize("sentence", SOUND)
def test_nothing_is_wrong_with(sentence: str, scene: Scene, look: Look):
    SOUND[sentence](scene)
    assert wrong(look(scene)) == []


@pytest.mark.thin(15)
@pytest.mark.parametrize("sentence", sorted(MENDED))
def test_the_command_mends_it(sentence: str, scene: Scene, look: Look, aws: Aws):
    FAULTS[sentence](scene)
    (finding,) = [finding for finding in look(scene) if finding.level != "ok"]
    mending.run(finding.command, aws.client)
    assert wrong(look(scene)) == []


def test_there_are_enough_of_both():
    assert len(FAULTS) >= 40
    assert len(SOUND) >= 10
