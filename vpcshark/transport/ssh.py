"""Commands on another machine by SSH, with paramiko tuned to be faster than Wireshark's own sshdump.

Host keys are checked against known_hosts, always. Importing this module costs 0.3 s (paramiko): import it when it is
needed. Must not know what the command is for.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST, cMSG_DISCONNECT, cMSG_GLOBAL_REQUEST

from vpcshark import threads
from vpcshark.errors import Closed, TransportError, Unreachable
from vpcshark.transport import known_hosts, programs, slots
from vpcshark.transport.alive import DEAD_AFTER, Heard, Watch, give_up_in_time
from vpcshark.transport.base import NO_STATUS, Stream
from vpcshark.transport.buffers import Chunks, Overfull, ReadAhead, Room
from vpcshark.transport.host_certificates import Shown
from vpcshark.transport.ssh_auth import Keys, authenticate
from vpcshark.transport.ssh_config import Algorithms
from vpcshark.transport.ssh_greeting import AUTH_TIMEOUT, WINDOW, negotiate, reason

log = logging.getLogger(__name__)
# paramiko logs tracebacks at error level; without a handler Python would print them on stderr, which is Wireshark's.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

GOODBYE = 0.2  # seconds for a last word to the host, which may wait for others that go nowhere
_BY_APPLICATION = 11  # SSH_DISCONNECT_BY_APPLICATION
CONNECT_TIMEOUT = 3.0  # seconds for TCP, and again for the key exchange
HOP_WINDOW = 4 << 20  # paramiko's buffer, which a jump host's channel has, is slow with more in it


@dataclass(frozen=True)
class Trust:
    """Whose host key is accepted. ``files``: known_hosts files instead of the ``usual`` ones (None: the user's and the
    machine's); ``further`` ones beside them; ``aliases``: names of the host there, besides its address. A key that no
    file has may be accepted by ``vouch(key_type, key)``, or else by the user with the command ``accept``. ``revoked``:
    a file of keys that are not."""

    files: Sequence[str] = ()
    usual: Sequence[str] | None = None
    revoked: str = ""
    further: Sequence[str] = ()
    aliases: Sequence[str] = ()
    vouch: Callable[[str, bytes], bool] | None = None
    accept: str = ""


def connect(
    address: str,
    *,
    user: str,
    port: int = 22,
    key_file: str = "",
    known_hosts_files: Sequence[str] = (),
    aliases: Sequence[str] = (),
    timeout: float = 0.0,
    keys: Keys | None = None,
    trust: Trust | None = None,
    dial: Callable[[], Stream] | None = None,
    via: str = "",
    dead_after: float = DEAD_AFTER,
    algorithms: Algorithms | None = None,
) -> SshTransport:
    """Log in. ``key_file`` "" takes the agent's keys and the default ones; ``known_hosts_files`` () the user's and the
    machine's; ``aliases`` are names under which the host's key may be known besides its address (its instance id).
    ``keys`` and ``trust`` say the same in more detail; ``algorithms`` are those that may be used. ``dial`` opens
    another way than TCP, which ``via`` names. The connection ends if for ``dead_after`` seconds nothing comes from the
    host, which is asked for a sign of life. ``timeout``: seconds for TCP, and again for the key exchange, 0 for what
    the way usually needs.

    TransportError: refused, timed out, no route, host key unknown or changed, key missing or encrypted, login refused.
    """
    name = f"{address}:{port}" if port != 22 else address
    trust = trust or Trust(files=known_hosts_files, aliases=aliases)
    trusted = known_hosts.load(trust.files, trust.further, trust.usual, trust.revoked)
    names = known_hosts.host_names(address, port, trust.aliases)
    plain = [address] if port != 22 else []
    way = dial() if dial else _dial(address, port, name, timeout or CONNECT_TIMEOUT)
    stream = Heard(way)
    with programs.blamed(way, name):
        transport = negotiate(stream, trusted.key_types(names, plain), name, timeout or _patience(way), algorithms)
    try:
        _check_host_key(trusted, names, plain, _shown(transport), trust)
        authenticate(transport, user, keys or Keys(file=key_file), name)
    except BaseException:
        transport.close()
        raise
    log.info("Logged in as %s on %s (%s)%s.", user, name, transport.remote_cipher, via)  # type: ignore[attr-defined]
    connection = SshTransport(transport, f"ssh {user}@{name}{via}")
    connection.watch(stream, dead_after)
    return connection


def host_key(address: str, port: int = 22, dial: Callable[[], Stream] | None = None) -> tuple[str, bytes]:
    """The type and blob of the key that the host shows now. TransportError."""
    name = f"{address}:{port}" if port != 22 else address
    stream = dial() if dial else _dial(address, port, name, CONNECT_TIMEOUT)
    with programs.blamed(stream, name):
        transport = negotiate(stream, [], name, _patience(stream))
    try:
        key = transport.get_remote_server_key()
        return key.get_name(), key.asbytes()
    finally:
        transport.close()


def _patience(way: Stream) -> float:
    """A program has connections and handshakes of its own to make first: AWS's plugin two of each."""
    return programs.PATIENCE if isinstance(way, programs.ProgramTunnel) else CONNECT_TIMEOUT


def _shown(transport: paramiko.Transport) -> Shown:
    """The host's key, with the certificate that paramiko keeps around it."""
    key = transport.get_remote_server_key()
    signed = getattr(key, "public_blob", None)
    return Shown(key.get_name(), key.asbytes(), signed.key_blob if signed else b"")


def _check_host_key(
    trusted: known_hosts.KnownHosts, names: Sequence[str], plain: Sequence[str], shown: Shown, trust: Trust
) -> None:
    try:
        trusted.check(names, shown, trust.accept, plain)
    except known_hosts.UnknownHostKey:
        if trust.vouch is None or not trust.vouch(shown.key_type, shown.key):
            raise


class SshTransport:
    """One SSH connection; every command is a channel of it."""

    def __init__(self, transport: paramiko.Transport, name: str) -> None:
        self._transport = transport
        self._name = name
        self._closing: list[Callable[[], None]] = []

    @property
    def name(self) -> str:
        """``ssh ec2-user@10.1.0.20``."""
        return self._name

    def open(self, command: Sequence[str]) -> SshChannel:
        """Start the command in the user's login shell, which gets every argument quoted. TransportError."""
        return slots.opened(lambda: self._open(command))

    def _open(self, command: Sequence[str]) -> SshChannel:
        try:
            channel = self._transport.open_session(timeout=CONNECT_TIMEOUT)
            room = Room(WINDOW)
            buffers: Any = Chunks(room), Chunks(room)  # nothing comes before a command is asked for
            channel.in_buffer, channel.in_stderr_buffer = buffers
            channel.exec_command(shlex.join(command))
        except paramiko.ChannelException as exc:
            raise slots.NoSession(self.name) from exc
        except Exception as exc:  # see reason
            raise TransportError(f"{self.name} does not start a command: {reason(exc)}.") from exc
        return SshChannel(self._transport, channel, self.name)

    def watch(self, stream: Heard, dead_after: float) -> None:
        """End the connection over ``stream`` when the host gives no sign of life."""

        def give_up() -> None:
            log.warning("%s has sent nothing for %g seconds, though it was asked to.", self.name, dead_after)
            self._transport.close()

        watch = Watch(stream, self._ask_for_life, give_up)
        self.on_close(watch.end)
        watch.start(dead_after)

    def _ask_for_life(self) -> None:
        """What ssh(1) asks every server, which answers that it knows no such request. paramiko has no call for it that
        does not wait for the answer."""
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        _send(self._transport, message)

    def close(self) -> None:
        """Close the connection with all its channels, and what it leads through. The host is told, so far as that can
        be done at once: through a tunnel it may not learn otherwise for a long time that nobody is there."""
        with contextlib.suppress(FutureTimeout):
            threads.start(self._say_goodbye, name="goodbye").result(GOODBYE)
        self._transport.close()
        while self._closing:
            self._closing.pop()()

    def _say_goodbye(self) -> None:
        """RFC 4253, 11.1, which paramiko has no call for."""
        if not self._transport.is_active():
            return
        message = paramiko.Message()
        message.add_byte(cMSG_DISCONNECT)
        message.add_int(_BY_APPLICATION)
        message.add_string("the capture has ended")
        message.add_string("")
        _send(self._transport, message)

    def on_close(self, action: Callable[[], None]) -> None:
        """Call ``action`` once, after the connection is closed."""
        self._closing.append(action)

    def dial(self, address: str, port: int) -> Stream:
        """A TCP connection from that machine on (RFC 4254, 7.2), for SSH to a machine behind it. TransportError."""
        try:
            return self._transport.open_channel(
                "direct-tcpip", (address, port), ("127.0.0.1", 0), window_size=HOP_WINDOW, timeout=AUTH_TIMEOUT
            )
        except Exception as exc:  # see reason
            raise TransportError(
                f"{self.name} does not get through to {address}, port {port}: {reason(exc)}.",
                "Check that it may forward (AllowTcpForwarding) and that its network reaches that address.",
            ) from exc


class SshChannel:
    """One command on the other machine."""

    def __init__(self, transport: paramiko.Transport, channel: paramiko.Channel, name: str) -> None:
        self._transport = transport
        self._channel = channel
        self._name = name
        self._closing = threading.Lock()

    def read(self, size: int) -> bytes:
        """See Channel."""
        return self._received(self._channel.recv, size)

    def read_error(self, size: int) -> bytes:
        """See Channel."""
        return self._received(self._channel.recv_stderr, size)

    def write(self, data: bytes) -> None:
        """See Channel."""
        try:
            self._channel.sendall(data)
        except (OSError, EOFError, paramiko.SSHException) as exc:
            raise TransportError(f"The command on {self._name} does not read its input any more.") from exc

    def close_input(self) -> None:
        """See Channel."""
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # closed already
            self._channel.shutdown_write()

    def wait(self, timeout: float) -> int:
        """See Channel."""
        if not self._channel.status_event.wait(timeout):
            if not self._transport.is_active():
                raise self._broken()
            raise TransportError(f"The command on {self._name} still runs after {timeout:g} seconds.")
        status = self._channel.exit_status
        if status >= 0:
            return status
        if not self._transport.is_active():
            raise self._broken()
        return NO_STATUS

    def close(self) -> None:
        """End of input, SIGTERM (sshd gives it to the command's process group), end of the channel."""
        with self._closing:
            if self._channel.closed:
                return
            self.close_input()
            if not self._channel.exit_status_ready():
                self._send_term()
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                self._channel.close()

    def _send_term(self) -> None:
        """RFC 4254, section 6.9, which paramiko has no call for. Without it a command that neither reads nor writes
        would outlive its channel. sshd refuses it to root's sessions: there a command must watch its input."""
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self._channel.remote_chanid)
        message.add_string("signal")
        message.add_boolean(False)
        message.add_string("TERM")
        _send(self._transport, message)

    def _received(self, receive: Callable[[int], bytes], size: int) -> bytes:
        try:
            return receive(size)
        except (OSError, EOFError):
            return b""

    def _broken(self) -> TransportError:
        why = self._transport.saved_exception
        words = f": {why}" if isinstance(why, Overfull) else ""
        return TransportError(f"The connection {self._name} broke{words}.", "Start the capture again.")


def _send(transport: paramiko.Transport, message: paramiko.Message) -> None:
    """Send what paramiko has no call for; a connection that is gone takes nothing."""
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        transport._send_user_message(message)  # type: ignore[attr-defined]


def _dial(address: str, port: int, name: str, timeout: float) -> Stream:
    """A TCP connection that notices a dead path. TransportError with what is probably wrong."""
    group = "Check that its security group and the network let you reach that port."
    try:
        connection = socket.create_connection((address, port), timeout)
    except ConnectionRefusedError as exc:
        raise Closed(f"{name} refuses SSH connections.", "Check that sshd runs there, on that port.") from exc
    except (TimeoutError, socket.timeout) as exc:  # noqa: UP041 - one class since Python 3.10
        raise Unreachable(f"{name} did not answer to SSH within {timeout:g} seconds.", group) from exc
    except (socket.gaierror, UnicodeError) as exc:  # UnicodeError: a part of it is empty, or longer than 63 letters
        raise Unreachable(f"The host name {address} is not known.", "Give an address that this machine knows.") from exc
    except OSError as exc:
        raise Unreachable(f"{name} cannot be reached: {exc.strerror}.", group) from exc
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    give_up_in_time(connection)
    return ReadAhead(connection)
