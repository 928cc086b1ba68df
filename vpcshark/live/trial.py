"""One trial from its stack to the proof that nothing is left. Must not know what a screen or a command line is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import vpcshark
from vpcshark.aws import prices
from vpcshark.aws.errors import mapped
from vpcshark.clock import Clock
from vpcshark.errors import InputError, VpcsharkError
from vpcshark.live import probes, stack, steps, sweep
from vpcshark.live.ground import Account, Ground, until
from vpcshark.live.record import Record, Taken, scrubbed
from vpcshark.live.steps import Ended

TYPE, INSTANCES, ADDRESSES = "t4g.micro", 4, 4  # as in the template
_LAUNCHED = "t4g.small"  # the host that a capture launches
_BOOT, _RECORDS = 900.0, 1200.0  # seconds
_ONLINE = ("SourceId", "PeerId", "HostId", "FleetHostId")


@dataclass(frozen=True)
class Wanted:
    """``cidr``: the block of the VPC; ``ssh_from``: who may log in; ``minutes`` until the stack deletes itself;
    ``budget``: USD a day from which on ``mail`` gets a message ("" for nobody); ``template``: CloudFormation's;
    ``only``: the names of the steps to take, () for all."""

    cidr: str
    ssh_from: str
    minutes: int
    budget: float
    mail: str
    template: str
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seams:
    """``run`` runs one ``vpcshark`` command to its end, ``fresh`` connects anew, ``folder`` is for keys and files."""

    run: Callable[[Sequence[str]], Ended]
    fresh: Callable[[], Account]
    say: Callable[[str], None]
    folder: Path
    clock: Clock


def price(minutes: int) -> float:
    """USD at most: all that stands, until the deadline; data comes on top, some cents."""
    seconds = minutes * 60
    hourly = INSTANCES * prices.instance(TYPE, 3600) + prices.instance(_LAUNCHED, 3600)
    hourly += prices.BALANCER_HOUR_USD + ADDRESSES * prices.ADDRESS_HOUR_USD + prices.mirroring(3, 3600)
    return hourly * seconds / 3600


def blocks(cidr: str) -> tuple[str, str]:
    """The blocks of the two subnets. InputError where the VPC's has no room for them, or is none."""
    try:
        nets = list(zip(range(2), IPv4Network(cidr).subnets(new_prefix=24), strict=False))
    except ValueError:
        nets = []
    if len(nets) < 2:
        raise InputError(f'"{cidr}" is no IPv4 block with room for two subnets.', "Give one as 10.86.0.0/16.")
    return str(nets[0][1]), str(nets[1][1])


class Trial:
    """``name`` is the stack's, and the value of the tag of everything that it makes."""

    def __init__(self, account: Account, name: str, wanted: Wanted, seams: Seams) -> None:
        self._account, self._name, self._wanted, self._seams = account, name, wanted, seams
        self._vpc = ""
        now = time.strftime("%Y-%m-%d", time.gmtime(seams.clock.now()))
        self.record = Record(vpcshark.__version__, now, account.region)

    def run(self) -> Record:
        """All of it. What is there at the end stands in the record; VpcsharkError where that cannot be said."""
        try:
            self._run()
        except VpcsharkError as error:
            self.record.steps.append(Taken("trial", 0.0, scrubbed(str(error))))
        finally:
            self._end()
        return self.record

    def _run(self) -> None:
        self._seams.say(f"Making the stack {self._name} ...")
        began = self._seams.clock.monotonic()
        made = stack.make(self._account, self._name, self._wanted.template, self._parameters(), self._seams.clock)
        self._vpc = made["VpcId"]
        self.record.steps.append(Taken("stack", round(self._seams.clock.monotonic() - began, 1)))
        ground = Ground(self._account, self._name, made, self._seams.clock)
        self._seams.say("Waiting until its instances have booted ...")
        self._await_boot(ground)
        for step in steps.steps(ground, self._seams.folder, self._seams.folder / "key"):
            if self._wanted.only and step.name not in self._wanted.only:
                continue
            if step.name == "records":
                self._await_records(ground)
            self._take(step)
        self._seams.say("Comparing AWS's answers with docs/truth.md ...")
        self.record.rows.extend(probes.compared(ground))

    def _parameters(self) -> dict[str, str]:
        wanted = self._wanted
        first, second = blocks(wanted.cidr)
        end = time.gmtime(self._seams.clock.now() + wanted.minutes * 60)
        return {
            "VpcCidr": wanted.cidr,
            "FirstCidr": first,
            "SecondCidr": second,
            "SshCidr": wanted.ssh_from,
            "Deadline": time.strftime("%Y-%m-%dT%H:%M:%S", end),
            "PublicKey": _new_key(self._seams.folder / "key"),
            "Budget": f"{wanted.budget:g}",
            "Mail": wanted.mail,
        }

    def _take(self, step: steps.Step) -> None:
        began = self._seams.clock.monotonic()
        problem = step.judge(self._seams.run(step.words))
        seconds = round(self._seams.clock.monotonic() - began, 1)
        self.record.steps.append(Taken(step.name, seconds, scrubbed(problem)))
        self._seams.say(f"  {step.name}: {problem or 'well'} ({seconds:g} s)")

    def _await_boot(self, ground: Ground) -> None:
        wanted = {ground.made[each] for each in _ONLINE}

        def are_online() -> bool:
            with mapped("list the instances of Systems Manager", service="ssm"):
                found = ground.account.client("ssm").describe_instance_information(
                    Filters=[{"Key": "InstanceIds", "Values": sorted(wanted)}]
                )["InstanceInformationList"]
            return wanted <= {one["InstanceId"] for one in found}

        def are_healthy() -> bool:
            with mapped("describe the load balancer's targets", service="elasticloadbalancing"):
                found = ground.account.client("elbv2").describe_target_health(
                    TargetGroupArn=ground.made["TargetGroupArn"]
                )["TargetHealthDescriptions"]
            return bool(found) and all(one["TargetHealth"]["State"] == "healthy" for one in found)

        until(are_online, "all instances were online in Systems Manager", _BOOT, ground.clock)
        until(are_healthy, "the load balancer's targets were healthy", _BOOT, ground.clock)

    def _await_records(self, ground: Ground) -> None:
        def are_there() -> bool:
            with mapped("list the flow log's streams", service="logs"):
                logs = ground.account.client("logs")
                found = logs.describe_log_streams(logGroupName=ground.made["RecordsName"])["logStreams"]
            return any(ground.eni("SourceId") in one["logStreamName"] for one in found)

        until(are_there, "the first flow log records were there", _RECORDS, ground.clock)

    def _end(self) -> None:
        self._seams.say(f"Deleting the stack {self._name} ...")
        self._seams.run(["cleanup", "--kept"])
        sweep.mirroring(self._account, self._name)
        began = self._seams.clock.monotonic()
        problem = ""
        try:
            stack.delete(self._account, self._name, self._seams.clock)
        except VpcsharkError as error:
            problem = scrubbed(str(error))
        self.record.steps.append(Taken("deletion", round(self._seams.clock.monotonic() - began, 1), problem))
        self.record.left = sweep.proved(self._seams.fresh(), self._name, self._vpc, self._seams.clock)


def _new_key(place: Path) -> str:
    """Write a private key that nobody else can read, and an empty file of known hosts beside it; the public key as
    OpenSSH has it."""
    place.with_name("known_hosts").touch(mode=0o600)
    key = Ed25519PrivateKey.generate()
    place.touch(mode=0o600)
    place.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")
