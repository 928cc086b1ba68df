"""Chooses the transport to a host: this machine itself, or the SSH method that works first.

Must not know what runs over it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.capture.connection.local_machine import IsHere
from vpcshark.capture.connection.race import Way, first
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.cleanup import birthmark
from vpcshark.cleanup.birthmark import Birth
from vpcshark.threads import start
from vpcshark.transport.base import Transport

if TYPE_CHECKING:
    from vpcshark.aws.client import Aws
    from vpcshark.capture.connection.ssh_methods import Logins
    from vpcshark.transport import ssh_config

log = logging.getLogger(__name__)

DEADLINE = 20.0  # seconds for all ways together
HEAD_START = 1.0  # for SSH with the user's own keys, before AWS is asked for more


def open_transport(
    host: CaptureHost,
    options: CaptureOptions,
    is_here: IsHere,
    connect: Callable[[], Aws] | None = None,
    addresses: Sequence[str] = (),
    config: ssh_config.Config | None = None,
) -> Transport:
    """Local if the host is this machine, else by ``options.connection``. ``connect`` gives AWS for those ways that need
    it; ``addresses`` are further ones of the host; ``config`` is the SSH configuration, if one is kept for several
    hosts. TransportError with the reason that matters; Hopeless if no machine
    can be reached so."""
    if is_here(host.address, host.mac):
        from vpcshark.transport.local import LocalTransport

        return LocalTransport()
    from vpcshark.capture.connection.ssh_config import settings_of
    from vpcshark.transport import ssh_config

    config = config or ssh_config.Config()
    everywhere = tuple(dict.fromkeys(filter(None, (host.address, *addresses, host.public_address))))
    options = for_host(host, options)
    configured = start(settings_of, host, everywhere, options, config, name="ssh configuration")
    import vpcshark.transport.quick  # noqa: F401 - paramiko takes a while to import
    from vpcshark.capture.connection.ssh_methods import Logins

    logins = Logins(host, everywhere, options, connect, config, configured.result)
    ways = _ways(logins, options.connection, has_aws=connect is not None)
    return first(ways, host.name, DEADLINE)


def for_host(host: CaptureHost, options: CaptureOptions) -> CaptureOptions:
    """The options for this host: at one that a capture launched without a key pair no key of the user's is any good;
    one from our own image has one user and port, whatever the user's other hosts have."""
    if not birthmark.is_launched(Birth(host.token)) or host.key_pair:
        return options
    connection = "eic" if options.connection == "ssh" else options.connection
    options = replace(options, connection=connection, ssh_key="")
    return options if options.host_template else replace(options, ssh_user="", ssh_port=22)


def _ways(logins: Logins, connection: str, *, has_aws: bool) -> list[Way]:
    if connection == "eic" and has_aws:
        return logins.with_pushed_key()
    logins.check_named_key()
    if connection == "ssh" or not has_aws:
        return logins.direct()
    if connection == "eice":
        return [logins.endpoint()]
    if connection == "ssm":
        return [logins.session_manager()]
    # A key that the user named is the one that is meant: where it is refused, no pushed one heals that silently.
    pushed = [] if logins.options.ssh_key else logins.with_pushed_key()
    later = [*pushed, logins.endpoint(), logins.session_manager()]
    return [*logins.direct(), *(replace(way, wait=HEAD_START) for way in later)]
