"""An implementation of Session Manager's data channel that is none of ours, on the lab's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import session_manager
import ssm_judge_place
from session_manager import GREETING, INSTANCE

FOUR_MEGABYTES = 4 << 20


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has pyssm-client."""
    return ssm_judge_place.made(tmp_path_factory.mktemp("judge"))


@pytest.mark.long
@pytest.mark.parametrize("faults", [[], ["cut"], ["cut", "cut", "cut"]], ids=["undisturbed", "a cut", "three cuts"])
def test_four_megabytes_go_both_ways_through_cuts_and_resumes(judge: str, faults: list[str], tmp_path: Path) -> None:
    """All byte values, byte by byte, there and back."""
    with session_manager.echoing() as port, session_manager.running(port, tmp_path) as manager:
        for number, kind in enumerate(faults):
            manager.service.faults.ask("POST", {"kind": kind, "after": 1000 * (number + 1)})
        given = {
            "answer": manager.service.start(INSTANCE, port),
            "endpoint": manager.endpoint,
            "size": FOUR_MEGABYTES,
            "seed": 18,
            "greeting": len(GREETING),
        }
        program = Path(ssm_judge_place.__file__).with_name("ssm_judge.py")
        done = subprocess.run(
            [judge, "-I", str(program)],
            input=json.dumps(given) + "\n",
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["sent"] == told["received"]
    assert told["resumed"] == len(faults) == manager.calls.count("ResumeSession")
