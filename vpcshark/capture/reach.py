"""Which transport leads to a capture host, and with which of its addresses. Must not know what runs over it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from vpcshark.aws.hosts import CaptureHost
from vpcshark.capture.options import CaptureOptions
from vpcshark.errors import TransportError
from vpcshark.transport.base import Transport

log = logging.getLogger(__name__)


def open_transport(host: CaptureHost, options: CaptureOptions, is_here: Callable[[str], bool]) -> Transport:
    """Local if the host is this machine, else SSH to its private address, then to its public one. TransportError."""
    if is_here(host.address):
        from vpcshark.transport.local import LocalTransport

        return LocalTransport()
    failure: TransportError | None = None
    for address in filter(None, (host.address, host.public_address)):
        try:
            return _ssh(host, address, options)
        except TransportError as error:
            log.info("%s", error)
            failure = failure or error
    assert failure is not None  # every instance has a private address
    raise failure


def _ssh(host: CaptureHost, address: str, options: CaptureOptions) -> Transport:
    from vpcshark.transport import ssh  # paramiko takes a while to import

    return ssh.connect(
        address,
        user=options.ssh_user or host.user,
        port=options.ssh_port,
        key_file=options.ssh_key,
        known_hosts_files=[options.ssh_known_hosts] if options.ssh_known_hosts else [],
        aliases=[host.instance],
    )
