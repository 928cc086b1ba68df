"""Mode "mirror": VPC Traffic Mirroring to a capture host. Three rounds of calls, side by side within each:

    describe ∥ survey the network  ->  filter ∥ target ∥ connect + receiver  ->  rules ∥ amazon-dns ∥ sessions

A capture host of the capture's own is launched between the first and the second, beside the filter (``launched_host``).
Nothing is made before all is looked at. A session whose filter has no rules yet mirrors nothing; there is one for each
source. A receiver is up on every capture host before a session exists: an outer frame that finds UDP 4789 closed is
answered with an ICMP port-unreachable to the source. Must not know Wireshark.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from vpcshark.aws import tagging
from vpcshark.aws.client import Aws, Ec2
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.errors import is_gone
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.mirroring import resources, security_group_rules
from vpcshark.capture.connection import local_machine
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.contract.host import Several, target_id
from vpcshark.capture.instance.key_log import Following
from vpcshark.capture.inventory import offered_hosts
from vpcshark.capture.lifecycle import costs, file_headers, lease_renewal
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.frame_stream import Receiving
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.lifecycle.silence import Arrived
from vpcshark.capture.mirror import fleet_lookup, fleet_watch, silence_text
from vpcshark.capture.mirror.active_filter import InForce
from vpcshark.capture.mirror.admission import Gate
from vpcshark.capture.mirror.discovery import Look
from vpcshark.capture.mirror.filter_swap import swap_filter
from vpcshark.capture.mirror.launched_host import Launcher
from vpcshark.capture.mirror.receiver_start import Receivers
from vpcshark.capture.mirror.sessions import Sessions
from vpcshark.capture.mirror.shared_target import SharedTarget
from vpcshark.capture.mirror.silence_check import SecondLook
from vpcshark.capture.mirror.surroundings import Door, Surroundings
from vpcshark.cleanup import birthmark, sweep
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.errors import AwsError, InputError
from vpcshark.preflight import Finding
from vpcshark.settings import Hosts
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The seams of this mode: how AWS and the capture host are reached. ``connect`` gives the same connection each
    time."""

    connect: Callable[[], Aws]
    open_transport: Callable[[CaptureHost], Transport]
    open_instance: Callable[[CaptureHost, Sequence[str]], Transport]  # the source's own; its further addresses
    is_here: IsHere
    python: str
    on_connected: Callable[[str, str], None]  # told the profile and the region before anything is made
    on_account: Callable[[str], None]  # told which AWS account it is
    allowed: Hosts = field(default_factory=Hosts)  # the hosts that the user's settings let receive


class MirrorFeed:
    """Brings a mirror session up."""

    def __init__(self, context: Context, world: World) -> None:
        self._context = context
        self._world = world
        self._aws: Aws | None = None
        self._filter = InForce(context.options.effective_filter)
        self._filter_id = ""  # AWS's that the sessions use
        self._launcher: Launcher | None = None
        self._reception: Receiving | None = None
        self._told: Mapping[str, Sequence[Finding]] = {}
        self._second: SecondLook | None = None
        self.costs = costs.Costs()  # see ``controls.Priced``

    def up(self, jobs: Jobs) -> Receiving:
        """See ``feed.Feed``."""
        context = self._context
        say, step = context.status.say, context.timeline.step
        say("Connecting to AWS ...")
        connecting = jobs.start(self._connect)
        self._prepare_filter()
        self._aws = jobs.result(connecting)
        around = self._look(jobs, self._aws)
        self._weigh(around)
        introduction = offered_hosts.introduction(around.hosts, is_own=around.is_own)
        log.info("%s", introduction)
        context.status.log(introduction)
        say(introduction)
        say(self.costs.sentence)
        jobs.start(self._identify)
        self._filter.macs = {source.vni: source.eni.mac for source in around.sources}
        with step("write the interface block"):
            self._write_headers(around)
        opening = [jobs.start(self._open, door) for door in around.doors]
        filtering = jobs.start(self._make_filter)
        around = self._stand(jobs, around)
        self._weigh(around)  # a launch template's type is known now
        say(f"Starting the receiver on {around.receivers} and creating the mirror filter and target ...")
        receiving = jobs.start(self._receive, around)
        following = jobs.start(self._follow, around)
        target = self._target(around)
        targeting = jobs.start(target.stand)
        try:
            self._filter_id = filter_id = jobs.result(filtering)
            jobs.wait_for(targeting, receiving, following, *opening)
            self._use(following.result(), receiving.result())
            say(f"Creating {_sessions(len(around.sources))} ...")
            making = jobs.start(self._make_sessions, around, filter_id, target, targeting.result())
            jobs.wait_for(making, *self._fill_filter(jobs, filter_id))
        except BaseException:
            self._give_back(jobs, partial(_abandon, receiving))
            _abandon_key_log(following)
            raise
        self._reception = receiving.result()
        self._second = SecondLook(context, self._aws, around, self._told, context.clock.now())
        if isinstance(context.options.host, Several):
            look = partial(fleet_lookup.find, self._aws, context.options.host)
            fleet_watch.begin(around.fleet, look, context.status, context.stop)
        return receiving.result()

    def _give_back(self, jobs: Jobs, abandon: Callable[[], None]) -> None:
        """End the receivers, unless there is a session, or one that may come to be: then once that is gone."""
        maker = self._context.maker
        if maker.is_doubtful or "session" in maker.made.values():
            jobs.at_last(abandon)
        else:
            abandon()

    def _weigh(self, around: Surroundings) -> None:
        self.costs = costs.of([source.eni for source in around.sources], around.host, is_own=around.is_own)

    def _stand(self, jobs: Jobs, around: Surroundings) -> Surroundings:
        """With a capture host that runs: one of the capture's own does not yet."""
        if not around.is_own:
            return around
        assert self._aws is not None
        own = (self._world.open_transport, local_machine.address_towards)
        self._launcher = Launcher(self._context, self._aws, around.host, around.sources, *own, around.template)
        return replace(around, host=jobs.result(jobs.start(self._launcher.stand)))

    def _follow(self, around: Surroundings) -> Following | None:
        """A way to the source's own instance, where a key log is wanted; the mirror itself needs none."""
        path, source = self._context.options.tls_keylog, around.sources[0].eni
        if not path:
            return None
        if len(around.sources) > 1 or not source.instance:
            raise InputError(
                "A TLS key log is a file on one instance, and what is captured here is not.",
                "Capture from one ENI of an instance, or without --tls-keylog.",
            )

        def open_transport() -> Transport:
            host = capture_hosts.find_host(self._ec2(), source.instance)
            return self._world.open_instance(host, interfaces.login_addresses(source))

        following = Following(open_transport, path, self._context.clock)
        with self._context.timeline.step("follow the key log"):
            following.begin()
        return following

    def _use(self, following: Following | None, reception: Receiving) -> None:
        """Leave the way to the key log out of the frames: it passes the source's interface."""
        reception.following = following
        if following is None:
            return

        following.on_connection = lambda own: self._filter.leave_out(own, reception)
        following.on_connection(following.own_traffic)

    def _look(self, jobs: Jobs, aws: Aws) -> Surroundings:
        """What there is, and whether the frames can come: after it nothing has to be refused any more."""
        single = self._context.selection.single
        self._context.status.say(
            f"Looking up {'the interface' if single else f'the interfaces of {self._context.selection}'} ..."
        )
        gate = Gate(self._context, aws, jobs)
        self._told = gate.told
        return gate.admit(Look(self._context, aws, self._world.is_here, self._world.allowed).around(jobs))

    def _open(self, door: Door) -> str:
        """The one rule that is missing at the capture host."""
        ec2 = self._ec2()
        return self._context.maker.make(
            "security-group-rule",
            lambda labels, token: security_group_rules.open_group(
                ec2, door.group, door.address, labels, self._description()
            ),
        )

    def close(self) -> None:
        """See ``feed.Feed``. A host is kept only if a capture has worked with it."""
        if self._launcher is not None and self._reception is not None:
            self._launcher.keep(self._reception)
        if self._aws is not None:
            self._aws.stop_creating()

    def refilter(self, capture_filter: str, reception: Receiving) -> str:
        """See ``controls.Refilters``. AWS is told where its rules differ, never where the filter is the user's."""
        options = replace(self._context.options, user_filter=capture_filter)
        move = self._move if options.mirror_filter == "auto" else None
        self._filter.change(options.effective_filter, reception, move)
        return f'The filter is now "{capture_filter}".' if capture_filter.strip() else "Everything is captured now."

    def _move(self, rules: Sequence[resources.Rule], then: Callable[[], None]) -> None:
        """See ``active_filter.Move``."""
        ec2, maker, dns = self._ec2(), self._context.maker, self._context.options.dns
        self._filter_id = swap_filter(
            ec2, maker, rules, then, current=self._filter_id, dns=dns, describe=self._description
        )

    def why_silent(self, arrived: Arrived) -> list[str]:
        """See ``silence.Explains``."""
        assert self._second is not None  # it is up
        return silence_text.explain(self._second.facts(arrived, self._filter.text))

    def why_silent_still(self) -> list[str]:
        """See ``silence.Explains``."""
        return self._second.still() if self._second is not None else []

    def account(self) -> sweep.Account:
        """See ``feed.Feed``. Also where ``up`` ended before it had the connection: nothing is ours there, but captures
        of mine that have expired may be."""
        return MirrorAccount(self._aws or self._world.connect())

    def renew(self, made: Mapping[str, str], expires: float) -> None:
        """See ``feed.Feed``. Where there is no connection, nothing was made with it."""
        if made:
            lease_renewal.renew(self._ec2(), self.account(), self._context.maker, self._context.status, made, expires)

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
            self._filter.prepare()

    def _write_headers(self, around: Surroundings) -> None:
        options = self._context.options
        enis = [source.eni for source in around.sources]
        comment = offered_hosts.introduction(around.hosts, is_own=around.is_own)
        self._context.sink.write(
            file_headers.of(enis, around.enis, options.effective_filter, names=options.names, comment=comment)
            + file_headers.of_absent(self._context.absent)
        )

    def _receive(self, around: Surroundings) -> Receiving:
        """A receiver on every capture host."""
        reopen = self._world.open_transport
        open_transport = self._launcher.reach if self._launcher else reopen  # at first a launched one has to boot
        heartbeat = self._launcher.heartbeat if self._launcher else {}
        compiled = self._filter.programs()
        receivers = Receivers(self._context, open_transport, self._world.python, compiled, heartbeat, reopen)
        return receivers.start(around)

    def _make_filter(self) -> str:
        """A filter of our own, unless the user names one that is there already, which is used and left alone."""
        if self._context.options.mirror_filter != "auto":
            return self._context.options.mirror_filter
        ec2 = self._ec2()
        return self._context.maker.make(
            "filter", lambda labels, token: resources.create_filter(ec2, labels, token, description=self._description())
        )

    def _fill_filter(self, jobs: Jobs, filter_id: str) -> list[Future[None]]:
        """Rules and network services in one round."""
        ec2 = self._ec2()
        if self._context.options.mirror_filter != "auto":
            return []
        filling = [jobs.start(self._timed, "create rules", resources.create_rules, ec2, filter_id, self._filter.rules)]
        if self._context.options.dns:
            filling.append(jobs.start(self._timed, "allow DNS", resources.allow_dns, ec2, filter_id))
        return filling

    def _target(self, around: Surroundings) -> SharedTarget:
        resource = around.fleet.resource if around.fleet is not None else around.host.eni
        named = target_id(self._context.options.host)
        return SharedTarget(self._context, self._ec2(), resource, self._description(), named)

    def _make_sessions(self, around: Surroundings, filter_id: str, shared: SharedTarget, target: str) -> list[str]:
        mirrored = (around.sessions, self._description(), around.packet_length)
        try:
            return Sessions(self._context, self._ec2(), filter_id, target, *mirrored).make(around.sources)
        except AwsError as error:
            if not (shared.is_borrowed and is_gone(error)):
                raise
        return Sessions(self._context, self._ec2(), filter_id, shared.again(target), *mirrored).make(around.sources)

    def _description(self) -> str:
        lease = self._context.maker.lease
        return birthmark.description(lease.capture, self._context.options.description or f"capture by {lease.owner}")

    def _ec2(self) -> Ec2:
        assert self._aws is not None
        return self._aws.ec2

    def _timed(self, name: str, call: Callable[..., T], *arguments: object) -> T:
        with self._context.timeline.step(name):
            return call(*arguments)


def _sessions(count: int) -> str:
    return "the mirror session" if count == 1 else f"{count} mirror sessions"


def _abandon(receiving: Future[Receiving]) -> None:
    """End a receiver that is up, or as soon as it is."""

    def end(done: Future[Receiving]) -> None:
        if not done.cancelled() and done.exception() is None:
            done.result().finish(0.0)

    receiving.add_done_callback(end)


def _abandon_key_log(following: Future[Following | None]) -> None:
    def end(done: Future[Following | None]) -> None:
        if not done.cancelled() and done.exception() is None and (followed := done.result()) is not None:
            followed.end()

    following.add_done_callback(end)
