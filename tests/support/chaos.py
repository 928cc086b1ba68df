"""Runs captures that meet with accidents, several at a time against one lab, and watches what is left of each.

Each worker has an owner, an access key, a source ENI and decoys of its own. The judge is a describe with a client that
no part of the product has touched.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from hands import VPCSHARK, Lab
from signins import Home, sign_in_by_mfa, sign_out

from vpcshark.cleanup import ledger, tags
from vpcshark.lab.control import LabControl

CAPTIVE = [sys.executable, str(Path(__file__).with_name("captive.py"))]
LIMIT, THROTTLED_LIMIT = 30.0, 60.0  # seconds until nothing is left
LONGEST = 75.0  # seconds of a capture process
KINDS = ("session", "filter", "target")
EXPIRED = "credentials expired"
OWN_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")

# fault -> what the lab does to the call; "pid" stands for the capture's process
FAULTS: dict[str, dict[str, Any]] = {
    "error 4xx": {"code": "UnauthorizedOperation", "status": 403, "times": 1},
    "error 5xx": {"code": "InternalError", "status": 500, "times": 6},
    "throttled 10 s": {"code": "RequestLimitExceeded", "status": 503, "seconds": 10.0},
    "time-out": {"delay": 12.0, "times": 1},
    "silence": {"delay": 12.0, "times": 2},  # more attempts are not made: whether it was done stays open
    "lost reply": {"lost_reply": True, "times": 1},
    "SIGKILL before": {"process": "pid", "code": "InternalError", "times": 1},
    "SIGKILL after": {"process": "pid", "signal_after": True, "times": 1},
    "SIGKILL, done 3 s later": {"process": "pid", "delay": 3.0, "times": 1},
    "SIGTERM": {"process": "pid", "signal": 15, "times": 1},
    EXPIRED: {"code": "ExpiredToken", "status": 403, "spreads": True},
}
OF_CREATES = ("SIGKILL, done 3 s later", "silence")
SLOW = ("time-out", "silence", "throttled 10 s")
ACCIDENTS = {"SIGKILL before": ("before", 9), "SIGKILL after": ("after", 9), "SIGTERM": ("before", 15)}


@dataclass(frozen=True)
class Scenario:
    """``step`` is an API action where ``is_call``, else a step of the timeline. ``more``: faults of a random schedule;
    ``kill_after``: seconds after the start until SIGKILL (0: none)."""

    step: str
    fault: str
    is_call: bool = True
    more: tuple[tuple[tuple[str, Any], ...], ...] = ()
    kill_after: float = 0.0

    @property
    def limit(self) -> float:
        """Seconds within which nothing may be left."""
        return THROTTLED_LIMIT if "throttled" in self.fault or self.more else LIMIT


@dataclass
class Result:
    """``seconds`` from the end of the process until a describe showed nothing; ``problem`` "" if all is well."""

    scenario: Scenario
    seconds: float
    problem: str = ""
    said: str = ""


@dataclass
class Worker:
    """What one scenario at a time works with."""

    number: int
    eni: str
    decoys: set[str]
    folder: Path
    sibling: ledger.Ledger | None = None
    bystanders: list[Bystanders] = field(default_factory=list)
    copied: set[str] = field(default_factory=set)  # captures whose tags its bystanders got

    @property
    def key(self) -> str:
        """The access key id, by which the lab knows its calls."""
        return f"AKIACHAOS{self.number:011d}"

    @property
    def file(self) -> Path:
        """What its captures write."""
        return self.folder / "x.pcapng"

    @property
    def mark(self) -> Path:
        """Made by a capture that met its accident at a step (``captive``)."""
        return self.folder / "x.pcapng.met"

    @property
    def owner(self) -> str:
        """Whose captures these are."""
        return f"chaos-{self.number}@here"


@dataclass(frozen=True)
class Bystanders:
    """Somebody's resources of each kind, which no capture made, whatever tags they get."""

    mirrored: set[str]  # session, filter, target
    instance: str
    group: str
    rule: str

    @property
    def ids(self) -> list[str]:
        """All of them."""
        return [*self.mirrored, self.instance, self.group, self.rule]


@dataclass
class Watcher:
    """Looks at the account all the time, for everybody. Whoever makes something there has its tags copied to bystanders
    of its own: by somebody who may see and tag everything, and make nothing."""

    lab: Lab
    workers: Sequence[Worker] = ()
    seen: dict[str, dict[str, str]] = field(default_factory=dict)  # id -> tags
    looked: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)
    _looked: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Watcher:
        self._ended.clear()
        self._ec2 = self.lab.client()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            began, seen = time.monotonic(), {}
            for kind in KINDS:
                answer = getattr(self._ec2, f"describe_traffic_mirror_{kind}s")()
                for one in answer[f"TrafficMirror{kind.title()}s"]:
                    name = one[f"TrafficMirror{kind.title()}Id"]
                    seen[name] = {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])}
            for worker in self.workers:
                self._copy_tags(worker, seen)
            with self._looked:
                self.seen, self.looked = seen, began
                self._looked.notify_all()
            self._ended.wait(0.15)

    def _copy_tags(self, worker: Worker, seen: dict[str, dict[str, str]]) -> None:
        for name, labels in seen.items():
            is_new = labels.get(tags.CAPTURE) not in worker.copied
            if is_new and labels.get(tags.OWNER) == worker.owner and name not in worker.decoys:
                worker.copied.add(labels[tags.CAPTURE])
                pairs = [{"Key": key, "Value": value} for key, value in labels.items()]
                self._ec2.create_tags(Resources=worker.bystanders[-1].ids, Tags=pairs)

    def fresh(self) -> dict[str, dict[str, str]]:
        """What a describe showed that began after this call."""
        asked = time.monotonic()
        with self._looked:
            assert self._looked.wait_for(lambda: self.looked >= asked, 30), "nobody looks at the account"
            return self.seen


class Chaos:
    """A lab, its workers and its watcher."""

    def __init__(self, lab: Lab, folder: Path, workers: int, *, first: int = 1, mfa: bool = False) -> None:
        """``first``: the first worker's number; of one lab no two are the same. ``mfa``: the workers' captures go by a
        role that wants a code. Somebody gave one, and the sign-in is gone again once the capture has it: whoever cleans
        up cannot ask."""
        self.lab, self.folder, self.mfa = lab, folder, mfa
        self.control = LabControl(lab.environment["AWS_ENDPOINT_URL"])
        self.ec2 = lab.client()
        self._free: SimpleQueue[Worker] = SimpleQueue()
        self.workers = [self._worker(number) for number in range(first, first + workers)]
        self.watcher = Watcher(lab, self.workers)
        for worker in self.workers:
            self._free.put(worker)

    def run(self, scenarios: Iterable[Scenario]) -> list[Result]:
        """Run all, as many at a time as there are workers."""
        with self.watcher, ThreadPoolExecutor(len(self.workers)) as pool:
            return list(pool.map(self._with_worker, scenarios))

    def _with_worker(self, scenario: Scenario) -> Result:
        worker = self._free.get()
        try:
            result = self._run_one(worker, scenario)
            with (self.folder / "progress").open("a") as file:
                file.write(f"{result}\n")
            return result
        finally:
            self.control.clear_faults(worker.key)
            self._free.put(worker)

    def discover(self) -> tuple[list[str], list[str]]:
        """(API actions, steps of the timeline) of one capture's whole life, a lease's renewal included."""
        worker = self.workers[0]
        with self.watcher:
            process, _ = self._start(worker, [*CAPTIVE, worker.eni, str(worker.file)], {})
            self._until(lambda: self._renewals(worker), 30)
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=180)
        assert process.returncode == 0, said
        actions = {call["action"] for call in self.control.calls(worker.key)}
        return sorted(actions), sorted(set(json.loads(out)))

    def _run_one(self, worker: Worker, scenario: Scenario) -> Result:
        worker.mark.unlink(missing_ok=True)
        process, faults = self._start(worker, self._command(worker, scenario), self._faults(worker, scenario))
        killer = threading.Timer(scenario.kill_after, process.kill)
        if scenario.kill_after:
            killer.start()
        said = self._see_it_end(worker, process)
        killer.cancel()
        ended = time.monotonic()
        if scenario.fault == EXPIRED:
            problem = self._check_expired(worker)
            self.control.clear_faults(worker.key)
            ended = time.monotonic()
        else:
            problem = ""
        if faults and scenario.is_call and not scenario.more and not self._was_hit(worker, scenario):
            problem = "the fault hit no call"
        if not scenario.is_call and not worker.mark.exists():
            problem = "the step was not reached"
        seconds = self._until_clean(worker, ended, scenario.limit)
        problem = problem or ("" if seconds is not None else f"left: {self._left(worker)}")
        problem = problem or self.check_decoys(worker)
        if "is a bug in vpcshark" in said:
            problem = problem or "it ended as an internal error"
        self._start_something(worker)
        if not problem and self._open_ledgers(worker):
            problem = "the ledger is still open"
        return Result(scenario, -1.0 if seconds is None else seconds, problem, said)

    def _command(self, worker: Worker, scenario: Scenario) -> Sequence[str]:
        file = str(worker.file)
        if not scenario.is_call:
            when, number = ACCIDENTS[scenario.fault]
            return [*CAPTIVE, worker.eni, file, scenario.step, when, str(number)]
        if scenario.step == "CreateTags":
            return [*CAPTIVE, worker.eni, file]
        return [*VPCSHARK, "capture", worker.eni, "--mode", "mirror", "--host", "local", "-w", file]

    def _faults(self, worker: Worker, scenario: Scenario) -> list[dict[str, Any]]:
        if scenario.more:
            return [dict(one) for one in scenario.more]
        return [{"action": scenario.step, **FAULTS[scenario.fault]}] if scenario.is_call else []

    def _start(self, worker: Worker, command: Sequence[str], faults: Any) -> tuple[subprocess.Popen[str], bool]:
        """The faults want its pid before it makes its first call, so a shell waits for a line, then becomes it."""
        process = subprocess.Popen(
            ["sh", "-c", 'read go && exec "$@"', "sh", *command],
            env=self._environment(worker),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for fault in faults:
            words = {**fault, "caller": worker.key}
            if words.get("process") == "pid":
                words["process"] = process.pid
            self.control.add_fault(words.pop("action"), **words)
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        return process, bool(faults)

    def _environment(self, worker: Worker) -> dict[str, str]:
        environment = {
            **self.lab.environment,
            "AWS_ACCESS_KEY_ID": worker.key,
            "VPCSHARK_OWNER": worker.owner,
            "XDG_STATE_HOME": str(worker.folder / "state"),
            "VPCSHARK_LOG_FILE": str(worker.folder / "log"),
        }
        if not self.mfa:
            return environment
        kept = {name: value for name, value in environment.items() if name not in OWN_KEYS}
        return {**kept, **sign_in_by_mfa(Home(worker.folder), worker.key)}

    def _see_it_end(self, worker: Worker, process: subprocess.Popen[str]) -> str:
        """Stop it once it captures, one that renews its lease after that; what it said."""
        ended, renewals = threading.Event(), self._renewals(worker)
        if self.mfa:
            threading.Thread(target=self._sign_out, args=(worker, ended), daemon=True).start()

        def has_renewed() -> bool:
            hit = any(fault["count"] for fault in self.control.faults(worker.key))
            return hit or self._renewals(worker) > renewals

        def stop() -> None:
            self._until(lambda: ended.is_set() or self._sessions(worker), 40)
            if "captive" in str(process.args):
                self._until(lambda: ended.is_set() or has_renewed(), 40)
            else:
                ended.wait(0.3)
            if not ended.is_set():
                process.send_signal(signal.SIGINT)

        stopper = threading.Thread(target=stop, daemon=True)
        stopper.start()
        try:
            _, said = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            _, said = process.communicate()
            said += f"\nIt had to be killed after {LONGEST:g} s."
        ended.set()
        stopper.join()
        return said

    def _sign_out(self, worker: Worker, ended: threading.Event) -> None:
        calls = len(self.control.calls(worker.key))
        self._until(lambda: ended.is_set() or len(self.control.calls(worker.key)) > calls, 40)
        sign_out(Home(worker.folder))

    def _was_hit(self, worker: Worker, scenario: Scenario) -> bool:
        faults = self.control.faults(worker.key)
        return scenario.fault == EXPIRED or any(fault["count"] for fault in faults)

    def _check_expired(self, worker: Worker) -> str:
        """What is left is said by ``vpcshark ps`` as long as nobody can remove it."""
        if not self._left(worker):
            return ""
        self._until(lambda: "expired" in self._ledger_texts(worker), 10)
        return "" if "expired" in self._ledger_texts(worker) else "no ledger says that the credentials expired"

    def _ledger_texts(self, worker: Worker) -> str:
        texts = []
        for path in self._open_ledgers(worker):
            try:
                texts.append(path.read_text())
            except FileNotFoundError:
                continue
        return " ".join(texts)

    def _until_clean(self, worker: Worker, since: float, limit: float) -> float | None:
        """Seconds until the last look that showed something, as long as a ledger is open: what a dead process had
        asked for may appear late. None if something is left after ``limit``."""
        last = since
        while time.monotonic() - since < THROTTLED_LIMIT + 20:
            if self._left(worker):
                last = self.watcher.looked
                if last - since > limit:
                    return None
            elif not self._open_ledgers(worker) or self._is_for_the_next_start(worker):
                break
        return max(0.0, last - since)

    def _is_for_the_next_start(self, worker: Worker) -> bool:
        """Killed before it had a janitor, a capture has made nothing; its ledger waits for whatever is started next."""
        dead = [path for path in self._open_ledgers(worker) if not ledger.is_live(path)]
        records = [ledger.read(path) for path in dead]
        return bool(records) and not any(one.adopted or one.made or one.unanswered for one in records)

    def _start_something(self, worker: Worker) -> None:
        if self._is_for_the_next_start(worker):
            where = str(worker.folder / "state" / "vpcshark" / "captures")
            subprocess.run([sys.executable, "-m", "vpcshark.cleanup.background", where], check=True, timeout=180)

    def _left(self, worker: Worker) -> list[str]:
        return [name for name, labels in self.watcher.fresh().items() if self._is_mine(worker, name, labels)]

    def _is_mine(self, worker: Worker, name: str, labels: dict[str, str]) -> bool:
        return labels.get(tags.OWNER) == worker.owner and name not in worker.decoys

    def _sessions(self, worker: Worker) -> bool:
        found = self.watcher.seen.items()
        return any(name.startswith("tms-") and self._is_mine(worker, name, labels) for name, labels in found)

    def _renewals(self, worker: Worker) -> int:
        """How many of this worker's captures' renewals were done so far: the first is refused where AWS does not know
        yet what was made, and the capture tries again."""
        calls = self.control.calls(worker.key)
        return sum(call["action"] == "CreateTags" and call["status"] == 200 for call in calls)

    def by_hand(self, worker: Worker, *command: str) -> str:
        """What vpcshark says to this, in the worker's name."""
        done = subprocess.run(
            [*VPCSHARK, *command],
            env=self._environment(worker),
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )
        return done.stdout

    def check_decoys(self, worker: Worker) -> str:
        """What is gone that no capture of the worker made; "" if nothing is."""
        missing = worker.decoys - self.watcher.fresh().keys()
        missing |= {name for one in worker.bystanders for name in self._gone(one)}
        return f"decoys are gone: {sorted(missing)}" if missing else ""

    def _gone(self, one: Bystanders) -> Iterable[str]:
        (found,) = self.ec2.describe_instances(InstanceIds=[one.instance])["Reservations"][0]["Instances"]
        if found["State"]["Name"] != "running":
            yield one.instance
        rules = [{"Name": "group-id", "Values": [one.group]}]
        if not self.ec2.describe_security_groups(Filters=rules)["SecurityGroups"]:
            yield one.group
        shown = self.ec2.describe_security_group_rules(Filters=rules)["SecurityGroupRules"]
        if one.rule not in {rule["SecurityGroupRuleId"] for rule in shown}:
            yield one.rule

    def _open_ledgers(self, worker: Worker) -> list[Path]:
        mine = worker.sibling.path if worker.sibling else None
        return [path for path in ledger.all_paths(worker.folder / "state" / "vpcshark" / "captures") if path != mine]

    @staticmethod
    def _until(condition: Callable[[], Any], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)

    def _worker(self, number: int) -> Worker:
        folder = self.folder / f"worker-{number}"
        folder.mkdir()
        subnet = self.lab.eni("db-1")["SubnetId"]
        enis = [self._new_eni(subnet) for _ in range(2)]
        worker = Worker(number, enis[0], set(), folder)
        alive = time.time() + 3600
        sibling = tags.Lease(f"c-sibling{number}", worker.owner, alive)
        for lease in (None, tags.Lease(f"c-bob{number}", "bob@there", alive), sibling):
            labels = lease.as_tags() if lease else {"Name": "vpcshark"}
            worker.decoys |= self._decoy(enis[1], self._new_eni(subnet), labels, worker)
        past = time.time() - 3600
        for lease in (
            tags.Lease(f"c-forged{number}", worker.owner, past),
            tags.Lease(f"c-bobs{number}", "bob@there", past),
            tags.Lease(f"k-forged{number}", worker.owner, alive),
            sibling,  # until its worker's captures lend them theirs
        ):
            worker.bystanders.append(self._bystanders(subnet, lease.as_tags(), worker))
        held = folder / "state" / "vpcshark" / "captures" / f"{sibling.capture}{ledger.SUFFIX}"
        worker.sibling = ledger.Ledger(held, {"owner": worker.owner, "started": time.time()})
        return worker

    def _bystanders(self, subnet: str, labels: dict[str, str], worker: Worker) -> Bystanders:
        """What looks ours, and is not."""
        mirrored = self._decoy(self._new_eni(subnet), self._new_eni(subnet), labels, worker)
        worker.decoys |= mirrored
        vpc = self.lab.eni("db-1")["VpcId"]
        name = f"web-{worker.number}-{len(worker.bystanders)}"
        group = self.ec2.create_security_group(GroupName=name, Description="Capture host of vpcshark", VpcId=vpc)
        admitted = self.ec2.authorize_security_group_ingress(
            GroupId=group["GroupId"],
            IpPermissions=[
                {"IpProtocol": "udp", "FromPort": 4789, "ToPort": 4789, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
            ],
        )
        made = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet)
        instance = made["Instances"][0]["InstanceId"]
        rule = admitted["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        one = Bystanders(mirrored, instance, group["GroupId"], rule)
        more = {"vpcshark:launched-from": "t4g.small", "Name": "vpcshark capture host"}
        pairs = [{"Key": key, "Value": value} for key, value in {**labels, **more}.items()]
        self.ec2.create_tags(Resources=one.ids, Tags=pairs)
        return one

    def _new_eni(self, subnet: str) -> str:
        made = self.ec2.create_network_interface(SubnetId=subnet)
        return str(made["NetworkInterface"]["NetworkInterfaceId"])

    def _decoy(self, source: str, target_eni: str, labels: dict[str, str], worker: Worker) -> set[str]:
        """A session with filter and target that bear the product's Name and description."""
        described = {"Description": f"vpcshark capture by {worker.owner}"}

        def more(kind: str) -> dict[str, Any]:
            listed = [{"Key": key, "Value": value} for key, value in labels.items()]
            return {**described, "TagSpecifications": [{"ResourceType": f"traffic-mirror-{kind}", "Tags": listed}]}

        made = self.ec2.create_traffic_mirror_filter(**more("filter"))["TrafficMirrorFilter"]["TrafficMirrorFilterId"]
        target = self.ec2.create_traffic_mirror_target(NetworkInterfaceId=target_eni, **more("target"))
        target = target["TrafficMirrorTarget"]["TrafficMirrorTargetId"]
        session = self.ec2.create_traffic_mirror_session(
            NetworkInterfaceId=source,
            TrafficMirrorTargetId=target,
            TrafficMirrorFilterId=made,
            SessionNumber=len(worker.decoys) % 9 + 1,
            **more("session"),
        )["TrafficMirrorSession"]["TrafficMirrorSessionId"]
        return {made, target, session}

    def close(self) -> None:
        """Let go of the siblings."""
        for worker in self.workers:
            if worker.sibling is not None:
                worker.sibling.finish()
            shutil.rmtree(worker.folder, ignore_errors=True)


def matrix(actions: Sequence[str], steps: Sequence[str]) -> list[Scenario]:
    """Every step with every fault that can meet it."""
    calls = [
        Scenario(action, fault)
        for action in actions
        for fault in FAULTS
        if fault not in OF_CREATES or action.startswith("Create")
    ]
    return calls + [Scenario(step, fault, is_call=False) for step in steps for fault in ACCIDENTS]


def diagonal(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Each step and each fault at least once: the n-th step with the n-th of its faults, the slow faults but once."""
    chosen: list[Scenario] = []
    for number, step in enumerate(dict.fromkeys((one.is_call, one.step) for one in scenarios)):
        of_step = [one for one in scenarios if (one.is_call, one.step) == step]
        usual = [one for one in of_step if one.fault not in SLOW] or of_step
        chosen.append(usual[number % len(usual)])
    missing = [fault for fault in FAULTS if fault not in {one.fault for one in chosen}]
    creates = [one for one in scenarios if one.step in ("CreateTrafficMirrorSession", "DeleteTrafficMirrorFilter")]
    chosen += [next(one for one in creates if one.fault == fault) for fault in missing]
    return chosen


def schedule(seed: int, actions: Sequence[str]) -> Scenario:
    """Some random faults on random calls, and now and then a SIGKILL at a random moment: the same for the same seed."""
    pick = random.Random(seed)
    faults = []
    for _ in range(pick.randint(1, 4)):
        kind = pick.choice([name for name in FAULTS if name not in (EXPIRED, "time-out", "throttled 10 s")])
        fault = {**FAULTS[kind], "action": pick.choice([*actions, ".*"]), "skip": pick.choice([0, 0, 1, 2, 5])}
        fault |= {"times": pick.randint(1, 5)} if fault["times"] > 1 else {}
        faults.append(tuple(sorted(fault.items())))
    if pick.random() < 0.3:
        faults.append((("action", ".*"), ("delay", pick.choice([0.1, 0.3, 1.0])), ("times", 30)))
    kill = pick.uniform(0.4, 3.0) if pick.random() < 0.4 else 0.0
    return Scenario(f"seed {seed}", "random", more=tuple(faults), kill_after=kill)


def table(results: Sequence[Result]) -> str:
    """Step x fault -> seconds until clean; "!" marks a failure."""
    faults = list(dict.fromkeys(one.scenario.fault for one in results))
    widths = [max(6, len(fault)) for fault in faults]
    cells = {(one.scenario.step, one.scenario.fault): one for one in results}
    steps = list(dict.fromkeys(one.scenario.step for one in results))
    left = max(map(len, steps))
    lines = [" " * left + "  " + "  ".join(f.rjust(w) for f, w in zip(faults, widths, strict=True))]
    for step in steps:
        row = [cells.get((step, fault)) for fault in faults]
        texts = ["-" if one is None else ("! " if one.problem else "") + f"{one.seconds:.1f}" for one in row]
        lines.append(step.ljust(left) + "  " + "  ".join(t.rjust(w) for t, w in zip(texts, widths, strict=True)))
    return "\n".join(lines) + "\n"


def parallel() -> int:
    """How many at a time: most of a scenario is waiting."""
    return int(os.environ.get("VPCSHARK_CHAOS_WORKERS", "6"))
