"""Whatever ends a capture, and however many there are: nothing is left, on the account and on the capture host."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import pytest
from hands import VPCSHARK, Lab, command_line, read_frames, wait_until
from pace import Pace, pace

from vpcshark.aws.iam.features import DEFAULT
from vpcshark.cleanup import birthmark
from vpcshark.lab.control import LabControl

pytestmark = pytest.mark.e2e
FEATURES = (*DEFAULT, "connect-eic", "connect-eice")  # many captures know neither key nor host key: AWS sees to both
LONG = os.environ.get("VPCSHARK_CHAOS") == "long"
CAPTURES = int(os.environ.get("VPCSHARK_CAPTURES", "1000" if LONG else "24"))  # one after the other, in two halves
WELL = (0, 3)  # 3: it was stopped before a packet came
CACHED = 60  # captures after which the bounded caches of botocore (100 endpoints) and urllib (128 URLs) are full


@pytest.fixture
def eni(clean_lab: Lab) -> str:
    """The source of most tests."""
    return str(clean_lab.eni("web-1")["NetworkInterfaceId"])


@pytest.fixture
def control(clean_lab: Lab) -> Iterator[LabControl]:
    """The lab's control path; no fault outlives its test."""
    made = LabControl(clean_lab.environment["AWS_ENDPOINT_URL"])
    made.clear_calls()
    yield made
    made.clear_faults()


@pytest.fixture
def before(clean_lab: Lab) -> set[int]:
    """What ran on the capture host before the test."""
    return set(clean_lab.processes("capture-1"))


def ledgers(lab: Lab) -> list[Path]:
    """The ledgers that lie in the lab's state folder."""
    return list(Path(lab.environment["XDG_STATE_HOME"], "vpcshark", "captures").glob("*.ledger"))


def janitors(lab: Lab) -> list[int]:
    """The janitors of this lab's captures, by the ledger in their command line."""
    mark = lab.environment["XDG_STATE_HOME"]
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if "janitor" in (line := command_line(pid)) and mark in line]


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in listed for one in tree(int(child)))]


def streams(lab: Lab) -> bool:
    """Is there a session?"""
    return bool(lab.mirror_resources()["sessions"])


def capture(lab: Lab, eni: str, file: Path, *options: str, **more) -> subprocess.Popen[str]:
    """``vpcshark capture``, started."""
    return lab.start(*VPCSHARK, "capture", eni, "-w", str(file), *options, **more)


def list_by_tshark(lab: Lab) -> None:
    """What a person does next."""
    assert lab.run("tshark", "-D").returncode == 0


def clean_up_by_hand(lab: Lab) -> None:
    """vpcshark cleanup."""
    done = lab.run(*VPCSHARK, "cleanup")
    assert done.returncode == 0, done.stderr


def look_at_captures(lab: Lab) -> None:
    """vpcshark ps shows the dead one; what it holds goes after that."""
    assert "dead" in lab.run(*VPCSHARK, "ps").stdout


def list_by_command(lab: Lab) -> None:
    """vpcshark interfaces."""
    assert lab.run(*VPCSHARK, "interfaces").returncode == 0


def capture_again(lab: Lab) -> None:
    """Another capture, of another source."""
    eni = lab.eni("db-1")["NetworkInterfaceId"]
    done = lab.run(*VPCSHARK, "capture", eni, "-a", "duration:2", "-w", "/dev/null")
    assert done.returncode in (0, 3), done.stderr


@pytest.mark.thin(6)
@pytest.mark.parametrize("go_on", [list_by_tshark, clean_up_by_hand, look_at_captures, list_by_command, capture_again])
def test_after_a_crash_of_the_machine_whatever_is_started_next_removes_all(
    clean_lab: Lab, eni: str, tmp_path: Path, go_on: Callable[[Lab], None], record_property
):
    """Capture, janitor, dumpcap and tshark get SIGKILL at once; nobody is left to clean up until the next start."""
    tmp_path.chmod(0o777)
    tshark = clean_lab.start("tshark", "-q", "-i", eni, "-w", str(tmp_path / "out.pcapng"))
    wait_until(lambda: streams(clean_lab), "the session is there")
    for pid in {*tree(tshark.pid), *janitors(clean_lab)}:
        os.kill(pid, signal.SIGSTOP)  # so that none sees another's end
    for pid in {*tree(tshark.pid), *janitors(clean_lab)}:
        os.kill(pid, signal.SIGKILL)
    tshark.communicate(timeout=180)
    assert not clean_lab.is_clean()
    go_on(clean_lab)
    seconds = wait_until(clean_lab.is_clean, "the account is clean")
    record_property("seconds", round(seconds, 1))
    wait_until(lambda: not ledgers(clean_lab), "the ledger is closed")


@contextmanager
def dropping() -> Iterator[str]:
    """An address where what is sent vanishes: here, the queue of connections is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def closed() -> Iterator[str]:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.thin(2)
@pytest.mark.parametrize("endpoint", [closed, dropping])
def test_an_api_that_is_out_of_reach_leaves_neither_ledger_nor_janitor(
    clean_lab: Lab, eni: str, endpoint: Callable[[], AbstractContextManager[str]]
):
    """The creates never left, so there is nothing to look after for a quarter of an hour."""
    with endpoint() as url:
        lost = clean_lab.having(AWS_ENDPOINT_URL=url)
        done = lost.run(*VPCSHARK, "capture", eni, "--mode", "mirror", "-w", "/dev/null")
    assert done.returncode == 1
    assert "reached" in done.stderr
    assert ledgers(clean_lab) == []
    wait_until(lambda: not janitors(clean_lab), "the janitor has gone")


@pytest.mark.long
def test_dead_captures_of_an_account_out_of_reach_hold_up_no_other(clean_lab: Lab, eni: str, tmp_path: Path):
    """A sweep that is stuck at them, from the start before, keeps the next from nothing."""
    with closed() as url:
        lost = clean_lab.having(AWS_ENDPOINT_URL=url)
        for number in range(10):
            write_dead_ledger(clean_lab, f"c-0{number}")
        assert lost.run(*VPCSHARK, "ps").returncode == 1
        wait_until(lambda: sweeps(clean_lab), "the sweep is at work")
        process = capture(clean_lab, eni, tmp_path / "out.pcapng")
        wait_until(lambda: streams(clean_lab), "the session is there")
        for pid in (process.pid, *janitors(clean_lab)):
            os.kill(pid, signal.SIGKILL)
        process.communicate()
        assert clean_lab.run(*VPCSHARK, "ps").returncode == 0
        wait_until(clean_lab.is_clean, "the account is clean")
        for pid in sweeps(clean_lab):
            os.kill(pid, signal.SIGKILL)
    for path in ledgers(clean_lab):
        path.unlink()


def write_dead_ledger(lab: Lab, capture: str) -> None:
    """What a capture leaves that was killed in the middle of a create."""
    lines = [{"capture": capture, "owner": "me@here", "source": "eni-1"}, {"creating": "filter", "token": capture}]
    folder = Path(lab.environment["XDG_STATE_HOME"], "vpcshark", "captures")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{capture}.ledger").write_text("\n".join(map(json.dumps, lines)))


def sweeps(lab: Lab) -> list[int]:
    """The sweeps of this lab's ledgers."""
    mark = lab.environment["XDG_STATE_HOME"]
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if "cleanup.background" in (line := command_line(pid)) and mark in line]


def test_tshark_killed_while_dumpcap_lives_on(clean_lab: Lab, eni: str, tmp_path: Path, before: set[int]):
    """The capture gets no signal and its FIFO stays open; it sees that its parent has gone."""
    tmp_path.chmod(0o777)
    tshark = clean_lab.start("tshark", "-q", "-i", eni, "-w", str(tmp_path / "out.pcapng"))
    wait_until(lambda: streams(clean_lab), "the session is there")
    others = tree(tshark.pid)[1:]
    tshark.kill()
    wait_until(clean_lab.is_clean, "the account is clean")
    wait_until(lambda: not set(clean_lab.processes("capture-1")) - before, "the receiver has gone")
    for pid in others:
        if "dumpcap" in command_line(pid):
            os.kill(pid, signal.SIGKILL)
    tshark.communicate(timeout=180)


def heard(stream: IO[str], word: str) -> str:
    """What came, up to the line with the word."""
    said = ""
    while word not in said:
        line = stream.readline()
        assert line, said
        said += line
    return said


def test_a_second_ctrl_c_hands_the_rest_to_the_janitor(clean_lab: Lab, control: LabControl, eni: str, tmp_path: Path):
    """Nobody has to wait for an AWS that throttles: the process ends, and the janitor goes on until all is gone."""
    process = capture(clean_lab, eni, tmp_path / "out.pcapng")
    wait_until(lambda: streams(clean_lab), "the session is there")
    control.add_fault("Delete.*", code="RequestLimitExceeded", status=503, seconds=8.0)
    process.send_signal(signal.SIGINT)
    said = heard(process.stderr, "Stopping")  # two signals before it has heard of the first are one
    time.sleep(0.6)  # so are two within half a second
    with pace() as now:
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
        process.communicate(timeout=180)
        seconds = time.monotonic() - start
    assert seconds < now.allows(5) + clean_lab.lateness
    assert process.returncode == 1
    assert "in the background" in said
    wait_until(clean_lab.is_clean, "the account is clean")
    wait_until(lambda: not ledgers(clean_lab) and not janitors(clean_lab), "the ledger is closed")


def post_kill(lab: Lab) -> None:
    """What Wireshark runs. It has seconds; on a slow machine it may say so, and goes on the next time."""

    def has_ended_well() -> bool:
        done = lab.run(sys.executable, "-m", "vpcshark.extcap", "--extcap-cleanup-postkill")
        is_slow = re.search("There was not the time|is not deleted yet|vpcshark cleanup tries again", done.stderr)
        assert (done.returncode, done.stderr) == (0, "") or is_slow, done.stderr
        return done.stderr == ""

    wait_until(has_ended_well, "the dead capture is finished")


@pytest.mark.long
def test_what_wireshark_runs_after_a_kill(clean_lab: Lab, eni: str, tmp_path: Path):
    """--extcap-cleanup-postkill finishes the dead capture and lets a living one be."""
    dead = capture(clean_lab, eni, tmp_path / "dead.pcapng")
    other = str(clean_lab.eni("db-1")["NetworkInterfaceId"])
    living = capture(clean_lab, other, tmp_path / "living.pcapng")
    wait_until(lambda: len(clean_lab.mirror_resources()["sessions"]) == 2, "both sessions are there")
    for pid in janitors(clean_lab):
        if str(dead.pid) in Path(f"/proc/{pid}/stat").read_text().split():
            os.kill(pid, signal.SIGKILL)
    dead.kill()
    dead.communicate()
    post_kill(clean_lab)
    sessions = clean_lab.client().describe_traffic_mirror_sessions()["TrafficMirrorSessions"]
    assert [session["NetworkInterfaceId"] for session in sessions] == [other]
    living.send_signal(signal.SIGINT)
    living.communicate(timeout=180)
    assert living.returncode in WELL


@pytest.mark.long
def test_a_path_that_is_cut_in_silence_leaves_nothing_on_the_capture_host(
    clean_lab: Lab, eni: str, tmp_path: Path, before: set[int], record_property
):
    """No FIN, no RST: the link goes down and the capture is killed. Receiver, shells and sshd's children end alone."""
    process = capture(clean_lab, eni, tmp_path / "out.pcapng")
    wait_until(lambda: streams(clean_lab), "the session is there")
    assert set(clean_lab.processes("capture-1")) - before
    link = [*clean_lab.namespace("capture-1"), "ip", "link", "set", "eth0"]
    subprocess.run([*link, "down"], check=True)
    try:
        process.kill()
        process.communicate()
        gone = wait_until(lambda: not set(clean_lab.processes("capture-1")) - before, "nothing of it runs")
    finally:
        subprocess.run([*link, "up"], check=True)
    record_property("seconds", round(gone, 1))
    wait_until(clean_lab.is_clean, "the account is clean")


@pytest.mark.long
def test_with_slow_calls_it_starts_and_stops_in_time(
    clean_lab: Lab, control: LabControl, eni: str, tmp_path: Path, record_property
):
    """100 ms per call. From the process's start to the first frame < 2.5 s, with three calls in a row before it. From
    the stop to the session's end < 1 s, to the end of everything < 3 s."""
    control.add_fault(".*", delay=0.1)
    for number in range(3):  # its time, and which calls overlap, is what it can be, not what it is on a busy machine
        with pace() as now:
            took = timed(clean_lab, control, eni, tmp_path / f"{number}.pcapng")
        if took.rounds <= 3 and took.is_in_time(now, clean_lab.lateness):
            break
    record_property("times", str(took))
    assert took.rounds <= 3, took.trace
    assert took.is_in_time(now, clean_lab.lateness), (took, now)
    assert clean_lab.is_clean()


@dataclass(frozen=True)
class Took:
    """Seconds from the start to the first frame, by its stamp, and to the session; from the stop to the session's end
    and to that of the last call; how many calls came one after the other before the session."""

    first_frame: float
    session: float
    session_gone: float
    everything: float
    rounds: int
    trace: str

    def is_in_time(self, now: Pace, lateness: float) -> bool:
        """As the user is promised, as fast as the machine is now, and as late as AWS shows that everything is gone."""
        promised = ((self.first_frame, 2.5), (self.session, 2.5), (self.session_gone, 1))
        soon = all(seconds < now.allows(limit) for seconds, limit in promised)
        return soon and self.everything < now.allows(3) + lateness


def timed(lab: Lab, control: LabControl, eni: str, file: Path) -> Took:
    """A capture until its first frame, and its end."""
    control.clear_calls()
    began = time.time()  # by the clock that stamps the frames
    process = capture(lab, eni, file, "--trace")
    wait_until(lambda: file.exists() and frames(file), "a frame is there")
    up = control.calls()
    control.clear_calls()
    stopped = time.monotonic()  # the lab's clock is this machine's
    process.send_signal(signal.SIGINT)
    _, trace = process.communicate(timeout=180)
    assert process.returncode == 0, trace
    down = control.calls()
    session = next(call for call in down if call["action"] == "DeleteTrafficMirrorSession")
    return Took(
        read_frames(file)[0].time - began,
        ended_at(trace, "create session") / 1000,
        session["end"] - stopped,
        max(call["end"] for call in down) - stopped,
        rounds(up),
        trace,
    )


def ended_at(trace: str, step: str) -> int:
    """Milliseconds from the start to the end of a step, as --trace tells them."""
    line = next(line for line in trace.splitlines() if line.startswith(step))
    return int(line.split()[-2])


def frames(file: Path) -> bool:
    """Does the file have a packet block yet?"""
    return b"\x06\x00\x00\x00" in file.read_bytes()[300:]


def rounds(calls: list[dict]) -> int:
    """How many calls that the session waited for came one after the other: the longest chain ending with it."""
    last = next(call for call in calls if call["action"] == "CreateTrafficMirrorSession")
    count = 1
    while True:
        earlier = [call for call in calls if call["end"] <= last["start"] and call["action"] != "GetCallerIdentity"]
        if not earlier:
            return count
        last = max(earlier, key=lambda call: call["end"])
        count += 1


@pytest.mark.long
def test_three_captures_share_a_source_and_the_fourth_is_told_who_has_it(clean_lab: Lab, eni: str, tmp_path: Path):
    """Started at the same moment they race for numbers; each gets another. The fourth learns the sessions' owners."""
    running = [capture(clean_lab, eni, tmp_path / f"{n}.pcapng") for n in range(3)]
    wait_until(lambda: len(clean_lab.mirror_resources()["sessions"]) == 3, "all three are there")
    sessions = clean_lab.client().describe_traffic_mirror_sessions()["TrafficMirrorSessions"]
    assert sorted(one["SessionNumber"] for one in sessions) == [1, 2, 3]
    assert len({one["VirtualNetworkId"] for one in sessions}) == 3
    fourth = clean_lab.run(*VPCSHARK, "capture", eni, "--mode", "mirror", "-w", str(tmp_path / "4.pcapng"))
    assert fourth.returncode == 1
    for session in sessions:
        assert session["TrafficMirrorSessionId"] in fourth.stderr
    assert "(vpcshark)" in fourth.stderr
    assert len(clean_lab.mirror_resources()["filters"]) == 3
    for one in running:
        one.send_signal(signal.SIGINT)
    assert [one.communicate(timeout=180) and one.returncode in WELL for one in running] == [True] * 3


@pytest.mark.long
def test_twenty_captures_at_once(clean_lab: Lab, tmp_path: Path, before: set[int]):
    """Seven sources, three sessions each but one, all through one capture host: none fails, nothing is left."""
    ec2 = clean_lab.client()
    subnet = clean_lab.eni("db-1")["SubnetId"]
    made = [ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"] for _ in range(7)]
    enis = [one["NetworkInterfaceId"] for one in made]
    running = [capture(clean_lab, enis[n % 7], tmp_path / f"{n}.pcapng") for n in range(20)]
    try:
        wait_until(
            lambda: (
                len(clean_lab.mirror_resources()["sessions"]) == 20 or any(one.poll() is not None for one in running)
            ),
            "all twenty are there, or one has ended",
        )
        sessions = ec2.describe_traffic_mirror_sessions()["TrafficMirrorSessions"]
    finally:
        for one in running:
            one.send_signal(signal.SIGINT)
        ends = [(one.communicate(timeout=180)[1], one.returncode) for one in running]
    assert [said for said, status in ends if status not in WELL] == []
    assert len({one["VirtualNetworkId"] for one in sessions}) == 20
    wait_until(clean_lab.is_clean, "the account is clean")
    wait_until(lambda: not set(clean_lab.processes("capture-1")) - before, "the receivers have gone")
    wait_until(lambda: not ledgers(clean_lab) and not janitors(clean_lab), "ledgers and janitors have gone")
    for one in enis:
        ec2.delete_network_interface(NetworkInterfaceId=one)


MANY = """
import ctypes, gc, json, os, resource, sys, threading, time
from vpcshark import logs
from vpcshark.capture.contract.host import parse
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.selection import Selection
from vpcshark.capture.services import Services
from vpcshark.capture.contract.sink import FileSink
from vpcshark.capture.contract.status import Silent
from vpcshark.capture.contract.stop import Stop

class Streaming(Silent):
    def __init__(self, stop): self.stop = stop
    def say(self, text):
        if text.startswith("Capturing"): self.stop.request("enough")

def descriptors():  # what stays: one that is just being closed by a thread of a library is no growth
    fewest = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        time.sleep(0.05)
        fewest = min(fewest, len(os.listdir("/proc/self/fd")))
    return fewest

def figures():
    for other in threading.enumerate():  # the look for expired captures may still be under way
        if other is not threading.current_thread(): other.join(180)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed is no growth, though the heap may keep it
    size = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 10
    children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
    return {"descriptors": descriptors(), "threads": threading.active_count(), "kB": size,
            "children": len(children), "objects": len(gc.get_objects()),
            "blocks": sys.getallocatedblocks(), "in_use": in_use()}

class Heap(ctypes.Structure):  # struct mallinfo2, mallinfo(3)
    _fields_ = [(name, ctypes.c_size_t) for name in
        "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

def in_use():  # kB that C code has and has not freed: what is resident goes up and down by megabytes with the holes
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = Heap
    heap = ask()
    return heap.uordblks + heap.hblkhd >> 10

logs.set_up("warning")
eni, rounds = sys.argv[1], int(sys.argv[2])
seen = []
for number in range(rounds):
    stop = Stop()
    sink = FileSink.open("/dev/null")
    Services().capture(Selection((eni,)), CaptureOptions(host=parse(sys.argv[3])), sink, stop, Streaming(stop))
    sink.close()
    if number + 1 in (max(5, rounds * 2 // 5), rounds * 3 // 5, rounds * 4 // 5, rounds): seen.append(figures())
print(json.dumps(seen))
"""


@pytest.mark.long
@pytest.mark.parametrize("host", ["local", "auto"])
def test_many_captures_one_after_the_other(clean_lab: Lab, eni: str, before: set[int], host: str, record_property):
    """One process runs them all: no descriptor, thread, child or memory more at the end than after the first ones;
    the lab and the capture host have no more either."""
    rounds = CAPTURES // 2
    daemon = json.loads(Path(clean_lab.environment["VPCSHARK_LAB"], "lab.json").read_text())["pid"]
    held = len(os.listdir(f"/proc/{daemon}/fd"))
    # Threads spread their memory over glibc's arenas, which fill for the first few dozen captures: two will do.
    lab = clean_lab.having(MALLOC_ARENA_MAX="2")
    done = lab.run(sys.executable, "-c", MANY, eni, str(rounds), host, timeout=3600)
    assert done.returncode == 0, done.stderr
    early, *between, late = json.loads(done.stdout)
    record_property("early", early)
    record_property("late", late)
    sys.stdout.write(f"{host}: {early} -> {late}\n")
    assert late["descriptors"] <= early["descriptors"]
    assert late["threads"] <= early["threads"]
    assert late["children"] <= early["children"]
    some = 1 if rounds * 2 // 5 >= CACHED else 20
    assert late["objects"] < early["objects"] + some * rounds
    assert late["blocks"] < early["blocks"] + 4 * some * rounds
    # A leak grows all the time. CPython's table of interned strings, whose places are used up one by one, doubles once:
    # 0.9 MB more after some 270 captures.
    stages = pairwise(one["in_use"] for one in (early, *between, late))
    assert min(after - before for before, after in stages) < 33
    assert late["in_use"] < early["in_use"] + 2000
    assert late["kB"] < early["kB"] + (16_000 if some == 1 else 40_000)
    assert clean_lab.is_clean()
    assert ledgers(clean_lab) == []
    wait_until(lambda: not set(clean_lab.processes("capture-1")) - before, "the receivers have gone")
    assert len(os.listdir(f"/proc/{daemon}/fd")) <= held + 4


def shown(lab: Lab) -> dict[str, dict]:
    """What ``vpcshark ps`` says of each capture, this one's owner's before others'."""
    found = json.loads(lab.run(*VPCSHARK, "ps", "--json").stdout)
    return {one["capture"]: one for one in sorted(found, key=lambda one: one["capture"] == "c-bob")}


@pytest.mark.long
def test_ps_shows_mine_and_others(clean_lab: Lab, eni: str, tmp_path: Path):
    """A living capture of mine, an expired one of a colleague's: state, source, resources; --json for scripts."""
    process = capture(clean_lab, eni, tmp_path / "out.pcapng")
    ec2 = clean_lab.client()
    labels = {"vpcshark:capture": "c-bob", "vpcshark:owner": "bob@there", "vpcshark:expires": "2020-01-01T00:00:00Z"}
    listed = [{"Key": key, "Value": value} for key, value in labels.items()]
    made_by = [birthmark.description("c-bob", "capture by bob@there"), "bob's own, with a capture's tags"]
    for words in made_by:
        specification = [{"ResourceType": "traffic-mirror-filter", "Tags": listed}]
        ec2.create_traffic_mirror_filter(Description=words, TagSpecifications=specification)
    wait_until(lambda: streams(clean_lab), "the session is there")
    wait_until(lambda: [len(one["resources"]) for one in shown(clean_lab).values()] == [3, 1], "AWS shows all of it")
    seen = shown(clean_lab)
    bob = seen.pop("c-bob")
    assert (bob["state"], bob["owner"], bob["here"]) == ("expired", "bob@there", False)
    (mine,) = seen.values()
    assert (mine["state"], mine["source"], mine["here"]) == ("live", eni, True)
    assert sorted(one["kind"] for one in mine["resources"]) == ["filter", "session", "target"]
    assert mine["cost_usd"] < 0.01
    kept = clean_lab.run(*VPCSHARK, "cleanup", "--mine")
    assert "c-bob is left alone" in kept.stdout
    would = clean_lab.run(*VPCSHARK, "cleanup", "--expired", "--dry-run")
    assert "would be removed" in would.stdout
    assert clean_lab.mirror_resources()["filters"] != []
    removed = clean_lab.run(*VPCSHARK, "cleanup", "--expired")
    assert removed.returncode == 0
    left = ec2.describe_traffic_mirror_filters()["TrafficMirrorFilters"]
    assert len(left) == 2  # the living capture's, and what only has tags
    for one in left:
        if one["Description"] == made_by[1]:
            assert one["TrafficMirrorFilterId"] in removed.stdout
            ec2.delete_traffic_mirror_filter(TrafficMirrorFilterId=one["TrafficMirrorFilterId"])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=180)
    assert process.returncode in WELL


@pytest.mark.long
def test_expired_credentials_are_said_and_forgiven(clean_lab: Lab, control: LabControl, eni: str, tmp_path: Path):
    """Stopped with credentials that have run out: the list and ps say what is left; renewed, the janitor removes it."""
    process = capture(clean_lab, eni, tmp_path / "out.pcapng")
    wait_until(lambda: streams(clean_lab), "the session is there")
    control.add_fault(".*", code="ExpiredToken", status=403, message="The security token has expired.")
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=180)
    assert process.returncode == 1
    assert "expired" in said
    told = clean_lab.run(*VPCSHARK, "ps")
    assert "expired" in told.stdout
    assert eni in told.stdout
    control.clear_faults()
    wait_until(clean_lab.is_clean, "the account is clean")


@pytest.mark.long
def test_captures_of_two_users_at_once(clean_lab: Lab, eni: str, tmp_path: Path):
    """Same source, same host, other owner and other ledgers: neither's clean-up touches the other's."""
    bob = clean_lab.having(VPCSHARK_OWNER="bob@there", XDG_STATE_HOME=str(tmp_path / "bob"))
    with ThreadPoolExecutor(2) as pool:
        files = (tmp_path / "mine.pcapng", tmp_path / "bobs.pcapng")
        mine, bobs = pool.map(lambda pair: capture(pair[0], eni, pair[1]), zip((clean_lab, bob), files, strict=True))
    wait_until(lambda: len(clean_lab.mirror_resources()["sessions"]) == 2, "both are there")
    mine.send_signal(signal.SIGINT)
    mine.communicate(timeout=180)
    assert mine.returncode in WELL
    assert clean_lab.run(*VPCSHARK, "cleanup", "--all").returncode == 0
    assert len(clean_lab.mirror_resources()["sessions"]) == 1
    bobs.send_signal(signal.SIGINT)
    bobs.communicate(timeout=180)
    assert bobs.returncode in WELL
