"""Mode "mirror": VPC Traffic Mirroring to a capture host. Three rounds of calls, side by side within each:

    describe ∥ survey the network  ->  filter ∥ target ∥ connect + receiver  ->  rules ∥ amazon-dns ∥ sessions

Each round takes the frozen result of the one before (``rounds``). A capture host of the capture's own is launched
between the first and the second. Nothing is made before all is looked at. A session whose filter has no rules yet
mirrors nothing; there is one for each source. A receiver is up on every capture host before a session exists: an outer
frame that finds UDP 4789 closed is answered with an ICMP port-unreachable to the source. Must not know Wireshark.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from vpcshark.aws import tagging
from vpcshark.aws.client import Aws
from vpcshark.aws.mirroring import resources
from vpcshark.capture.contract.host import Several
from vpcshark.capture.contract.options import OwnFilter
from vpcshark.capture.inventory import offered_hosts
from vpcshark.capture.lifecycle import costs, file_headers, lease_renewal
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.costs import Costs
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.mirror import filter_programs, fleet_lookup, fleet_watch, kept_host
from vpcshark.capture.mirror.active_filter import InForce, Move
from vpcshark.capture.mirror.admission import Gate
from vpcshark.capture.mirror.creation import Creation, World, describe
from vpcshark.capture.mirror.discovery import Look
from vpcshark.capture.mirror.filter_swap import Swap
from vpcshark.capture.mirror.rounds import Admitted, Made
from vpcshark.capture.mirror.sessions import Mirrored, Sessions
from vpcshark.capture.mirror.silence_check import SecondLook
from vpcshark.capture.mirror.stream import MirrorStream
from vpcshark.capture.mirror.surroundings import Surroundings
from vpcshark.cleanup import sweep
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.errors import AwsError

log = logging.getLogger(__name__)


class MirrorFeed(Feed):
    """Brings a mirror session up."""

    def __init__(self, context: Context, world: World) -> None:
        self._context = context
        self._world = world
        self._on_close: list[Callable[[], None]] = []  # what is to be done before clean-up, as far as it came

    def up(self, jobs: Jobs) -> MirrorStream:
        """See ``feed.Feed``."""
        aws, rules = self._begin(jobs)
        admitted = self._admitted(jobs, aws)
        jobs.start(self._identify, aws)
        filtering = self._introduced(admitted.around, rules)
        made = Creation(self._context, self._world, aws, filtering).make(jobs, admitted)
        try:
            self._mirror(jobs, aws, made, filtering.rules)
        except BaseException:
            self._give_back(jobs, partial(made.receiver.finish, 0.0))
            raise
        if made.around.is_own:
            self._on_close.insert(0, partial(kept_host.keep, self._context, aws.ec2, made.receiver))
        self._watch_fleet(aws, made.around)
        return self._stream(aws, admitted, made, filtering)

    def _begin(self, jobs: Jobs) -> tuple[Aws, filter_programs.Rules]:
        """Connected; and beside that, what AWS is told of the filter, and whether it is one."""
        self._context.status.say("Connecting to AWS ...")
        connecting = jobs.start(self._connect)
        with self._context.timeline.step("compile the filter"):
            rules = filter_programs.checked_rules(self._context.options.effective_filter)
        return jobs.result(connecting), rules

    def _give_back(self, jobs: Jobs, abandon: Callable[[], None]) -> None:
        """End the receivers, unless there is a session, or one that may come to be: then once that is gone."""
        maker = self._context.maker
        if maker.is_doubtful or "session" in maker.made.values():
            jobs.at_last(abandon)
        else:
            abandon()

    def _admitted(self, jobs: Jobs, aws: Aws) -> Admitted:
        """What there is, and whether the frames can come: after it nothing has to be refused any more."""
        single = self._context.selection.single
        self._context.status.say(
            f"Looking up {'the interface' if single else f'the interfaces of {self._context.selection}'} ..."
        )
        gate = Gate(self._context, aws, jobs)
        return gate.admit(Look(self._context, aws, self._world.is_here, self._world.allowed).around(jobs))

    def _introduced(self, around: Surroundings, rules: filter_programs.Rules) -> InForce:
        """Say who receives and what it costs, to the user and in the file; the filter for these sources."""
        say, options = self._context.status.say, self._context.options
        introduction = offered_hosts.introduction(around.hosts, is_own=around.is_own)
        log.info("%s", introduction)
        self._context.status.log(introduction)
        say(introduction)
        say(_costs(around).sentence)
        with self._context.timeline.step("write the interface block"):
            enis = [source.eni for source in around.sources]
            head = file_headers.of(
                enis,
                around.enis if options.names else None,
                options.effective_filter,
                comment=introduction,
                absent=self._context.absent,
            )
            self._context.sink.write(head)
        macs = {source.vni: source.eni.mac for source in around.sources}
        return InForce(options.effective_filter, rules, macs)

    def _mirror(self, jobs: Jobs, aws: Aws, made: Made, rules: filter_programs.Rules) -> None:
        """The third round: sessions, and the rules that let them mirror anything."""
        count = len(made.around.sources)
        what = "the mirror session" if count == 1 else f"{count} mirror sessions"
        self._context.status.say(f"Creating {what} ...")
        making = jobs.start(self._make_sessions, aws, made)
        jobs.wait_for(making, *self._fill_filter(jobs, aws, made.filter_id, rules))

    def _make_sessions(self, aws: Aws, made: Made) -> list[str]:
        around = made.around

        def make(target: str) -> list[str]:
            wanted = Mirrored(made.filter_id, target, around.sessions, describe(self._context), around.packet_length)
            return Sessions(self._context, aws.ec2, wanted).make(around.sources)

        return made.target.used(made.target_id, make)

    def _fill_filter(self, jobs: Jobs, aws: Aws, made: str, rules: filter_programs.Rules) -> list[Future[None]]:
        """Rules and network services in one round, of a filter of our own."""
        options, step = self._context.options, self._context.timeline.timed
        if options.mirror_filter != OwnFilter():
            return []
        filling = [jobs.start(step, "create rules", resources.create_rules, aws.ec2, made, rules)]
        if options.dns:
            filling.append(jobs.start(step, "allow DNS", resources.allow_dns, aws.ec2, made))
        return filling

    def _watch_fleet(self, aws: Aws, around: Surroundings) -> None:
        if isinstance(self._context.options.host, Several):
            look = partial(fleet_lookup.find, aws, self._context.options.host)
            fleet_watch.begin(around.fleet, look, self._context.status, self._context.stop)

    def _stream(self, aws: Aws, admitted: Admitted, made: Made, filtering: InForce) -> MirrorStream:
        context = self._context
        look = SecondLook(context, aws, made.around, admitted.told, context.clock.now())
        move = self._move(aws, made.filter_id) if context.options.mirror_filter == OwnFilter() else None

        def effective(capture_filter: str) -> str:
            return replace(context.options, user_filter=capture_filter).effective_filter

        return MirrorStream(made.receiver, filtering, effective, move, look, _costs(made.around))

    def _move(self, aws: Aws, filter_id: str) -> Move:
        context = self._context
        return Swap(aws.ec2, context.maker, filter_id, describe(context), dns=context.options.dns).to

    def close(self) -> None:
        """See ``feed.Feed``. A host is kept only if a capture has worked with it."""
        for work in self._on_close:
            work()

    def account(self) -> sweep.Account:
        """See ``feed.Feed``. Also where ``up`` ended before it had the connection: nothing is ours there, but captures
        of mine that have expired may be."""
        return MirrorAccount(self._world.connect())

    def renew(self, made: Mapping[str, str], expires: float) -> None:
        """See ``feed.Feed``. Where there is no connection, nothing was made with it."""
        if made:
            ec2 = self._world.connect().ec2
            lease_renewal.renew(ec2, self.account(), self._context.maker, self._context.status, made, expires)

    def _connect(self) -> Aws:
        with self._context.timeline.step("connect to AWS"):
            aws = self._world.connect()
            aws.ec2  # noqa: B018 - making the client takes as long as a call, so it belongs here
            self._on_close.append(aws.stop_creating)
            self._world.on_connected(aws.profile, aws.region)
            return aws

    def _identify(self, aws: Aws) -> None:
        """Beside the rest: clean-up wants to know later in which account it must look."""
        try:
            self._world.on_account(tagging.account_id(aws.sts))
        except AwsError as error:
            log.warning("The account is not known: %s", error)


def _costs(around: Surroundings) -> Costs:
    return costs.of([source.eni for source in around.sources], around.host, is_own=around.is_own)
