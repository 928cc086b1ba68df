"""Which feed a capture gets by its mode, with the real seams in place. Must not know how a feed works."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vpcshark import context as slots
from vpcshark import settings
from vpcshark.aws import client
from vpcshark.aws.client import Aws
from vpcshark.aws.signin import Ask, Keys
from vpcshark.capture import here, life, reach, remembered, tcpdump
from vpcshark.cleanup.ledger import Ledger
from vpcshark.transport import ssh_config

if TYPE_CHECKING:
    from vpcshark.capture import mirror


def choose(context: life.Context, book: Ledger, entrust: Callable[[Keys], None], ask: Ask | None) -> life.Feed:
    """The feed for the options' mode. ``entrust`` is told of the credentials, before anything is made with them;
    ``ask`` as ``client.connect`` takes it."""
    options, is_single = context.options, bool(context.selection.single)

    def signed_in() -> Aws:
        aws = client.connect(options.profile, options.region, ask)
        aws.tell_keys(entrust)
        return aws

    connect = _once(signed_in)

    def mirrored(context: life.Context, is_described: bool) -> life.Feed:
        from vpcshark.capture import mirror  # here: tcpdump's first packet need not wait for it

        return mirror.MirrorFeed(context, _mirror_world(context, connect, book))

    def dumped(context: life.Context, is_described: bool) -> life.Feed:
        return tcpdump.TcpdumpFeed(context, _tcpdump_world(context, connect), is_described=is_described)

    def recorded(context: life.Context) -> life.Feed:
        from vpcshark.capture import recordfeed

        return recordfeed.FlowlogsFeed(context, recordfeed.World(connect))

    if options.mode == "flowlogs":
        return recorded(context)
    if options.mode == "auto" and is_single:  # several can only be mirrored
        from vpcshark.capture import auto

        return auto.AutoFeed(context, mirrored, dumped, recorded)
    return (dumped if options.mode == "tcpdump" else mirrored)(context, False)


def _tcpdump_world(context: life.Context, connect: Callable[[], Aws]) -> tcpdump.World:
    options, folder = context.options, Path(slot) if (slot := slots.slot(os.environ)) else None
    place = (options.profile, options.region)
    config = ssh_config.Config()
    return tcpdump.World(
        connect=connect,
        open_transport=lambda host, addresses: reach.open_transport(
            host, options, here.is_here, connect, addresses, config
        ),
        recall=lambda eni: remembered.recall(folder, place, eni),
        remember=lambda enis: remembered.keep(folder, place, enis),
    )


def _mirror_world(context: life.Context, connect: Callable[[], Aws], book: Ledger) -> mirror.World:
    from vpcshark.capture import mirror

    config = ssh_config.Config()
    reached = partial(
        reach.open_transport, options=context.options, is_here=here.is_here, connect=connect, config=config
    )
    return mirror.World(
        connect=connect,
        open_transport=reached,
        open_instance=lambda host, addresses: reached(host, addresses=addresses),
        is_here=here.is_here,
        python=sys.executable,
        on_connected=book.is_in,
        on_account=book.belongs_to,
        allowed=settings.load().hosts,
    )


def _once(connect: Callable[[], Aws]) -> Callable[[], Aws]:
    """The same connection for everybody; a failure is not kept."""
    lock = threading.Lock()
    made: list[Aws] = []

    def get() -> Aws:
        with lock:
            if not made:
                made.append(connect())
            return made[0]

    return get
