"""The way to a host that the SSH configuration prescribes: through other hosts (ProxyJump) or a program (ProxyCommand).

Must not know what is reached with it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import paramiko

from vpcshark.errors import TransportError
from vpcshark.transport import clients, programs, ssh, ssh_config
from vpcshark.transport.base import Stream
from vpcshark.transport.names import HostName
from vpcshark.transport.openssh import Login
from vpcshark.transport.ssh_auth import configured

log = logging.getLogger(__name__)
_BY_HAND = "Run that command by hand: an SSH server's greeting must come, as with ssh -v."
DEEPEST = 8  # jump hosts behind each other; more is a configuration that leads in a circle


@dataclass(frozen=True)
class Known:
    """What hosts on the way go by, as ssh(1) has it: each by the SSH configuration for itself, never by what is said of
    the host behind it, nor by that one's key file. ``known_hosts``: a file that the user named for every host, or "";
    ``further``: files beside it."""

    known_hosts: str = ""
    further: Sequence[str] = ()
    config: ssh_config.Config = field(default_factory=ssh_config.Config)


def dial(settings: ssh_config.Settings, address: HostName, port: int, known: Known, depth: int = 0) -> Stream:
    """A stream to ``address`` by ``settings``. TransportError that names the host on the way that failed."""
    if settings.proxy_command:
        return programs.stream(settings.proxy_command, None, "The SSH configuration's ProxyCommand", _BY_HAND)
    if depth > DEEPEST:
        raise _Circle(
            f"The SSH configuration's jump hosts lead in a circle: {settings.jumps[-1]}.", "Correct ProxyJump."
        )
    return _jump(settings.jumps, address, port, known, depth)


def _jump(jumps: Sequence[str], address: HostName, port: int, known: Known, depth: int) -> Stream:
    """Through all of ``jumps``, the last of which reaches ``address``."""
    *before, last = jumps
    user, host, jump_port = ssh_config.split_jump(last)
    settings = ssh_config.lookup(known.config, [host], user, jump_port)
    if before:  # its own way counts only where it is the first
        settings = replace(settings, jumps=tuple(before), proxy_command=())
    there, where = settings.address or host, jump_port or settings.port or 22
    has_way = settings.jumps or settings.proxy_command
    try:
        bastion = clients.connect(
            Login(
                there,
                user=user or settings.user or ssh_config.local_user(),
                port=where,
                keys=configured(settings),
                trust=_trust(settings, known),
                settings=settings,
                dial=(lambda: dial(settings, there, where, known, depth + 1)) if has_way else None,
            )
        )
    except _Circle:  # each host of it is as good a name as the last
        raise
    except TransportError as error:
        raise TransportError(f"The jump host {last} cannot be used: {error.problem}", error.remedy) from error
    try:
        return _Hop(bastion, bastion.dial(address, port))
    except BaseException:
        bastion.close()
        raise


def _trust(settings: ssh_config.Settings, known: Known) -> ssh.Trust:
    return ssh.Trust(
        files=[known.known_hosts] if known.known_hosts else [],
        usual=settings.known_hosts,
        revoked=settings.revoked_host_keys,
        further=known.further,
        aliases=[settings.host_key_alias] if settings.host_key_alias else [],
    )


class _Circle(TransportError):
    """There is no end of jump hosts."""


class _Hop:
    """A stream that closes the connection which it leads through."""

    def __init__(self, bastion: clients.Client, stream: Stream) -> None:
        self._bastion = bastion
        self._stream = stream
        self.send = stream.send
        self.recv = stream.recv
        self.settimeout = stream.settimeout
        self._lock = threading.Lock()
        self._closed = False  # paramiko asks sockets for this private name

    def close(self) -> None:
        """End the stream, and with it the connection to the jump host."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # the connection may be gone already
            self._stream.close()
        self._bastion.close()
