"""Mode "mirror": VPC Traffic Mirroring to a capture host. Three rounds of calls, side by side within each:

    describe ∥ filter  ->  target ∥ rules ∥ amazon-dns ∥ connect + receiver  ->  session

The receiver is up before the session exists: an outer frame that finds UDP 4789 closed is answered with an ICMP
port-unreachable to the source. Must not know Wireshark.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from vpcshark import receiver
from vpcshark.aws import existing, hosts, inventory, mirror, tagging
from vpcshark.aws.client import Aws, Ec2
from vpcshark.aws.errors import is_refusal
from vpcshark.aws.existing import Target
from vpcshark.aws.hosts import CaptureHost
from vpcshark.aws.inventory import Eni
from vpcshark.aws.mirror import MirrorSession
from vpcshark.capture import plan, reception
from vpcshark.capture.filtering import check, mirror_rules, programs
from vpcshark.capture.jobs import Jobs
from vpcshark.capture.life import Context
from vpcshark.capture.reception import Reception
from vpcshark.capture.swap import swap_filter
from vpcshark.cleanup import sweep, tags
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.errors import AwsError, InputError
from vpcshark.transport.base import Transport
from vpcshark.wire import pcapng

log = logging.getLogger(__name__)
T = TypeVar("T")

RECEIVER_DEADLINE = 8.0  # seconds for connect, login and Python's start on a slow host
TRIES_FOR_A_NUMBER = 4
BEGIN = b"vpcshark-receiver-begins\n"


@dataclass(frozen=True)
class World:
    """The seams of this mode: how AWS and the capture host are reached."""

    connect: Callable[[], Aws]
    open_transport: Callable[[CaptureHost], Transport]
    is_here: Callable[[str], bool]
    python: str
    on_connected: Callable[[str, str], None]  # told the profile and the region before anything is made
    on_account: Callable[[str], None]  # told which AWS account it is


@dataclass(frozen=True)
class Surroundings:
    """What the first round learns."""

    source: Eni
    enis: Sequence[Eni]
    host: CaptureHost
    sessions: Sequence[MirrorSession]


class MirrorFeed:
    """Brings a mirror session up."""

    def __init__(self, context: Context, world: World) -> None:
        self._context = context
        self._world = world
        self._aws: Aws | None = None
        self._rules: Sequence[mirror.Rule] = mirror.ALL_TRAFFIC
        self._sources: dict[int, str] = {}  # VNI -> the source's MAC

    def up(self, jobs: Jobs) -> Reception:
        """See ``life.Feed``."""
        context = self._context
        say, step = context.status.say, context.timeline.step
        say("Connecting to AWS ...")
        connecting = jobs.start(self._connect)
        self._prepare_filter()
        self._aws = jobs.result(connecting)
        jobs.start(self._identify)
        say("Looking up the interface and creating the mirror filter ...")
        filtering = jobs.start(self._make_filter)
        around = self._look_around(jobs)
        vni = plan.choose_vni(context.options.vni, {session.vni for session in around.sessions})
        self._sources = {vni: around.source.mac}
        with step("write the interface block"):
            self._write_headers(around)
        say(f"Starting the receiver on {around.host.name} and creating the mirror target ...")
        receiving = jobs.start(self._receive, around, vni)
        targeting = jobs.start(self._make_target, around.host)
        filter_id = jobs.result(filtering)
        filling = self._fill_filter(jobs, filter_id)
        try:
            jobs.wait_for(targeting, receiving, *filling)
            say("Creating the mirror session ...")
            jobs.result(jobs.start(self._make_session, around, filter_id, targeting.result(), vni))
        except BaseException:
            _abandon(receiving)
            raise
        return receiving.result()

    def close(self) -> None:
        """See ``life.Feed``."""
        if self._aws is not None:
            self._aws.stop_creating()

    def refilter(self, capture_filter: str, reception: Reception) -> str:
        """See ``live.Refilters``. AWS is told only where its rules differ, and never where the filter is the user's."""
        options = replace(self._context.options, capture_filter=capture_filter)
        whole = options.whole_filter
        check(whole)
        rules, compiled = mirror_rules(whole), programs(whole, self._sources)
        if options.mirror_filter == "auto" and rules != self._rules:
            swap_filter(self._ec2(), self._context.maker, rules, dns=options.dns, describe=self._description)
            self._rules = rules
        reception.command(program=compiled.frames, socket_program=compiled.datagrams)
        return f'The filter is now "{capture_filter}".' if capture_filter.strip() else "Everything is captured now."

    def account(self) -> sweep.Account:
        """See ``life.Feed``."""
        assert self._aws is not None  # nothing is made before
        return MirrorAccount(self._aws)

    def renew(self, made: Mapping[str, str], expires: float) -> None:
        """See ``life.Feed``."""
        assert self._aws is not None
        if made:
            tagging.put_tags(self._aws.ec2, made, {tags.EXPIRES: tags.format_time(expires)})

    def _connect(self) -> Aws:
        with self._context.timeline.step("connect to AWS"):
            aws = self._world.connect()
            aws.ec2  # noqa: B018 - making the client takes as long as a call, so it belongs here
            self._world.on_connected(aws.profile, aws.region)
            return aws

    def _identify(self) -> None:
        """Beside the rest: clean-up wants to know later in which account it must look."""
        assert self._aws is not None
        try:
            self._world.on_account(tagging.account_id(self._aws.sts))
        except AwsError as error:
            log.warning("The account is not known: %s", error)

    def _prepare_filter(self) -> None:
        """Beside the connect: what AWS is told of the filter, and whether it is one."""
        with self._context.timeline.step("compile the filter"):
            check(self._context.options.capture_filter)
            self._rules = mirror_rules(self._context.options.capture_filter)

    def _look_around(self, jobs: Jobs) -> Surroundings:
        """One round: everything that is asked is asked at the same time."""
        options, ec2 = self._context.options, self._ec2()
        named = options.host not in ("auto", "local")
        listing = jobs.start(self._timed, "describe interfaces", inventory.list_enis, ec2)
        sessions = jobs.start(self._timed, "describe sessions", mirror.sessions_of, ec2, self._context.source)
        hosting: Future[CaptureHost | Target | list[CaptureHost]]
        if options.host.startswith("tmt-"):
            hosting = jobs.start(self._timed, "describe the target", existing.find_target, ec2, options.host)
        elif named:
            hosting = jobs.start(self._timed, "describe the host", hosts.find_host, ec2, options.host)
        else:
            hosting = jobs.start(self._timed, "describe hosts", hosts.list_hosts, ec2)
        enis = jobs.result(listing)
        source = next((eni for eni in enis if eni.id == self._context.source), None)
        if source is None:
            source = self._unlisted()
        found = jobs.result(hosting)
        if isinstance(found, list):
            found = plan.choose_host(options.host, source, found, enis, self._world.is_here)
        if isinstance(found, Target):
            found = plan.host_at(found, enis)
        plan.check_host(source, found)
        taken = jobs.result(sessions)
        mirror.claim_number(taken, options.session_number)  # what cannot be had is told before more is made
        return Surroundings(source, enis, found, taken)

    def _unlisted(self) -> Eni:
        """Why an ENI is not in the list: it does not exist (raises), or is of a kind that cannot be mirrored."""
        eni = inventory.find_eni(self._ec2(), self._context.source)
        if eni.interface_type == "interface":
            return eni  # made a moment ago
        raise InputError(
            f"{eni.id} is of the type {eni.interface_type}, and AWS mirrors only interfaces of instances.",
            "Choose an ENI of an instance; vpcshark interfaces lists them.",
        )

    def _write_headers(self, around: Surroundings) -> None:
        options, sink = self._context.options, self._context.sink
        sink.write(
            pcapng.interface_description(
                around.source.id, description=plan.describe(around.source), capture_filter=options.capture_filter
            )
        )
        records = list(plan.names(around.source, around.enis)) if options.names else []
        if records:
            sink.write(pcapng.name_resolution(records))

    def _receive(self, around: Surroundings, vni: int) -> Reception:
        """Connect to the capture host and start the receiver there."""
        host, clock = around.host, self._context.clock
        start = clock.monotonic()
        with self._context.timeline.step(f"connect to {host.name}"):
            transport = self._world.open_transport(host)
        with self._context.timeline.step("start the receiver"):
            channel = transport.open(receiver_command(transport, self._world.python))
            receiving = Reception(channel, transport, b"" if transport.name == "local" else BEGIN)
            compiled = programs(self._context.options.capture_filter, {vni: around.source.mac})
            config = reception.config(
                [{"vni": vni, "id": 0, "mac": around.source.mac}],
                host.address,
                compiled.frames,
                compiled.datagrams,
            )
            try:
                ready = receiving.begin(config, RECEIVER_DEADLINE - (clock.monotonic() - start))
            except BaseException:
                receiving.finish(0.0)
                raise
        log.info("The receiver on %s is ready: %s.", host.name, ready.get("mode"))
        return receiving

    def _make_filter(self) -> str:
        """A filter of our own, unless the user names one that is there already, which is used and left alone."""
        if self._context.options.mirror_filter != "auto":
            return self._context.options.mirror_filter
        ec2 = self._ec2()
        return self._context.maker.make(
            "filter", lambda labels, token: mirror.create_filter(ec2, labels, token, description=self._description())
        )

    def _fill_filter(self, jobs: Jobs, filter_id: str) -> list[Future[None]]:
        """Rules and network services in one round."""
        ec2 = self._ec2()
        if self._context.options.mirror_filter != "auto":
            return []
        filling = [jobs.start(self._timed, "create rules", mirror.create_rules, ec2, filter_id, self._rules)]
        if self._context.options.dns:
            filling.append(jobs.start(self._timed, "allow DNS", mirror.allow_dns, ec2, filter_id))
        return filling

    def _make_target(self, host: CaptureHost) -> str:
        if self._context.options.host.startswith("tmt-"):
            return self._context.options.host
        ec2 = self._ec2()
        return self._context.maker.make(
            "target",
            lambda labels, token: mirror.create_target(ec2, host.eni, labels, token, description=self._description()),
        )

    def _make_session(self, around: Surroundings, filter_id: str, target: str, vni: int) -> str:
        """With the number that the user gave, or the lowest free one: another capture may take it before us."""
        sessions = around.sessions
        wanted = self._context.options.session_number
        for _ in range(TRIES_FOR_A_NUMBER):
            number = mirror.claim_number(sessions, wanted)
            try:
                return self._create_session(around.source, filter_id, target, vni, number)
            except AwsError as error:
                if not is_refusal(error):
                    raise  # it may have been made: another one would be a second
                sessions = mirror.sessions_of(self._ec2(), around.source.id)
                mirror.claim_number(sessions, wanted)  # says who has it, or all
                if number not in {session.number for session in sessions}:
                    raise
                log.info("Session number %d was taken meanwhile; trying the next.", number)
        raise AwsError(f"Other captures of {around.source.id} took every session number first.", "Start it again.")

    def _create_session(self, source: Eni, filter_id: str, target: str, vni: int, number: int) -> str:
        ec2, options = self._ec2(), self._context.options

        def create(labels: Mapping[str, str], token: str) -> str:
            return mirror.create_session(
                ec2,
                source=source.id,
                target=target,
                filter_id=filter_id,
                number=number,
                vni=vni,
                packet_length=options.packet_length,
                description=self._description(),
                tags=labels,
                token=token,
            ).id

        return self._context.maker.make("session", create)

    def _description(self) -> str:
        return self._context.options.description or f"vpcshark capture by {self._context.maker.lease.owner}"

    def _ec2(self) -> Ec2:
        assert self._aws is not None
        return self._aws.ec2

    def _timed(self, name: str, call: Callable[..., T], *arguments: object) -> T:
        with self._context.timeline.step(name):
            return call(*arguments)


def _abandon(receiving: Future[Reception]) -> None:
    """End a receiver that is up, or as soon as it is."""

    def end(done: Future[Reception]) -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().finish(0.0)

    receiving.add_done_callback(end)


def receiver_command(transport: Transport, python: str) -> list[str]:
    """The receiver's argv: on another machine with root's rights where sudo gives them without a question, because
    only root has the ring; without, it takes the frames from a UDP socket. Never sudo on the user's own machine.

    ``BEGIN`` on stdout and a new line on stderr come between what a login shell's start-up files print and ours."""
    if transport.name == "local":
        return receiver.command(python)
    begin = f"echo {BEGIN.decode().strip()}; echo >&2"
    choose = 'if [ "$(id -u)" != 0 ] && sudo -n true 2>/dev/null; then exec sudo -n "$@"; else exec "$@"; fi'
    return ["sh", "-c", f"{begin}; {choose}", "sh", *receiver.command("python3", owns_connection=True)]
