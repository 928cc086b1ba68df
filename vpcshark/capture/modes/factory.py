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
from vpcshark.aws.credentials.sign_in import Ask, Keys
from vpcshark.capture.connection import connect as connection_connect
from vpcshark.capture.connection import local_machine
from vpcshark.capture.inventory import eni_cache
from vpcshark.capture.lifecycle.context import Absent, Context
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.tcpdump import feed
from vpcshark.cleanup.account import MirrorAccount
from vpcshark.cleanup.ledger import Ledger
from vpcshark.transport import ssh_config

if TYPE_CHECKING:
    from vpcshark.aws.flow_records.reading import Reading
    from vpcshark.capture.mirror import creation


def choose(context: Context, book: Ledger, entrust: Callable[[Keys], None], ask: Ask | None) -> Feed:
    """The feed for the options' mode. ``entrust`` is told of the credentials, before anything is made with them;
    ``ask`` as ``client.connect`` takes it."""
    options = context.options

    def signed_in() -> Aws:
        aws = client.connect(options.profile, options.region, ask)
        aws.tell_keys(entrust)
        return aws

    connect = _once(signed_in)

    def mirrored(context: Context, is_described: bool) -> Feed:
        from vpcshark.capture.mirror import feed as mirror_feed  # here: tcpdump's first packet need not wait for it

        return mirror_feed.MirrorFeed(context, _mirror_world(context, connect, book))

    def dumped(context: Context, is_described: bool) -> Feed:
        return feed.TcpdumpFeed(context, _tcpdump_world(context, connect), is_described=is_described)

    def recorded(context: Context) -> Feed:
        from vpcshark.capture.flow_records import feed as recordfeed

        return recordfeed.FlowlogsFeed(context, recordfeed.World(connect))

    def by_mode(context: Context) -> Feed:
        if options.mode == "flowlogs":
            return recorded(context)
        if options.mode == "auto" and context.selection.single:  # several can only be mirrored
            from vpcshark.capture.modes import auto

            return auto.AutoFeed(context, mirrored, dumped, recorded)
        return (dumped if options.mode == "tcpdump" else mirrored)(context, False)

    if context.selection.paths:
        from vpcshark.capture.modes import path, walking

        account, read = partial(_account, connect), partial(_reading, connect)
        return path.PathFeed(context, partial(walking.walked, connect), by_mode, account, read)
    return by_mode(context)


def _reading(connect: Callable[[], Aws], context: Context, absent: Absent) -> Reading:
    from vpcshark.capture.flow_records import beside

    return beside.reading(context, connect(), absent)


def _account(connect: Callable[[], Aws]) -> MirrorAccount:
    return MirrorAccount(connect())


def _tcpdump_world(context: Context, connect: Callable[[], Aws]) -> feed.World:
    options, folder = context.options, Path(slot) if (slot := slots.slot(os.environ)) else None
    place = (options.profile, options.region)
    config = ssh_config.Config()
    return feed.World(
        connect=connect,
        open_transport=lambda host, addresses: connection_connect.open_transport(
            host, options, local_machine.is_here, connect, addresses, config
        ),
        recall=lambda eni: eni_cache.recall(folder, place, eni),
        remember=lambda enis: eni_cache.keep(folder, place, enis),
    )


def _mirror_world(context: Context, connect: Callable[[], Aws], book: Ledger) -> creation.World:
    from vpcshark.capture.mirror import creation

    config = ssh_config.Config()
    reached = partial(
        connection_connect.open_transport,
        options=context.options,
        is_here=local_machine.is_here,
        connect=connect,
        config=config,
    )
    return creation.World(
        connect=connect,
        open_transport=reached,
        open_instance=lambda host, addresses: reached(host, addresses=addresses),
        is_here=local_machine.is_here,
        python=sys.executable,
        on_connected=book.is_in,
        on_account=book.belongs_to,
        allowed=settings.load().hosts,
    )


def _once(connect: Callable[[], Aws]) -> Callable[[], Aws]:
    """The same connection for everybody; a failure is not kept."""
    lock = threading.Lock()  # who asks while another connects waits for that one
    made: list[Aws] = []

    def get() -> Aws:
        with lock:
            if not made:
                made.append(connect())
            return made[0]

    return get
