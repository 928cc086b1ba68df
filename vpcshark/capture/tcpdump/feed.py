"""Mode "tcpdump": capture on the ENI's own instance, for sources that cannot be mirrored. Makes nothing in AWS.

Must not know Wireshark.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from vpcshark.aws.client import Aws
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory import interfaces
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.contract.frame_stream import Arrived
from vpcshark.capture.contract.stop import Stopped
from vpcshark.capture.instance import whereabouts
from vpcshark.capture.instance.tcpdump_process import Dump, OnCounts, Wanted, inner_filter
from vpcshark.capture.inventory.eni_cache import Remembered
from vpcshark.capture.lifecycle import file_headers
from vpcshark.capture.lifecycle.context import Context
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.capture.tcpdump.stream import Begun, Pouring, Seams
from vpcshark.cleanup import sweep
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.errors import VpcsharkError
from vpcshark.text import many
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)
CALM = 2.0  # seconds
HEAD_START = 1.0  # seconds for what is known, before AWS is asked whether it still holds
TICK = 0.02


@dataclass(frozen=True)
class World:
    """The seams of this mode: how AWS and the instance are reached, and what is known of them from the last time.

    ``connect`` gives the same connection each time."""

    connect: Callable[[], Aws]
    open_transport: Callable[[CaptureHost, Sequence[str]], Transport]
    recall: Callable[[str], Remembered | None] = lambda eni: None
    remember: Callable[[Sequence[Eni]], object] = lambda enis: None


class TcpdumpFeed(Feed):
    """Brings tcpdump up on the source's instance."""

    def __init__(self, context: Context, world: World, *, is_described: bool = False) -> None:
        """``is_described``: the interface is in the sink already."""
        self._context = context
        self._is_described = is_described
        self._world = world
        self._is_early = False

    def up(self, jobs: Jobs) -> Pouring:
        """See ``feed.Feed``."""
        if self._context.options.decap:
            inner_filter(self._context.options.effective_filter)  # before anybody is asked anything
        known = self._world.recall(self._context.selection.single)
        if known is None:
            found = self._ask(jobs)
            return self._described(found, self._start(jobs, found))
        early = jobs.start(self._start, jobs, known)
        if not self._works_soon(early):
            now = self._asked_beside(jobs, early)
            if now is not None and not _is_same(known, now):
                log.info("What was known of %s does not hold any more.", known.source.id)
                early.add_done_callback(_abandon)
                return self._described(now, self._start(jobs, now))
        pouring = jobs.result(early)
        self._is_early = True
        jobs.start(self._refresh)
        return self._described(known, pouring)

    def _works_soon(self, early: Future[Pouring]) -> bool:
        """Does what is known lead to a capture before it is worth asking AWS?"""
        end = self._context.clock.monotonic() + HEAD_START
        while not early.done() and self._context.clock.monotonic() < end:
            if self._context.stop.wait(TICK):
                raise Stopped
        if early.done() and (failure := early.exception()) is not None:
            log.info("It does not work with what is known; asking AWS. %s", failure)
            return False
        return early.done()

    def _asked_beside(self, jobs: Jobs, early: Future[Pouring]) -> Remembered | None:
        """What AWS says meanwhile; None if it gives no answer and what is known leads to a capture."""
        try:
            return self._ask(jobs)
        except VpcsharkError as unanswered:
            try:
                jobs.result(early)
            except VpcsharkError:
                raise unanswered from None
            log.info("AWS gave no answer, and what is known works. %s", unanswered)
            return None

    def _described(self, found: Remembered, pouring: Pouring) -> Pouring:
        """The interface block, once it is certain which interface it is; before any packet."""
        options = self._context.options
        if not self._is_described:
            snaplen = options.packet_length or 0
            head = file_headers.of(
                [found.source],
                found.enis if options.names else None,
                options.effective_filter,
                snaplen=snaplen,
                absent=self._context.absent,
            )
            self._context.sink.write(head)
        return pouring

    def _ask(self, jobs: Jobs) -> Remembered:
        self._context.status.say("Connecting to AWS ...")
        jobs.start(_preload)
        with self._context.timeline.step("connect to AWS"):
            aws = jobs.result(jobs.start(self._world.connect))
        return self._look_up(jobs, aws)

    def _start(self, jobs: Jobs, found: Remembered) -> Pouring:
        context, options = self._context, self._context.options
        source, host = found.source, found.host
        context.status.say(f"Starting tcpdump on {host.name} ...")
        wanted = Wanted(source.mac, options.effective_filter, options.packet_length or 262144, options.decap)

        explain = partial(self._why_silent, host.name)
        seams = Seams(context.stop, context.clock, context.status, explain, options.tls_keylog)
        with context.timeline.step(f"start tcpdump on {host.name}"):
            pouring = jobs.result(jobs.start(Pouring, partial(self._begun, host, source, wanted), seams))
        if pouring.whose:
            context.status.say(f"{source.id} is in the network namespace of {pouring.whose} on {host.name}.")
        return pouring

    def _refresh(self) -> None:
        """For the next time. Not at once: boto3's import would hold up the first packets."""
        if self._context.stop.wait(CALM):
            return
        try:
            self._world.remember(interfaces.list_enis(self._world.connect().ec2))
        except VpcsharkError as error:
            log.info("What is known of the ENIs stays as it was: %s", error)

    def _why_silent(self, host: str, arrived: Arrived) -> list[str]:
        """tcpdump counts only what its filter lets through."""
        text = self._context.options.effective_filter.strip()
        where = f"{self._context.selection} of {host}"
        if arrived.is_unanswered:
            return [
                f"Whether {where} has packets is not known: {host} gives no answer, so the connection to it is "
                "slow or broken."
            ]
        if arrived.before:
            return [f"tcpdump on {host} runs; {many(arrived.before, 'packet')} came before."]
        if text:
            return [f'tcpdump runs, and no packet of {where} fits the filter "{text}".']
        return [f"tcpdump runs, and {where} has no packets but those of this capture itself, which are left out."]

    def account(self) -> sweep.Account:
        """See ``feed.Feed``. Called by a thread beside the first packets, which it must not hold up either."""
        if self._is_early:
            self._context.stop.wait(CALM)
        return MirrorAccount(self._world.connect())

    def _look_up(self, jobs: Jobs, aws: Aws) -> Remembered:
        with self._context.timeline.step("describe interfaces"):
            enis = jobs.result(jobs.start(interfaces.list_enis, aws.ec2))
            self._world.remember(enis)
            source = next((eni for eni in enis if eni.id == self._context.selection.single), None)
            if source is None:
                source = jobs.result(jobs.start(interfaces.find_eni, aws.ec2, self._context.selection.single))
            source, host = jobs.result(jobs.start(whereabouts.located, aws.ec2, source, "tcpdump"))
        return Remembered(source, enis, host)

    def _begun(self, host: CaptureHost, source: Eni, wanted: Wanted, remark: str, on_counts: OnCounts) -> Begun:
        """See ``stream.Begin``."""
        with contextlib.ExitStack() as undo:
            transport = self._world.open_transport(host, interfaces.login_addresses(source))
            undo.callback(transport.close)
            dump = Dump(transport, wanted, remark, on_counts)
            undo.callback(dump.close)
            begun = Begun(dump, dump.begin())
            undo.pop_all()
        return begun


def _abandon(early: Future[Pouring]) -> None:
    if early.exception() is None:
        early.result().finish(0.0)


def _is_same(known: Remembered, found: Remembered) -> bool:
    """Would another try with what AWS says be the same try?"""
    return (known.source.mac, known.source.addresses, known.host.address, known.host.public_address) == (
        found.source.mac,
        found.source.addresses,
        found.host.address,
        found.host.public_address,
    )


def _preload() -> None:
    """paramiko takes a while to import: beside the calls to AWS, not after them."""
    import vpcshark.transport.quick  # noqa: I001 - first
    import vpcshark.capture.connection.ssh_methods  # noqa: F401
