"""A lab's life, seen from outside: real processes, and what is left of them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vpcshark.lab import homes
from vpcshark.lab.commands import sweep


@dataclass(frozen=True)
class Desk:
    """A place to run labs in that shares nothing with the user's own."""

    state: Path

    @property
    def labs(self) -> Path:
        """Where the labs' folders are."""
        return self.state / "vpcshark" / "lab"

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a lab command."""
        outside = {name: value for name, value in os.environ.items() if name != "VPCSHARK_LAB"}
        return subprocess.Popen(
            [sys.executable, "-m", "vpcshark.lab", *arguments],
            env={**outside, "XDG_STATE_HOME": str(self.state), "AWS_PROFILE": "nobody", "NO_PROXY": "example.com"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def do(self, *arguments: str) -> tuple[int, str, str]:
        """Run a lab command to its end: status, stdout, stderr."""
        with self.popen(*arguments) as process:
            out, problems = process.communicate(timeout=180)
        return process.returncode, out, problems

    def run(self, *command: str) -> tuple[int, str, str]:
        """``lab run`` without packets."""
        return self.do("run", "--data-plane", "none", "--", *command)

    def left(self) -> list[Path]:
        """The folders of labs, whatever their state."""
        return list(self.labs.iterdir()) if self.labs.exists() else []


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk that must be clean in the end."""
    desk = Desk(tmp_path)
    yield desk
    for folder in homes.everywhere(desk.labs):
        desk.do("stop", str(folder))
    assert desk.left() == []


def wait_for_end(process_id: int) -> None:
    """Wait until a process that is not our child has ended."""
    try:
        descriptor = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([descriptor], [], [], 20)
        assert ready, "the process goes on"
    finally:
        os.close(descriptor)


LOOK = """
import boto3, json, os, pathlib, stat
lab = pathlib.Path(os.environ["VPCSHARK_LAB"])
ec2 = boto3.client("ec2")
machines = [i for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
print(json.dumps({
    "environment": dict(os.environ),
    "modes": sorted({oct(stat.S_IMODE(p.stat().st_mode)) for p in [lab, *lab.rglob("*")]}),
    "machines": {{t["Key"]: t["Value"] for t in m["Tags"]}["Name"]: len(m["NetworkInterfaces"]) for m in machines},
}))
raise SystemExit(7)
"""


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int, str, list[Path]]:
    """What a command saw inside a lab; its status, what was told meanwhile, and the labs that are left."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    status, out, progress = desk.run(sys.executable, "-c", LOOK)
    assert out, progress
    return json.loads(out), status, progress, desk.left()


def test_run_gives_the_environment_and_the_status(looked: tuple[dict[str, Any], int, str, list[Path]]) -> None:
    """All that clients need, none of the user's AWS settings; stdout is the command's alone."""
    seen, status, progress, left = looked[0]["environment"], *looked[1:]
    folder = seen["VPCSHARK_LAB"]
    assert status == 7
    assert "starting the EC2 API" in progress
    assert seen["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"]
    assert "AWS_PROFILE" not in seen
    assert seen["NO_PROXY"] == "127.0.0.1,127.0.0.0/8,localhost,example.com"
    inside = ("VPCSHARK_SSH_KEY", "VPCSHARK_SSH_KNOWN_HOSTS", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "AWS_CONFIG_FILE")
    assert all(seen[name].startswith(folder) for name in inside)
    assert left == []


def test_the_api_answers_inside(looked: tuple[dict[str, Any], int, str, list[Path]]) -> None:
    """boto3 needs nothing but the environment; the VPC has the instances, with their ENIs and tags."""
    assert looked[0]["machines"] == {"web-1": 2, "db-1": 1, "api-1": 1, "capture-1": 1, "workstation": 1}


def test_nobody_else_can_read_the_lab(looked: tuple[dict[str, Any], int, str, list[Path]]) -> None:
    """Folders 0700, files 0600."""
    assert looked[0]["modes"] == ["0o600", "0o700"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "status"),
    [(("sh", "-c", "kill -9 $$"), 137), (("no-such-command",), 127), (("/etc/hostname",), 126)],
)
def test_a_command_that_fails_has_the_status_of_a_shell(desk: Desk, command: tuple[str, ...], status: int) -> None:
    """128 + n for signal n, 127 not found, 126 not executable."""
    found, _, problems = desk.run(*command)
    assert found == status
    assert "Traceback" not in problems


@pytest.mark.long
def test_sigterm_reaches_the_command(desk: Desk) -> None:
    """It decides what to do; its status is the lab's."""
    script = "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done"
    process = desk.popen("run", "--data-plane", "none", "--", "sh", "-c", script)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=180)
    assert process.returncode == 9
    assert desk.left() == []


@pytest.mark.long
def test_sigterm_reaches_a_command_that_has_just_begun(desk: Desk) -> None:
    """Before its start has come back to the lab."""
    script = "trap 'exit 9' TERM; kill -TERM $PPID; for _ in $(seq 200); do sleep 0.05; done"
    assert desk.run("sh", "-c", script)[0] == 9
    assert desk.left() == []


def test_ctrl_c_reaches_the_command_and_the_lab_outlives_it(desk: Desk) -> None:
    """The whole process group gets SIGINT; the command still finds its lab."""
    code = (
        "import os, signal, urllib.request\n"
        "def late(*_):\n"
        "    print(urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/_lab/calls').status, flush=True)\n"
        "    raise SystemExit(5)\n"
        "signal.signal(signal.SIGINT, late)\n"
        "print('up', flush=True)\n"
        "while True: signal.pause()\n"
    )
    with desk.popen("run", "--data-plane", "none", "--", sys.executable, "-c", code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=180)
    assert (process.returncode, out) == (5, "200\n"), err
    assert desk.left() == []


def test_a_killed_run_leaves_nothing(desk: Desk) -> None:
    """The daemon watches the pipe from it."""
    with desk.popen("run", "--data-plane", "none", "--", "sh", "-c", "echo up; sleep 60") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        (folder,) = desk.left()
        daemon = homes.holder(folder)
        assert daemon is not None
        process.kill()
        process.wait()
        wait_for_end(daemon)
        os.killpg(process.pid, signal.SIGKILL)
    assert desk.left() == []


def test_start_status_stop(desk: Desk) -> None:
    """The environment comes as lines for a shell; the lab stays until it is stopped."""
    status, out, _ = desk.do("start", "--data-plane", "none")
    assert status == 0
    script = f'{out}\necho "$AWS_ENDPOINT_URL ${{AWS_PROFILE-none}}"'
    show = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    endpoint, profile = show.stdout.split()
    assert profile == "none"
    status, out, _ = desk.do("status")
    assert status == 0
    assert f"running on none at {endpoint}" in out
    assert desk.do("stop")[0] == 0
    assert desk.do("status")[:2] == (3, "No lab runs.\n")


@pytest.mark.long
def test_two_labs_run_side_by_side(desk: Desk) -> None:
    """Each is stopped by its folder; stop without one asks which."""
    for _ in range(2):
        assert desk.do("start", "--data-plane", "none")[0] == 0
    first, second = desk.left()
    status, _, problems = desk.do("stop")
    assert status == 1
    assert str(first) in problems
    assert desk.do("stop", str(first))[0] == 0
    assert desk.left() == [second]
    assert desk.do("stop")[0] == 0


def test_what_somebody_else_removes_is_left_to_him(tmp_path: Path) -> None:
    """Two who sweep at once are not in each other's way; nor is a dead process named as the lab's."""
    folder, lock = homes.make(tmp_path)
    homes.sign(lock)
    os.close(lock)
    with homes.taken(folder) as is_ours:
        assert is_ours
        assert homes.holder(folder) is None
        assert sweep(tmp_path) == []
        with homes.taken(folder) as is_another:
            assert not is_another
        assert folder.exists()
    assert sweep(tmp_path) == [folder.name]
    assert not folder.exists()


def test_leftovers_of_a_crash_are_swept(desk: Desk) -> None:
    """A lab whose daemon was killed is called crashed, and removed by the next stop."""
    assert desk.do("start", "--data-plane", "none")[0] == 0
    (folder,) = desk.left()
    daemon = homes.holder(folder)
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    wait_for_end(daemon)
    status, out, _ = desk.do("status")
    assert status == 3
    assert "crashed" in out
    assert desk.do("stop")[1] == f"Removed what {folder.name} had left.\n"


def test_a_lab_that_is_just_being_made_is_not_swept(tmp_path: Path) -> None:
    """From its first moment somebody holds its lock."""
    folder, lock = homes.make(tmp_path)
    assert sweep(tmp_path) == []
    os.close(lock)
    assert sweep(tmp_path) == [folder.name]
    assert not folder.exists()


def test_a_folder_that_is_no_lab_is_refused(desk: Desk, tmp_path: Path) -> None:
    """Stop removes nothing that is not a lab's."""
    (tmp_path / "precious").write_text("x")
    status, _, problems = desk.do("stop", str(tmp_path))
    assert status == 1
    assert "no lab's folder" in problems
    assert (tmp_path / "precious").exists()
