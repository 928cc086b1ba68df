"""Captures over Session Manager's real data channel: every frame in both modes, and no plugin, ProxyCommand or receiver
that outlives a capture, in whatever way that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hands import Lab, compare, preference, read_frames, recording, wait_until
from tcpdumps import Running, gone, running

from vpcshark.aws.iam.features import DEFAULT
from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
FEATURES = (*DEFAULT, "connect-ssm")
FOREIGN = "not port 22 and not port 443"  # what the capture's own way does not add to


def plugins(lab: Lab) -> dict[int, str]:
    """The lab's plugin, and the shells beside it, wherever they run: pid -> command line."""
    name = f"{lab.environment['VPCSHARK_LAB']}/bin/session-manager-plugin"
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
            if name in line:
                found[int(place.name)] = line
    return found


@dataclass
class Scene:
    """A capture that is to end in some way. ``control`` lets Session Manager go wrong."""

    lab: Lab
    control: LabControl
    folder: Path
    capture: Running

    def greeted(self) -> None:
        self.capture.await_frames()

    def waiting(self) -> None:
        """The plugin runs, and its handshake does not come."""
        wait_until(lambda: bool(plugins(self.lab)), "the plugin runs")
        wait_until(lambda: any(one["count"] for one in self.control.session_faults()), "it is kept waiting")

    def grows(self) -> None:
        """Packets come (again)."""
        size = self.capture.file.stat().st_size
        wait_until(lambda: self.capture.file.stat().st_size > size + 4000, "packets come")

    def says(self, words: str) -> None:
        wait_until(lambda: any(words in line for line in self.capture.said), f"it says: {words}")

    def signal(self, number: int) -> None:
        os.kill(self.capture.process.pid, number)

    def plugin(self) -> int:
        """The living plugin, which is not the shell beside it."""
        return next(pid for pid, line in plugins(self.lab).items() if not line.startswith("/bin/sh -c"))


def never_greets(scene: Scene) -> None:
    """The capture gives up, and blames whom it should."""
    said = scene.capture.end()
    assert scene.capture.process.returncode == 1, said
    assert "session-manager-plugin brought no SSH greeting" in said, said
    assert "SSH server does" not in said


def never_greets_and_is_interrupted(scene: Scene) -> None:
    scene.waiting()
    scene.signal(signal.SIGINT)


def never_greets_and_is_terminated(scene: Scene) -> None:
    scene.waiting()
    scene.signal(signal.SIGTERM)


def never_greets_and_is_killed(scene: Scene) -> None:
    scene.waiting()
    scene.signal(signal.SIGKILL)


def is_interrupted(scene: Scene) -> None:
    scene.greeted()
    scene.signal(signal.SIGINT)
    scene.capture.end()
    assert scene.capture.process.returncode == 0


def is_terminated(scene: Scene) -> None:
    scene.greeted()
    scene.signal(signal.SIGTERM)


def is_hung_up(scene: Scene) -> None:
    scene.greeted()
    scene.signal(signal.SIGHUP)


def is_killed(scene: Scene) -> None:
    scene.greeted()
    scene.signal(signal.SIGKILL)


def has_its_output_closed(scene: Scene) -> None:
    """Whoever reads a capture's stdout goes away."""
    scene.greeted()
    scene.capture.kill()
    eni = scene.lab.eni("web-1")["NetworkInterfaceId"]
    words = f"{sys.executable} -m vpcshark capture {eni} --mode tcpdump --connection ssm -w - | head -c 20000"
    done = subprocess.run(["sh", "-c", words], env=scene.lab.environment, capture_output=True, check=False)
    assert len(done.stdout) == 20000


def ends_by_its_own_clock(scene: Scene) -> None:
    scene.capture.end()
    assert scene.capture.process.returncode == 0


def stalls_and_is_interrupted(scene: Scene) -> None:
    scene.greeted()
    scene.control.fault_sessions("stall")
    scene.signal(signal.SIGINT)


def stalls_and_is_killed(scene: Scene) -> None:
    scene.greeted()
    scene.control.fault_sessions("stall")
    scene.signal(signal.SIGKILL)


def stalls_until_it_gives_up(scene: Scene) -> None:
    """Nothing passes any more: neither by the way that was, nor by another."""
    scene.greeted()
    scene.control.fault_sessions("stall")
    said = scene.capture.end()
    assert scene.capture.process.returncode == 1, said


def stalls_and_goes_on(scene: Scene) -> None:
    """For longer than a silence is borne: by another way."""
    scene.greeted()
    scene.control.fault_sessions("stall", seconds=22.0)
    scene.says("Connected again")
    scene.grows()
    scene.signal(signal.SIGINT)


def has_its_plugin_killed(scene: Scene) -> None:
    scene.greeted()
    os.kill(scene.plugin(), signal.SIGKILL)
    scene.says("Connected again")
    scene.grows()
    scene.signal(signal.SIGINT)


def has_its_plugin_stopped(scene: Scene) -> None:
    """It heeds nothing but SIGKILL then."""
    scene.greeted()
    os.kill(scene.plugin(), signal.SIGSTOP)
    scene.signal(signal.SIGINT)


def is_cut_and_resumed(scene: Scene) -> None:
    """By the plugin, or by another one where that did not survive it."""
    scene.greeted()
    scene.control.fault_sessions("cut")
    wait_until(lambda: scene.control.session_faults()[0]["count"] == 1, "it is cut")
    scene.grows()
    scene.signal(signal.SIGINT)


def is_cut_and_timed_out(scene: Scene) -> None:
    scene.greeted()
    scene.control.fault_sessions("no-resume")
    scene.control.fault_sessions("cut")
    scene.says("Connected again")
    scene.grows()
    scene.signal(signal.SIGINT)


def finds_no_api_any_more(scene: Scene) -> None:
    """The session can't be ended."""
    scene.greeted()
    scene.control.add_fault(".*", code="InternalServerError", status=500)
    scene.signal(signal.SIGINT)


def has_its_session_terminated(scene: Scene) -> None:
    """By somebody else."""
    scene.greeted()
    scene.control.fault_sessions("close")
    scene.says("Connected again")
    scene.grows()
    scene.signal(signal.SIGTERM)


ROWS: tuple[Callable[[Scene], None], ...] = (
    never_greets,
    never_greets_and_is_interrupted,
    never_greets_and_is_terminated,
    stalls_and_is_interrupted,
    is_interrupted,
    never_greets_and_is_killed,
    is_terminated,
    is_hung_up,
    has_its_output_closed,
    ends_by_its_own_clock,
    is_killed,
    stalls_and_is_killed,
    stalls_until_it_gives_up,
    stalls_and_goes_on,
    has_its_plugin_stopped,
    has_its_plugin_killed,
    is_cut_and_resumed,
    is_cut_and_timed_out,
    finds_no_api_any_more,
    has_its_session_terminated,
)
assert len(ROWS) == 20
BEFORE = {  # what is wrong from the start on, and options
    never_greets: ("mute", ()),
    never_greets_and_is_interrupted: ("mute", ()),
    never_greets_and_is_terminated: ("mute", ()),
    never_greets_and_is_killed: ("mute", ()),
    ends_by_its_own_clock: ("", ("-a", "duration:3")),
}


@pytest.fixture
def control(lab: Lab) -> Iterator[LabControl]:
    """Nothing goes wrong before a test, nor after it."""
    found = LabControl(lab.environment["AWS_ENDPOINT_URL"])
    yield found
    found.clear_session_faults()
    found.clear_faults()


@pytest.mark.thin(9)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_no_plugin_outlives_a_capture(
    lab: Lab, control: LabControl, row: Callable[[Scene], None], tmp_path: Path
) -> None:
    """Nor the shell beside it, nor anything on the instance, in whatever way the capture ends."""
    fault, options = BEFORE.get(row, ("", ()))
    if fault:
        control.fault_sessions(fault, times=-1)
    with running(lab, tmp_path / "o", "--connection", "ssm", *options) as capture:
        row(Scene(lab, control, tmp_path, capture))
        capture.end()
        control.clear_session_faults()
        wait_until(lambda: not plugins(lab), "no plugin runs")
        gone(capture)


@pytest.mark.long
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_no_proxy_command_outlives_a_capture(lab: Lab, ending: int, tmp_path: Path) -> None:
    """One that neither greets nor reads, as ``sleep`` does."""
    (tmp_path / ".ssh").mkdir()
    seconds = f"77{os.getpid()}"
    (tmp_path / ".ssh" / "config").write_text(f"Host web-1\n  ProxyCommand sleep {seconds}\n")

    def asleep() -> bool:
        return subprocess.run(["pgrep", "-f", f"sleep {seconds}"], check=False, capture_output=True).returncode == 0

    there = lab.having(HOME=str(tmp_path), VPCSHARK_SSH_CONFIG="~/.ssh/config")
    with running(there, tmp_path / "o", "--connection", "ssh") as capture:
        wait_until(asleep, "it runs")
        os.kill(capture.process.pid, ending)
        capture.end()
        wait_until(lambda: not asleep(), "it runs no more")


def test_a_proxy_command_that_never_greets_is_blamed(lab: Lab, tmp_path: Path) -> None:
    """And not the instance's sshd."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host web-1\n  ProxyCommand sh -c 'echo no such tunnel >&2; sleep 778'\n")
    there = lab.having(HOME=str(tmp_path), VPCSHARK_SSH_CONFIG="~/.ssh/config")
    with running(there, tmp_path / "o", "--connection", "ssh") as capture:
        said = capture.end()
    assert "The SSH configuration's ProxyCommand brought no SSH greeting from" in said
    assert "It said: no such tunnel." in said


@pytest.mark.long
@pytest.mark.parametrize("mode", ["mirror", "tcpdump"])
def test_every_frame_arrives_over_session_manager(lab: Lab, mode: str, tmp_path: Path) -> None:
    """By real tshark, from the tagged capture host or the instance itself: what tcpdump saw there and nothing else."""
    tmp_path.chmod(0o777)
    lab.listed()
    control = LabControl(lab.environment["AWS_ENDPOINT_URL"])
    control.clear_calls()
    eni, file = lab.eni("web-1")["NetworkInterfaceId"], tmp_path / "out.pcapng"
    options = [*preference(eni, "mode", mode), *preference(eni, "connection", "ssm")]
    with recording(lab, "web-1", tmp_path / "source.pcap", FOREIGN) as source:
        done = lab.run("tshark", "-q", "-i", eni, *options, "-f", FOREIGN, "-c", "300", "-w", str(file), timeout=300)
        assert done.returncode == 0, done.stderr
        seen = source.stop()
    compared, missing, extra = compare(seen, read_frames(file))
    assert compared > 50
    assert (missing, extra) == (0, 0)
    assert "StartSession" in [call["action"] for call in control.calls()]
    wait_until(lambda: not plugins(lab), "no plugin runs")


@pytest.mark.long
@pytest.mark.parametrize("mode", ["mirror", "tcpdump"])
def test_a_stall_is_not_taken_for_a_silent_source(lab: Lab, control: LabControl, mode: str, tmp_path: Path) -> None:
    """Between a silence's patience and a dead connection's: what is known is that nobody answers."""
    with running(lab, tmp_path / "o", "--connection", "ssm", mode=mode) as capture:
        capture.await_frames()
        control.fault_sessions("stall", seconds=19.0)
        wait_until(lambda: any("Connected again" in line for line in capture.said), "it is connected again")
        size = capture.file.stat().st_size
        wait_until(lambda: capture.file.stat().st_size > size + 4000, "packets come again")
        capture.stop()
        gone(capture)
    assert not [line for line in capture.said if "has no packets" in line or "Nothing was sent" in line], capture.said
    wait_until(lambda: not plugins(lab), "no plugin runs")


@pytest.mark.long
def test_the_answers_of_a_way_that_is_dead_one_way_start_no_second_receiver(
    lab: Lab, control: LabControl, tmp_path: Path
) -> None:
    """What the host sends is held, what it is sent arrives: its receiver lives on, until another one begins."""
    before = set(lab.processes("capture-1"))

    def receivers() -> int:
        fresh = {pid: line for pid, line in lab.processes("capture-1").items() if pid not in before}
        return sum("owns-connection" in line and "sudo" not in line and "sh -c" not in line for line in fresh.values())

    with running(lab, tmp_path / "o", "--connection", "ssm", mode="mirror") as capture:
        capture.await_frames()
        assert receivers() == 1
        control.add_fault("TerminateSession", code="InternalServerError", status=500)
        control.fault_sessions("stall", towards="client", seconds=21.0)
        said = lambda: any("Connected again" in line for line in capture.said)  # noqa: E731
        wait_until(lambda: said() or capture.process.poll() is not None, "it is connected again")
        assert receivers() == 1, capture.said
        capture.stop()
