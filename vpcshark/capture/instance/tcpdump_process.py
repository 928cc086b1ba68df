"""One tcpdump (or what stands in for it) on a host, from the questions before it to its last counts.

Must not know AWS, nor what becomes of the packets.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from vpcshark import text, threads
from vpcshark.capture.contract.sink import SinkClosed
from vpcshark.capture.instance import asking, commands, network_namespaces
from vpcshark.capture.instance import facts as instance_facts
from vpcshark.capture.remote import listening, shell_commands
from vpcshark.capture.remote.listening import Listener
from vpcshark.clock import SystemClock
from vpcshark.errors import InputError, Mistake, OutputError, TransportError, VpcsharkError
from vpcshark.transport.base import Channel, Transport
from vpcshark.wire.bpf import kernel_filter, libpcap
from vpcshark.wire.overlay.tcpdump_stream import Converter

log = logging.getLogger(__name__)
CHUNK = 1 << 18
MOST_LINE = 1 << 16  # bytes
MOST_WORDS = 500  # characters of one
_NO_TCPDUMP = "See what the tcpdump is that the user there runs, and what the user's start-up files print."
ANSWER_DEADLINE = 15.0  # seconds until the capture has begun, also on a host that is busy
_NO_RIGHT = re.compile(r"not permitted|permission|a password is required|a terminal is required|must have a tty", re.I)


OnCounts = Callable[[int, int], None]
"""Told how many packets were received and dropped since the dump began."""


@dataclass(frozen=True)
class Wanted:
    """What to capture: on the interface with ``mac`` ("0a:…"), frames that pass ``capture_filter``, at most ``snaplen``
    bytes of each; ``decapsulate``: what is inside VXLAN instead of it."""

    mac: str
    capture_filter: str = ""
    snaplen: int = 262144
    decapsulate: bool = False


class Dump:
    """A running capture. ``on_counts(received, dropped)`` is told the host's counts, by a thread of its own."""

    def __init__(
        self,
        transport: Transport,
        wanted: Wanted,
        remark: str = "",
        on_counts: OnCounts = lambda received, dropped: None,
    ) -> None:
        self._transport = transport
        self._wanted = wanted
        self._said: deque[str] = deque(maxlen=2)
        self._counts: dict[str, int] = {}
        self._over = threading.Event()
        self._is_late = False
        self._follower: Channel | None = None
        self.whose = ""  # a pod, a task: where the interface is not in the host's own network namespace
        self._on_counts = on_counts
        self.facts = ask(transport)
        _check_own_traffic(self.facts, transport)
        self.converter = self._converter(remark)
        self._channel = self._start()
        self._listener = Listener(self._channel, self._said_line, self._unfit, SystemClock(), most=MOST_LINE)

    @property
    def last_time(self) -> int:
        """When the last packet so far was seen there, ns; 0 before the first."""
        return self.converter.last_time

    @property
    def counts_when_asked(self) -> bool:
        """Is each sign of life answered by counts? Not where tcpdump may not be signalled."""
        return self.facts.rights != "tcpdump"

    def begin(self) -> bytes:
        """Wait until it captures; returns the first packets, if there are any already. TransportError says why not."""
        self._listener.begin()
        alarm = threads.after(ANSWER_DEADLINE, self._give_up, name="end of an answer")
        blocks = b""
        try:
            while not self.converter.has_begun:
                data = self._channel.read(CHUNK)
                if not data:
                    raise self._failure()
                blocks += self._converted(data)
        finally:
            alarm.cancel()
        listening.beat(self._sign, self._over, commands.BEAT)
        return blocks

    def _give_up(self) -> None:
        self._is_late = True
        self._channel.close()

    def follow(self, path: str, on_data: Callable[[bytes], None]) -> None:
        """Give ``on_data`` the file ``path`` of the host, from its start and as it grows, until the dump ends."""
        self._follower = self._transport.open(shell_commands.carried(commands.follow(self.facts, path)))
        threads.alone(self._follow, self._follower, on_data, name="key log")

    def _follow(self, channel: Channel, on_data: Callable[[bytes], None]) -> None:
        with contextlib.suppress(TransportError, SinkClosed, OutputError):  # the packets' own tell the sink's
            while data := channel.read(CHUNK):
                on_data(data)

    def read(self) -> bytes:
        """Packet blocks; waits for some. b"" at the end. TransportError for what is no packets."""
        while data := self._channel.read(CHUNK):
            if blocks := self._converted(data):
                return blocks
        return b""

    def why_ended(self) -> VpcsharkError | None:
        """The reason for an end that nobody asked for; None if the way to the host broke."""
        if self._listener.wrong is not None:
            return self._listener.wrong
        try:
            self._channel.wait(1.0)
        except TransportError:
            return None
        return self._failure()

    def ask_to_end(self) -> None:
        """Let it write its last packets and counts; ``read`` comes to its end."""
        self._over.set()
        self._channel.close_input()
        if self._follower is not None:
            self._follower.close_input()

    def close(self, timeout: float = 0.0) -> None:
        """Wait at most ``timeout`` seconds for its last words, then end it and the way to it."""
        self._over.set()
        self._listener.ended.wait(timeout)
        self._channel.close()
        self._transport.close()

    def _converter(self, remark: str) -> Converter:
        wanted = self._wanted
        passes = inner_filter(wanted.capture_filter) if wanted.decapsulate else None
        mac = bytes.fromhex(wanted.mac.replace(":", ""))
        return Converter(mac, decapsulate=wanted.decapsulate, wanted=passes, remark=remark)

    def _start(self) -> Channel:
        wanted, facts = self._wanted, self.facts
        interface = facts.interface(wanted.mac)
        enter: Callable[[Sequence[str]], Sequence[str]] = list
        if not interface:
            place = self._elsewhere()
            interface, enter, self.whose = place.device, place.enter, place.whose
        where = self._transport.name
        log.info("Capturing on %s of %s with %s.", interface, self.whose or where, facts.tcpdump or facts.python)
        command = commands.command(
            facts, interface, wanted.capture_filter, wanted.snaplen, outer=wanted.decapsulate, enter=enter
        )
        return self._transport.open(shell_commands.carried(command))

    def _elsewhere(self) -> network_namespaces.Place:
        """In another network namespace of the host. InputError if it is in none that we may look into."""
        mac, may_look = self._wanted.mac, self.facts.rights in ("root", "sudo")
        command = commands.as_root(self.facts, network_namespaces.command(mac))
        place = network_namespaces.parse(asking.answer(self._transport, command)) if may_look else None
        if place is None:
            look = "" if may_look else " It may be in a container, where only root can look (sudo without a password)."
            raise InputError(
                f"{self._transport.name}: no network interface there has the ENI's MAC address {mac}.{look}",
                "The ENI may have been moved to another instance; refresh the list of interfaces.",
            )
        return place

    def _converted(self, data: bytes) -> bytes:
        try:
            return self.converter.feed(data)
        except ValueError as error:
            raise TransportError(f"{self._transport.name} does not send packets: {error}") from error

    def _sign(self) -> None:
        self._channel.write(b".\n")
        if self._follower is not None:
            self._follower.write(b".\n")

    def _unfit(self, error: ValueError) -> TransportError:
        return TransportError(f"{self._transport.name} sends what no tcpdump does: {error}.", _NO_TCPDUMP)

    def _said_line(self, line: bytes, is_whole: bool) -> None:
        counts = commands.statistics(line)
        self._counts.update(counts)
        if "dropped by kernel" in counts:
            dropped = counts["dropped by kernel"] + self._counts.get("dropped by interface", 0)
            self._on_counts(self._counts.get("received by filter", 0), dropped)
        elif (words := text.line(line.decode("utf-8", "replace").strip(), MOST_WORDS)) and not counts:
            log.info("%s said: %s", self._transport.name, words)
            if "listening on" not in words:
                self._said.append(words)

    def _failure(self) -> VpcsharkError:
        self._listener.ended.wait(1.0)
        if self._listener.wrong is not None:
            return self._listener.wrong
        words = " ".join(self._said)
        where, facts = self._transport.name, self.facts
        if _NO_RIGHT.search(words) or (not facts.rights and facts.refusal):
            why = f"sudo says: {facts.refusal}" if facts.refusal else "there is no sudo"
            return TransportError(
                f"{where}: the user {facts.user} may not capture there, and {why.rstrip('.')}.",
                "Let that user run tcpdump with sudo without a password (NOPASSWD, no requiretty), or log in as "
                "another (--ssh-user); --mode mirror needs no right on the instance.",
            )
        if self._is_late and not words:
            return TransportError(f"{where}: tcpdump did not begin within {ANSWER_DEADLINE:.0f} seconds.", "Try again.")
        return TransportError(f"{where}: tcpdump ended: {words or 'it gives no reason'}.", "Start the capture again.")


def inner_filter(capture_filter: str) -> Callable[[bytes, int], bool] | None:
    """Which frames inside VXLAN pass, by the bytes that are there and the length on the wire; None: all. Mistake for
    a filter that asks which way they go."""
    if not capture_filter.strip():
        return None
    program = libpcap.compile_filter(capture_filter)
    if kernel_filter.asks_direction(program):
        raise Mistake(
            "Of frames inside VXLAN (--decap) nobody can tell here whether they are inbound or outbound: they are those"
            " of other interfaces, by way of this one.",
            "Leave out the direction (--direction, inbound, outbound), or --decap.",
        )
    return lambda frame, length: bool(kernel_filter.run(program, frame, length))


def ask(transport: Transport) -> instance_facts.Facts:
    """What the host says of itself. TransportError."""
    output = asking.answer(transport, instance_facts.command())
    facts = instance_facts.parse(output, transport.name)
    if facts.is_guessed:
        unseen = _unseen(facts, transport)
        log.warning("%s; root's %d connections to port 443 are taken for them.", unseen, len(facts.agent))
    # Only a connection of our own may be ended with the capture: on this machine sshd serves the user's login.
    return replace(facts, sshd=0) if transport.name == "local" else facts


def _check_own_traffic(facts: instance_facts.Facts, transport: Transport) -> None:
    """TransportError if what carries the capture cannot be left out of it: each packet would make another."""
    if facts.is_guessed and not facts.agent and transport.name != "local":
        raise TransportError(
            f"{_unseen(facts, transport)}, and root has none to port 443: the capture would capture itself.",
            "Let that user run everything with sudo, log in as another (--ssh-user), or take another --connection.",
        )


def _unseen(facts: instance_facts.Facts, transport: Transport) -> str:
    return f"{transport.name}: the user {facts.user} cannot see which connections are the SSM agent's"
