"""The lab's topologies by the commands of README and docs: the talk's question, its mend, and curl before and after."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "support"
MEND = f"import sys, boto3; sys.path.insert(0, {str(HERE)!r}); import mending; mending.run(sys.argv[1], boto3.client)"
REPLAY = """
vpcshark walk client server:80 > before.txt; echo "walk $?"
vpcshark lab exec client -- curl --silent --max-time 2 http://server/; echo "curl $?"
"$1" -c "$2" "$(sed -n 's/^ *mend: //p' before.txt)"
vpcshark walk client server:80 > after.txt; echo "walk $?"
vpcshark lab exec client -- curl --silent --max-time 2 http://server/; echo "curl $?"
vpcshark lab exec nobody -- true; echo "exec $?"
"""


@pytest.mark.long
def test_the_talks_question_is_answered_and_its_mend_works(tmp_path: Path):
    """Blocked by the server's group, time-out; then reachable, and the server answers with its name."""
    command = ["vpcshark", "lab", "run", "--topology", "talk", "--", "sh", "-c", REPLAY, "sh", sys.executable, MEND]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=tmp_path,
        env={**_environment(), "XDG_STATE_HOME": str(tmp_path)},
    )
    lines = done.stdout.splitlines()
    assert lines == ["walk 1", "curl 28", "walk 0", "server", "curl 0", "exec 2"], done.stdout + done.stderr
    assert "ENI_SG_RULES_MISMATCH" in (tmp_path / "before.txt").read_text()
    assert "has no instance nobody" in done.stderr
    assert not list((tmp_path / "vpcshark" / "lab").glob("lab-*"))


def _environment() -> dict[str, str]:
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
