"""Mode "tcpdump": capture on the ENI's own instance, for sources that cannot be mirrored. Makes nothing in AWS.

Must not know Wireshark.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vpcshark.aws import hosts, inventory
from vpcshark.aws.client import Aws
from vpcshark.aws.hosts import CaptureHost
from vpcshark.aws.inventory import Eni
from vpcshark.capture import headers
from vpcshark.capture.dump import Dump, Wanted
from vpcshark.capture.jobs import Jobs
from vpcshark.capture.life import Context
from vpcshark.capture.pouring import Pouring
from vpcshark.cleanup import sweep
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.errors import InputError
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class World:
    """The seams of this mode: how AWS and the instance are reached."""

    connect: Callable[[], Aws]
    open_transport: Callable[[Aws, CaptureHost, Sequence[str]], Transport]


class TcpdumpFeed:
    """Brings tcpdump up on the source's instance."""

    def __init__(self, context: Context, world: World, *, is_described: bool = False) -> None:
        """``is_described``: the interface is in the sink already."""
        self._context = context
        self._is_described = is_described
        self._world = world
        self._aws: Aws | None = None

    def up(self, jobs: Jobs) -> Any:
        """See ``life.Feed``."""
        say, step, options = self._context.status.say, self._context.timeline.step, self._context.options
        say("Connecting to AWS ...")
        jobs.start(_preload)
        with step("connect to AWS"):
            self._aws = jobs.result(jobs.start(self._world.connect))
        source, enis, host = self._look_up(jobs, self._aws)
        snaplen = options.packet_length or 0
        if not self._is_described:
            head = headers.of([source], enis, options.capture_filter, names=options.names, snaplen=snaplen)
            self._context.sink.write(head)
        say(f"Starting tcpdump on {host.name} ...")
        wanted = Wanted(source.mac, options.capture_filter, snaplen or 262144, options.decap)

        def restart(remark: str) -> Dump:
            return self._dump(host, source, wanted, remark)

        with step(f"start tcpdump on {host.name}"):
            dump, first = jobs.result(jobs.start(self._begun, restart))
        context = self._context
        return Pouring(dump, first, restart, context.stop, context.clock, context.status, options.tls_keylog)

    def close(self) -> None:
        """See ``life.Feed``."""

    def account(self) -> sweep.Account:
        """See ``life.Feed``."""
        assert self._aws is not None
        return MirrorAccount(self._aws)

    def renew(self, made: Mapping[str, str], expires: float) -> None:
        """See ``life.Feed``; there is nothing to renew."""

    def _look_up(self, jobs: Jobs, aws: Aws) -> tuple[Eni, Sequence[Eni], CaptureHost]:
        with self._context.timeline.step("describe interfaces"):
            enis = jobs.result(jobs.start(inventory.list_enis, aws.ec2))
            source = next((eni for eni in enis if eni.id == self._context.selection.single), None)
            if source is None:
                source = jobs.result(jobs.start(inventory.find_eni, aws.ec2, self._context.selection.single))
        if not source.instance or source.instance_state != "running":
            what = f"belongs to {source.instance}, which is {source.instance_state}" if source.instance else "is unused"
            raise InputError(
                f"{source.id} {what}: tcpdump needs a running instance.", "Start it, or choose another interface."
            )
        return source, enis, jobs.result(jobs.start(hosts.find_host, aws.ec2, source.instance))

    def _dump(self, host: CaptureHost, source: Eni, wanted: Wanted, remark: str) -> Dump:
        assert self._aws is not None
        transport = self._world.open_transport(self._aws, host, source.addresses)
        try:
            return Dump(transport, wanted, remark)
        except BaseException:
            transport.close()
            raise

    def _begun(self, start: Callable[[str], Dump]) -> tuple[Dump, bytes]:
        dump = start("")
        try:
            return dump, dump.begin()
        except BaseException:
            dump.close()
            raise


def _preload() -> None:
    """paramiko takes a while to import: beside the calls to AWS, not after them."""
    import vpcshark.capture.logins  # noqa: F401
