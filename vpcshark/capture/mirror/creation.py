"""The second round of a mirror: filter, target, missing rules, and a receiver on each host, side by side.

A capture host of the capture's own is launched before, beside the filter. What the round has begun when it fails is
ended. Must not know sessions, nor how the sources were found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from vpcshark.aws.client import Aws
from vpcshark.aws.compute import capture_hosts
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.mirroring import resources, security_group_rules
from vpcshark.capture.connection import local_machine
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.contract.host import target_id
from vpcshark.capture.contract.options import ExistingFilter
from vpcshark.capture.instance.key_log import Following
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.mirror.active_filter import InForce
from vpcshark.capture.mirror.host_access import Access
from vpcshark.capture.mirror.launched_host import HEARTBEATS, Launcher
from vpcshark.capture.mirror.receiver_start import Receivers
from vpcshark.capture.mirror.rounds import Admitted, Made
from vpcshark.capture.mirror.shared_target import SharedTarget
from vpcshark.capture.mirror.surroundings import Door, Surroundings
from vpcshark.capture.receivers.receiver import Receiver, WithKeyLog
from vpcshark.cleanup import birthmark
from vpcshark.errors import InputError
from vpcshark.settings import Hosts
from vpcshark.transport.base import Transport

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


class Creation:
    """One capture's second round."""

    def __init__(self, context: Context, world: World, aws: Aws, filtering: InForce) -> None:
        self._context = context
        self._world = world
        self._aws = aws
        self._filter = filtering

    def make(self, jobs: Jobs, admitted: Admitted) -> Made:
        """VpcsharkError; Stopped. What was made by then is in the maker."""
        opening = [jobs.start(self._open, door) for door in admitted.doors]
        filtering = jobs.start(self._make_filter)
        around, launcher = self._with_host(jobs, admitted.around)
        self._context.status.say(
            f"Starting the receiver on {around.receivers} and creating the mirror filter and target ..."
        )
        with ExitStack() as unless_made:
            receiving = jobs.start(self._receive, around, launcher)
            unless_made.callback(when_done, receiving, lambda receiver: receiver.finish(0.0))
            following = jobs.start(self._follow, around)
            unless_made.callback(when_done, following, lambda followed: followed.end() if followed else None)
            target = self._target(around)
            targeting = jobs.start(target.stand)
            filter_id = jobs.result(filtering)
            jobs.wait_for(targeting, receiving, following, *opening)
            receiver = self._with_key_log(receiving.result(), following.result())
            unless_made.pop_all()
        return Made(around, receiver, filter_id, target, targeting.result())

    def _with_host(self, jobs: Jobs, around: Surroundings) -> tuple[Surroundings, Launcher | None]:
        """With a capture host that runs: one of the capture's own does not yet."""
        if not around.is_own:
            return around, None
        own = local_machine.address_towards
        access = Access(self._aws, self._context.options, around.host, around.sources, own)
        launcher = Launcher(self._context, access, around.template)
        return replace(around, host=jobs.result(jobs.start(launcher.stand))), launcher

    def _receive(self, around: Surroundings, launcher: Launcher | None) -> Receiver:
        """A receiver on every capture host."""
        reopen = self._world.open_transport
        open_transport = partial(launcher.reach, reopen) if launcher else reopen  # at first a launched one has to boot
        heartbeat = HEARTBEATS if launcher else {}
        compiled = self._filter.programs()
        receivers = Receivers(self._context, open_transport, self._world.python, compiled, heartbeat, reopen)
        return receivers.start(around)

    def _follow(self, around: Surroundings) -> Following | None:
        """A connection to the source's own instance, where a key log is wanted; the mirror itself needs none."""
        path, source = self._context.options.tls_keylog, around.sources[0].eni
        if not path:
            return None
        if len(around.sources) > 1 or not source.instance:
            raise InputError(
                "A TLS key log is a file on one instance, and what is captured here is not.",
                "Capture from one ENI of an instance, or without --tls-keylog.",
            )

        def open_transport() -> Transport:
            host = capture_hosts.find_host(self._aws.ec2, source.instance)
            return self._world.open_instance(host, interfaces.login_addresses(source))

        following = Following(open_transport, path, self._context.clock)
        with self._context.timeline.step("follow the key log"):
            following.begin()
        return following

    def _with_key_log(self, receiver: Receiver, following: Following | None) -> Receiver:
        """The connection to the key log is left out of the frames: it passes the source's interface."""
        if following is None:
            return receiver

        def leave_out(own: str) -> None:
            self._filter.leave_out(own, receiver)

        leave_out(following.own_traffic)
        return WithKeyLog(receiver, following, leave_out)

    def _open(self, door: Door) -> str:
        """The one rule that is missing at the capture host."""
        ec2, description = self._aws.ec2, describe(self._context)
        return self._context.maker.make(
            "security-group-rule",
            lambda labels, token: security_group_rules.open_group(ec2, door.group, door.address, labels, description),
        )

    def _make_filter(self) -> str:
        """A filter of our own, unless the user names one that is there already, which is used and left alone."""
        wanted = self._context.options.mirror_filter
        if isinstance(wanted, ExistingFilter):
            return wanted.id
        ec2, description = self._aws.ec2, describe(self._context)
        return self._context.maker.make(
            "filter", lambda labels, token: resources.create_filter(ec2, labels, token, description=description)
        )

    def _target(self, around: Surroundings) -> SharedTarget:
        resource = around.fleet.resource if around.fleet is not None else around.host.eni
        named = target_id(self._context.options.host)
        return SharedTarget(self._context, self._aws.ec2, resource, describe(self._context), named)


def describe(context: Context) -> str:
    """The description of what a capture makes, with its mark."""
    lease = context.maker.lease
    return birthmark.description(lease.capture, context.options.description or f"capture by {lease.owner}")


def when_done(future: Future[T], work: Callable[[T], object]) -> None:
    """``work`` with the result now, or as soon as there is one; nothing where there is none."""

    def done(future: Future[T]) -> None:
        if not future.cancelled() and future.exception() is None:
            work(future.result())

    future.add_done_callback(done)
