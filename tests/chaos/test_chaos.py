"""A capture may be killed anywhere, and any call may fail: soon after, nothing of it is left, and nothing else touched.

``make test`` has some of the steps, each with another fault, ``make test-long`` each step with each fault;
``VPCSHARK_CHAOS=long`` (make chaos) has more random schedules.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from chaos import Chaos, Result, Scenario, diagonal, matrix, schedule, table

LONG = os.environ.get("VPCSHARK_CHAOS") == "long"
SCHEDULES = range(2, 200 if LONG else 30)


@pytest.fixture(scope="session")
def life(chaos: Chaos) -> tuple[list[str], list[str]]:
    """The calls and steps of a capture's life, as one capture showed them."""
    return chaos.discover()


def report(results: list[Result], title: str, capsys) -> None:
    """The table to the terminal, and to the file that VPCSHARK_CHAOS_REPORT names."""
    text = f"{title}: {len(results)} scenarios, seconds until nothing was left\n{table(results)}\n"
    with capsys.disabled():
        sys.stdout.write("\n" + text)
    if os.environ.get("VPCSHARK_CHAOS_REPORT"):
        with Path(os.environ["VPCSHARK_CHAOS_REPORT"]).open("a") as file:
            file.write(text)


def failures(results: list[Result]) -> list[str]:
    """A line for each scenario that did not end clean."""
    return [f"{one.scenario}: {one.problem} ({one.said.strip()[-300:]})" for one in results if one.problem]


def test_the_life_of_a_capture_is_known(life):
    """What chaos is let loose on is found, not listed: all calls that make, mark and remove, and the steps between."""
    actions, steps = life
    for kind in ("Session", "Filter", "Target"):
        assert {f"CreateTrafficMirror{kind}", f"DeleteTrafficMirror{kind}"} <= set(actions)
    assert "CreateTags" in actions
    assert len(steps) >= 12


def test_an_accident_that_did_not_happen_is_no_success(chaos: Chaos):
    """A step that is not reached, for whatever reason, proves nothing about it."""
    (result,) = chaos.run([Scenario("no such step", "SIGKILL before", is_call=False)])
    assert result.problem == "the step was not reached"


def test_steps_meet_faults(chaos: Chaos, life, capsys):
    """Zero tagged resources within 30 s (60 s where AWS throttled), decoys untouched, the ledger closed."""
    results = chaos.run(diagonal(matrix(*life))[::12])
    report(results, "some steps, each with another fault", capsys)
    assert failures(results) == []


@pytest.mark.long
def test_every_step_meets_every_fault(chaos: Chaos, life, capsys):
    """The same for all of them."""
    scenarios = matrix(*life)
    assert len(scenarios) >= 150
    results = chaos.run(scenarios)
    report(results, "each step x each fault", capsys)
    assert failures(results) == []


@pytest.mark.parametrize("seeds", [range(2), pytest.param(SCHEDULES, marks=pytest.mark.long)], ids=["some", "more"])
def test_random_schedules(chaos: Chaos, life, seeds: range, capsys):
    """Several random faults in one life; the seed in a failure's name makes the same ones again."""
    results = chaos.run([schedule(seed, life[0]) for seed in seeds])
    report(results, "random schedules", capsys)
    assert failures(results) == []


def test_clean_up_by_hand_leaves_what_only_has_tags(chaos: Chaos):
    """Tagged as expired, dead, kept or anybody's: instance, security group, rule and mirror resources stay, and are
    named."""
    worker = chaos.workers[0]
    with chaos.watcher:
        for which in ("--all", "--kept", "--expired"):
            said = chaos.by_hand(worker, "cleanup", which)
            assert chaos.check_decoys(worker) == ""
            assert [one for one in worker.bystanders[0].ids if one not in said] == []
    assert any(worker.copied for worker in chaos.workers), "no capture's tags were copied"


@pytest.mark.parametrize("seconds", [3, pytest.param(20, marks=pytest.mark.long)])
def test_nothing_comes_late(chaos: Chaos, seconds: float):
    """After everything, when even the slowest call has been made: no tagged resource but the decoys."""
    time.sleep(seconds)  # longer than any call that was held back
    with chaos.watcher as watcher:
        seen = watcher.fresh()
    decoys = {name for worker in chaos.workers for name in worker.decoys}
    assert set(seen) == decoys
