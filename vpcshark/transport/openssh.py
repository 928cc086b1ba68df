"""Commands on another machine by the installed OpenSSH ``ssh``, for what paramiko can't: the same contract, and the
same answers to "whose host key" and "which keys".

ssh logs in once, as a master that shares its connection with us alone, over a socket in a folder of ours; each command
goes through that (``mux``). No shell, no terminal, none of the user's masters but where their configuration has one. A
master that nobody holds on to ends by itself, so none outlives this process, however that ends. Must not know what a
command is for.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from vpcshark.errors import TransportError, VpcsharkError
from vpcshark.transport import openssh_start, openssh_words, programs, slots
from vpcshark.transport.alive import DEAD_AFTER
from vpcshark.transport.base import Stream
from vpcshark.transport.mux import Connection
from vpcshark.transport.names import HostName
from vpcshark.transport.openssh_channel import OpenSshChannel
from vpcshark.transport.openssh_options import options
from vpcshark.transport.openssh_trust import HostKeys
from vpcshark.transport.own_agent import Agent
from vpcshark.transport.private import Private, asking, passing
from vpcshark.transport.ssh import Trust
from vpcshark.transport.ssh_auth import Keys
from vpcshark.transport.ssh_config import Settings
from vpcshark.transport.tunnel import Tunnel, join

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Login:
    """Whom to log in where, and how; ``dial`` opens another way than TCP, which ``via`` names. ``asks``: a
    second factor may be asked for, by ssh-askpass. The connection ends if nothing comes for ``dead_after`` seconds."""

    address: HostName
    user: str
    port: int = 22
    keys: Keys = field(default_factory=Keys)
    trust: Trust = field(default_factory=Trust)
    settings: Settings = field(default_factory=Settings)
    dial: Callable[[], Stream] | None = None
    via: str = ""
    asks: bool = False
    dead_after: float = DEAD_AFTER

    @property
    def name(self) -> str:
        """The host's, for messages."""
        return f"{self.address}:{self.port}" if self.port != 22 else self.address


def connect(login: Login, program: str) -> OpenSshTransport:
    """Log in with ``program``. TransportError, as ``ssh.connect``."""
    keys = HostKeys(login.trust, login.address, login.port, login.settings.host_key_alias)
    with contextlib.ExitStack() as begun:
        private = begun.enter_context(contextlib.closing(_private()))
        stream = begun.enter_context(contextlib.closing(login.dial())) if login.dial else None
        with programs.blamed(stream, login.name):
            _start(login, program, private, keys, stream)
        held = Connection(private.path("master"))
        transport = OpenSshTransport(login, private.path("master"), held)
        private.end_sockets()
        transport.on_close(begun.pop_all().close)
    log.info("%s is logged in by %s.", transport.name, program)
    return transport


def _private() -> Private:
    """TransportError if there can be none."""
    try:
        return Private()
    except OSError as exc:
        raise TransportError(f"There is no place for ssh's sockets: {exc.strerror}.", "Look at TMPDIR.") from exc


def shared(login: Login, path: str) -> OpenSshTransport:
    """Over the connection of the user's own master at ``path``. TransportError if there is none."""
    held = Connection(path)
    log.info("The connection of the user's own ssh at %s is used.", path)
    return OpenSshTransport(login, path, held, is_own=False)


def _start(login: Login, program: str, private: Private, keys: HostKeys, stream: Stream | None) -> None:
    """Return once the master is there. TransportError."""
    given = list(options(login.settings, login.keys, login.dead_after))
    if isinstance(stream, programs.ProgramTunnel):  # it has connections and handshakes of its own to make first
        given.insert(0, ("ConnectTimeout", f"{programs.PATIENCE:.0f}"))
    given += [("UserKnownHostsFile", keys.files(Path(private.path("known_hosts"))))]
    asked = private.serve("host-key", keys.answer)
    given += [("KnownHostsCommand", asking(asked, ["%I", "%t", "%K"]))]
    if stream is not None:
        way = passing(private.serve("way", lambda connection: join(connection, stream)))
        given += [("ProxyCommand", way), ("ProxyUseFdpass", "yes")]
    if login.keys.only:
        agent = Agent([key for key, _ in login.keys.only])
        given += [("IdentityAgent", [private.serve("agent", agent.answer)])]
    given += [("ControlPath", [private.path("master")])]
    command = [program, *openssh_start.arguments(given), "-l", login.user, "-p", str(login.port), "--", login.address]
    words = openssh_start.run(command, private.path("words"), asks=login.asks)
    if words is not None:
        raise keys.error or openssh_words.told(words, _tried(login, program))


def _tried(login: Login, program: str) -> openssh_words.Tried:
    tried = openssh_words.Tried(login.name, login.user)
    if login.keys.file or login.keys.only:
        tried = replace(tried, keys=f"the key {login.keys.file or login.keys.only[0][1]}")
    return replace(tried, offered=partial(openssh_start.offered, program, login.settings.passed))


class OpenSshTransport:
    """One connection of ssh; every command is a channel of it."""

    def __init__(self, login: Login, path: str, held: Connection, *, is_own: bool = True) -> None:
        """``held`` keeps the master at ``path`` from ending; it ends with us if it ``is_own``. TransportError."""
        self._name = f"ssh {login.user}@{login.name}{login.via}"
        self._path = path
        self._held = held
        self._pid = held.pid()
        self._is_own = is_own
        self._open: list[OpenSshChannel | Tunnel] = []
        self._closing: list[Callable[[], object]] = []

    @property
    def name(self) -> str:
        """``ssh ec2-user@10.1.0.20``."""
        return self._name

    def open(self, command: Sequence[str]) -> OpenSshChannel:
        """Start the command in the user's login shell, which gets every argument quoted. TransportError."""
        line = shlex.join(command)
        channel = slots.opened(lambda: OpenSshChannel(self._connection(), line, self.name, self._is_broken))
        self._open.append(channel)
        return channel

    def dial(self, address: str, port: int) -> Stream:
        """As ``SshTransport.dial``. TransportError."""
        control = self._connection()
        ours, theirs = socket.socketpair()
        try:
            control.reach(address, port, [theirs.fileno()] * 2)
        except TransportError as exc:
            ours.close()
            control.close()
            raise TransportError(
                f"{self.name} does not get through to {address}, port {port}: {exc.problem.rstrip('.')}.",
                "Check that it may forward (AllowTcpForwarding) and that its network reaches that address.",
            ) from exc
        finally:
            theirs.close()
        stream = Tunnel(ours, control.close)
        self._open.append(stream)
        return stream

    def on_close(self, action: Callable[[], object]) -> None:
        """Call ``action`` once, after the connection is closed."""
        self._closing.append(action)

    def close(self) -> None:
        """Close all channels, the connection if it is ours, and what it leads through."""
        while self._open:
            self._open.pop().close()
        if self._is_own:
            self._is_own = False
            self._end()
        self._held.close()
        while self._closing:
            self._closing.pop()()

    def _connection(self) -> Connection:
        try:
            return Connection(self._path)
        except VpcsharkError as error:
            raise TransportError(f"The connection {self.name} broke.", "Start the capture again.") from error

    def _is_broken(self) -> bool:
        try:
            Connection(self._path).close()
        except VpcsharkError:
            return True
        return False

    def _end(self) -> None:
        """ssh ends when it is asked to; where it hangs, all the same."""
        try:
            self._held.terminate()
        except OSError:
            with contextlib.suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)
