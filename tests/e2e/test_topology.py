"""The lab's topologies by the commands of README and docs: the talk's question, its mend, and curl before and after."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hands import VPCSHARK, Lab, running_lab, wait_until

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


@pytest.mark.long
def test_instances_are_opened_beside_their_network(tmp_path: Path):
    """No device and no open port more than without; a host that is launched comes and goes."""
    with running_lab(topology="talk") as lab:
        before = spaces(lab)
        assert devices(lab, "server") == {"lo", "eth0"}
        assert ssh_listeners(lab, "server") == {"127.0.0.1:22"}
        knock = ["timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/10.2.0.20/22"]
        assert subprocess.run([*lab.namespace("client"), *knock], check=False, capture_output=True).returncode == 124
        known = lab.client("ssm").describe_instance_information
        wait_until(lambda: len(known()["InstanceInformationList"]) == 3, "all agents say that they are there")
        lab.start(*lab.namespace("client"), "ping", "-q", "-i", "0.3", "10.2.0.20", stdin=subprocess.DEVNULL)
        words = ["client", "--host", "launch", "-a", "duration:4", "-w", str(tmp_path / "one.pcapng")]
        made = lab.run(*VPCSHARK, "capture", *words, stdin=subprocess.DEVNULL)
        lab.end_started()
        assert made.returncode == 0, made.stderr
        assert lab.is_clean()
        assert spaces(lab) == before


def spaces(lab: Lab) -> set[str]:
    """The lab's namespaces."""
    return {each.name for each in Path("/run/netns").glob(f"{lab.name}-*")}


def devices(lab: Lab, name: str) -> set[str]:
    """Of an instance."""
    said = subprocess.run([*lab.namespace(name), "ls", "/sys/class/net"], capture_output=True, text=True, check=True)
    return set(said.stdout.split())


def ssh_listeners(lab: Lab, name: str) -> set[str]:
    """Where somebody takes SSH."""
    command = [*lab.namespace(name), "ss", "-Hltn", "sport = :22"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    return {line.split()[3] for line in said.stdout.splitlines()}
