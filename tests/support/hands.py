"""Hands to drive real tools in the lab, and to judge what they did. No judge here is a part of the product."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import boto3
import conformity
import iam
import pytest
from botocore.config import Config
from scapy.utils import RawPcapNgReader, RawPcapReader

from vpcshark.lab.api.lag import SEES_LATE
from vpcshark.lab.api.switches import PROFILES
from vpcshark.lab.control import LabControl

VPCSHARK = [sys.executable, "-m", "vpcshark"]
NEEDED = ("tshark", "dumpcap", "tcpdump", "ip", "sshd")


@cache  # for EC2 it takes a third of a second of processor time to make one, and it is asked for many times a test
def _client(service: str, endpoint: str, region: str, key: str, secret: str, agent: str = "") -> Any:
    make: Any = boto3.client  # its types know each service by a name of its own
    return make(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(user_agent_extra=agent) if agent else None,
    )


@dataclass
class Lab:
    """A running lab: ``environment`` is what its commands get, ``administrator`` the keys of whoever may do all, if
    those in the environment may not, ``started`` what runs in it."""

    environment: dict[str, str]
    administrator: Mapping[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def having(self, **environment: str) -> Lab:
        """The same lab for commands with these variables too."""
        return replace(self, environment={**self.environment, **environment})

    @property
    def name(self) -> str:
        """The lab's name, with which its namespaces begin."""
        return Path(self.environment["VPCSHARK_LAB"]).name

    @property
    def lateness(self) -> float:
        """Seconds at most for which the product does not see what it just made, with its tags, and then goes on seeing
        what it deleted: who deletes something young has both before him, on any machine."""
        late = PROFILES[self.environment.get("VPCSHARK_LAB_PROFILE", "at-once")]
        return float(sum(late.get(name, 0) for name in ("late_show", "late_tags", "late_gone")))

    def client(self, service: str = "ec2", agent: str = "") -> Any:
        """A client of our own, that no part of the product has touched and no policy binds; the lab shows it what is
        there at once, unless it is an ``agent`` that sees late."""
        env = {**self.environment, **self.administrator}
        place = (env["AWS_ENDPOINT_URL"], env["AWS_REGION"], env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
        return _client(service, *place, agent)

    def run(self, *command: str, timeout: float = 300, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in the lab's environment to its end."""
        return subprocess.run(
            command, env=self.environment, text=True, capture_output=True, timeout=timeout, check=False, **more
        )

    def listed(self, interface: str = "eni-", *, is_named: bool = False) -> Lab:
        """Itself, once its ENIs, or ``interface``, are in Wireshark's list, each by its instance's name if
        ``is_named``: on a busy machine the first list may be empty, since nobody waits for it for more than two
        seconds, one that is a second old is not made anew though the settings are others, and tshark knows no options
        of what is not listed. AWS may show an instance before its tags."""
        refresh = (sys.executable, "-m", "vpcshark.extcap", "--vpcshark-refresh=wait")

        def shows() -> bool:
            said = self.run(*refresh).stdout
            return f"{{value={interface}" in said and not (is_named and "{display=i-" in said)

        wait_until(shows, f"{interface} is listed")
        return self

    def forget(self) -> None:
        """Remove what the product keeps on disk: answers, logs, ledgers, trusted host keys. No capture runs."""
        for place in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            shutil.rmtree(Path(self.environment[place], "vpcshark"), ignore_errors=True)

    def start(self, *command: str, **more: Any) -> subprocess.Popen[str]:
        """Start a command in the lab's environment, in a process group of its own."""
        running = subprocess.Popen(
            command,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **more,
        )
        self.started.append(running)
        return running

    def end_started(self) -> None:
        """End what still runs, so that a test which failed in the middle is in no other's way."""
        while self.started:
            running = self.started.pop()
            if running.poll() is None:
                running.terminate()
                running.communicate(timeout=180)
            for pipe in (running.stdin, running.stdout, running.stderr):
                if pipe is not None:
                    pipe.close()

    def eni(self, instance: str, index: int = 0) -> dict[str, Any]:
        """The ENI of an instance by its Name tag, as the API describes it."""
        ec2 = self.client()
        for reservation in ec2.describe_instances()["Reservations"]:
            for found in reservation["Instances"]:
                names = [tag["Value"] for tag in found.get("Tags", []) if tag["Key"] == "Name"]
                if names == [instance] and found["State"]["Name"] == "running":
                    return next(e for e in found["NetworkInterfaces"] if e["Attachment"]["DeviceIndex"] == index)
        raise AssertionError(f"no instance {instance}")

    def namespace(self, instance: str) -> list[str]:
        """The command prefix that enters an instance."""
        return ["ip", "netns", "exec", f"{self.name}-{instance}"]

    def mirror_resources(self) -> dict[str, list[str]]:
        """Everything of Traffic Mirroring that a fresh describe shows."""
        ec2 = self.client()
        found = {}
        for kind in ("Session", "Filter", "Target"):
            answer = getattr(ec2, f"describe_traffic_mirror_{kind.lower()}s")()
            found[f"{kind.lower()}s"] = [one[f"TrafficMirror{kind}Id"] for one in answer[f"TrafficMirror{kind}s"]]
        return found

    def until_shown(self, *ids: str) -> None:
        """Wait until AWS shows the product what a test has made of Traffic Mirroring, with its tags: that may come
        later than the answer to the create."""
        late, fresh = self.client(agent=SEES_LATE), self.client()
        wait_until(lambda: _described(late, ids) == _described(fresh, ids), f"{', '.join(ids)} are shown")

    def is_clean(self) -> bool:
        """Is nothing of Traffic Mirroring left?"""
        return not any(self.mirror_resources().values())

    def clear(self) -> None:
        """Delete all of Traffic Mirroring that is left, ours or not."""
        for kind, ids in self.mirror_resources().items():
            name = kind.removesuffix("s")
            for one in ids:
                delete = getattr(self.client(), f"delete_traffic_mirror_{name}")
                delete(**{f"TrafficMirror{name.title()}Id": one})

    def logged(self, lines: int) -> str:
        """The last lines of the product's log file."""
        file = Path(self.environment["XDG_CACHE_HOME"], "vpcshark", "log", "vpcshark.log")
        text = file.read_text("utf-8", "replace") if file.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def troubles(self) -> str:
        """What the lab's own logs tell of calls that its API could not answer (in werkzeug's and Flask's words), and of
        a mirror that died. That a peer is gone is no trouble, and stands in other logs."""
        folder = Path(self.environment["VPCSHARK_LAB"])
        signs: dict[Path, tuple[str, ...]] = {folder / "daemon.log": ("Error on request:", "Exception on /")}
        signs |= dict.fromkeys(folder.glob("vpc/*.mirror.log"), ("Traceback",))
        logs = {log: log.read_text("utf-8", "replace") for log in signs}
        return "\n".join(f"{log}:\n{text}" for log, text in logs.items() if any(sign in text for sign in signs[log]))

    def processes(self, instance: str) -> dict[int, str]:
        """What runs in an instance: pid -> command line."""
        listed = subprocess.run(
            ["ip", "netns", "pids", f"{self.name}-{instance}"], text=True, capture_output=True, check=True
        )
        return {int(pid): command_line(int(pid)) for pid in listed.stdout.split()}


@contextmanager
def running_lab(features: Sequence[str] = (), topology: str = "", **environment: str) -> Iterator[Lab]:
    """A root lab, for somebody who has the shipped policies of these ``features`` and nothing else, enforced; without
    any, or with VPCSHARK_TEST_IAM=off, for somebody who may do all. Where it cannot run, tests fail in CI and are
    skipped elsewhere. A lab that was itself at fault fails them too: what they saw was not what AWS does; and so do
    exchanges that botocore's models do not have (``conformity``). ``topology``: a shipped one's name, or a file. With
    VPCSHARK_LAB_PROFILE=aws-like the product sees what it made as late as with AWS; who judges sees it as it is."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = [tool for tool in NEEDED if not any(os.access(f"{place}/{tool}", os.X_OK) for place in path.split(":"))]
    if os.geteuid() != 0 or missing:
        reason = f"end-to-end tests need root and {', '.join(NEEDED)}; missing: {', '.join(missing) or 'root'}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    outer = {**os.environ, "PATH": path, **environment}
    record = Path(tempfile.mkdtemp(prefix="vpcshark-record-"), "exchanges.jsonl")
    outer["VPCSHARK_LAB_RECORD"] = str(record)
    network = ["--topology", topology] if topology else []
    started = subprocess.run(
        [*VPCSHARK, "lab", "start", *network], env=outer, text=True, capture_output=True, timeout=180, check=False
    )
    assert started.returncode == 0, started.stderr
    lab = Lab({**outer, **parse_exports(started.stdout)})
    try:
        if not features or os.environ.get("VPCSHARK_TEST_IAM") == "off":
            yield lab.listed()
            return
        with bound(lab) as bind:
            yield bind(*features).listed()
    finally:
        troubles = lab.troubles()
        stopped = subprocess.run(
            [*VPCSHARK, "lab", "stop"], env=lab.environment, text=True, capture_output=True, timeout=180, check=False
        )
        unfit = sorted({one for exchange in conformity.exchanges(record) for one in conformity.problems(exchange)})
        shutil.rmtree(record.parent)
        assert stopped.returncode == 0, stopped.stderr
        assert not troubles, troubles
        assert not unfit, "\n".join(unfit)


@contextmanager
def bound(lab: Lab) -> Iterator[Callable[..., Lab]]:
    """A function from features to the lab for a new user who has their shipped policies, ``less`` one action, and
    nothing else; enforced until the end of the block, or on if it was."""
    keys = {name: lab.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    administrator = lab.administrator or keys
    control = LabControl(lab.environment["AWS_ENDPOINT_URL"])

    def bind(*features: str, less: str = "") -> Lab:
        document = iam.less(less, iam.bare(map(iam.shipped, features)))
        mine = iam.new_user(lab.client("iam"), document)
        control.enforce_iam(is_on=True)
        return Lab({**lab.environment, **mine}, administrator, lab.started)

    try:
        yield bind
    finally:
        control.enforce_iam(is_on=bool(lab.administrator))


def command_line(pid: int) -> str:
    """The command line of a process, "" if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def parse_exports(text: str) -> dict[str, str]:
    """``export NAME='value'`` lines as a mapping."""
    words = [shlex.split(line) for line in text.splitlines()]
    pairs = [word[1].split("=", 1) for word in words if word[:1] == ["export"]]
    return dict(pairs)


def _described(ec2: Any, ids: Sequence[str]) -> dict[str, Any]:
    """Sessions, filters and targets by id, of these."""
    kinds = ("Session", "Filter", "Target")
    found = [(kind, getattr(ec2, f"describe_traffic_mirror_{kind.lower()}s")()) for kind in kinds]
    all_of = {one[f"TrafficMirror{kind}Id"]: one for kind, answer in found for one in answer[f"TrafficMirror{kind}s"]}
    return {name: one for name, one in all_of.items() if name in ids}


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 180.0) -> float:
    """Poll until ``condition`` holds; returns how long it took. Fails after ``seconds``. The longer a look takes, the
    seldomer it is taken: what is waited for needs the processors too."""
    start = asked = time.monotonic()
    while not condition():
        now = time.monotonic()
        if now - start > seconds:
            pytest.fail(f"After {seconds:g} seconds it did not come to pass that {what}.")
        time.sleep(min(1.0, max(0.02, 4 * (now - asked))))
        asked = time.monotonic()
    return time.monotonic() - start


@dataclass(frozen=True)
class Frame:
    """One frame as a file has it: time in seconds, bytes, true length."""

    time: float
    data: bytes
    length: int


def read_frames(file: Path) -> list[Frame]:
    """The frames of a pcap or pcapng file, as scapy reads it."""
    magic = file.read_bytes()[:4]
    frames = []
    if magic == b"\x0a\x0d\x0d\x0a":
        with RawPcapNgReader(str(file)) as reader:
            for data, meta in cast(Iterable[tuple[bytes, Any]], reader):
                stamp = ((meta.tshigh << 32) + meta.tslow) / meta.tsresol
                frames.append(Frame(stamp, bytes(data), meta.wirelen))
    else:
        with RawPcapReader(str(file)) as reader:
            scale = 1e9 if reader.nano else 1e6
            for data, meta in cast(Iterable[tuple[bytes, Any]], reader):
                frames.append(Frame(meta.sec + meta.usec / scale, bytes(data), meta.wirelen))
    return frames


class Recording:
    """tcpdump inside an instance, from before to after a capture: the judge of what was on the wire."""

    def __init__(self, lab: Lab, instance: str, file: Path, expression: str = "", interface: str = "eth0") -> None:
        self.file = file
        # Immediate mode: without it, what is in the ring when tcpdump is stopped is not in the file.
        tcpdump = ["tcpdump", "-i", interface, "-U", "--immediate-mode", "-s", "0", "-B", "65536", "-w", str(file)]
        command = [*lab.namespace(instance), *tcpdump]
        self._process = subprocess.Popen(
            [*command, "--", expression] if expression else command, stderr=subprocess.PIPE, text=True
        )
        assert "listening" in self._first_line()

    def _first_line(self) -> str:
        lines = []
        assert self._process.stderr is not None
        for line in self._process.stderr:
            lines.append(line)
            if "listening" in line:
                return line
        raise AssertionError(f"tcpdump did not start: {''.join(lines)}")

    def stop(self) -> list[Frame]:
        """End it; what it saw."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=180)
        dropped = [line for line in said.splitlines() if "dropped by kernel" in line]
        assert dropped == ["0 packets dropped by kernel"], said
        return read_frames(self.file)


@contextmanager
def recording(lab: Lab, instance: str, file: Path, expression: str = "") -> Iterator[Recording]:
    """A ``Recording`` that ends with the block, also when the test fails."""
    running = Recording(lab, instance, file, expression)
    try:
        yield running
    finally:
        if running._process.poll() is None:
            running._process.kill()
            running._process.wait()
        assert running._process.stderr is not None
        running._process.stderr.close()


def is_mirrored(frame: bytes) -> bool:
    """Would AWS mirror it? Not ARP, DHCP, link-local 169.254.0.0/16 (AWS_FACTS); IPv6 neighbour discovery is left out
    of comparisons, since AWS's documents do not speak of it."""
    kind = frame[12:14]
    if kind == b"\x08\x00":
        return b"\xa9\xfe" not in (frame[26:28], frame[30:32])
    if kind == b"\x86\xdd":
        discovery = frame[20] == 58 and 133 <= frame[54] <= 137
        return not discovery
    return False


def compare(seen: Sequence[Frame], got: Sequence[Frame], margin: float = 0.3) -> tuple[int, int, int]:
    """(compared, missing, extra) between tcpdump's frames and the capture's, by their whole bytes, within the time in
    which both ran for certain."""
    begin = max(seen[0].time, got[0].time) + margin
    end = min(seen[-1].time, got[-1].time) - margin
    within = Counter(f.data for f in seen if begin <= f.time <= end and is_mirrored(f.data))
    had = Counter(f.data for f in got if is_mirrored(f.data))
    inner = Counter(f.data for f in got if begin <= f.time <= end and is_mirrored(f.data))
    all_seen = Counter(f.data for f in seen)
    return sum(within.values()), sum((within - had).values()), sum((inner - all_seen).values())


def tshark_json(lab: Lab, file: Path, *arguments: str) -> list[dict[str, Any]]:
    """What tshark's dissectors say of a file."""
    done = lab.run("tshark", "-r", str(file), "-T", "json", *arguments)
    return json.loads(done.stdout or "[]")


def preference(eni: str, name: str, value: str) -> list[str]:
    """tshark's way to give an extcap option."""
    return ["-o", f"extcap.{eni.replace('-', '_')}.{name}:{value}"]


def installed(lab: Lab) -> str:
    """The launcher that the lab put where Wireshark looks."""
    [found] = Path(lab.environment["VPCSHARK_LAB"]).glob("config/wireshark/extcap/vpcshark")
    return str(found)
