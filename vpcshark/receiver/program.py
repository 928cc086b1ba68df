"""The receiver's life: config in, everything in place, "ready"; packets out until stdin closes; the rest, and counts.

stdin: a line of JSON, the config, then lines of commands; its end ends the receiver. stdout: pcapng blocks (packets,
and statistics every 5 s and at the end), little-endian, for the interface ids of the config. stderr: lines of JSON,
each with "event":

- {"event": "ready", "mode": "ring" or "socket", "port", "interfaces": indices, none for any, "time": ns, "python",
  "pid", "born": when that process began, ticks since the boot (0: not known)};
- {"event": "stats", "received", "dropped", "foreign": {VNI: frames}, "other": no VXLAN}, when a number changed;
- {"event": "tally", "received", "seconds", "own", "other", "foreign": {VNI: frames}} (or "refused"): see ``tally``;
- {"event": "pong", "ping": what the command had, "time": ns}: to measure how this machine's clock differs;
- {"event": "error", "problem", "remedy"}: whole sentences; the receiver ends with status 1, or refused a command.

Config: port, address, interfaces [{vni, id, mac}], program, socket_program, snaplen; optional: geneve_port (also hold
that one), mode ("ring" or "socket": no choice), statistics_seconds (5), silence_seconds (0: none; else the receiver
ends, with the sshd that it came by, when it gets no line for so long), heartbeat (a file that keeps the machine up, see
``heartbeat``) and heartbeat_seconds (how long); of the same capture's earlier receiver: received (of an interface),
dropped, started (ns), and gap, what the first statistics block, before any packet, and the last one say of what is
missing between the two ("{until}" in it becomes the time at which this one began), and pid and born of that process,
which is ended if it lives. Commands: {"program",
"socket_program"} swaps the filter, {"tally": true} begins to count what it refuses and {"tally": false} tells that,
{"ping": any} asks for a pong, {"remark": text} is a comment for the next statistics block and for the last,
{"keep": seconds} is a last heartbeat for so long; every line, also {"alive": true}, breaks the silence.

UDP ``port`` is held with sockets that refuse everything while frames come from the ring, lest the kernel answer each of
them with an ICMP port-unreachable to the source. Sent to the capture host: Python 3.6 and the standard library only.
Must not know AWS, Wireshark or transports.
"""
# ruff: noqa: UP006, UP007, UP035, UP045

import contextlib
import errno
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

from vpcshark.receiver import kernel
from vpcshark.receiver.datagrams import Datagrams
from vpcshark.receiver.frames import Frames, Source
from vpcshark.receiver.heartbeat import SILENCE, Heartbeat
from vpcshark.receiver.lifeline import NAP, Lifeline, born, end_connection, end_earlier
from vpcshark.receiver.output import Output
from vpcshark.receiver.ring import Ring
from vpcshark.receiver.tally import Tally
from vpcshark.wire.capture_files.blocks import interface_statistics
from vpcshark.wire.overlay.vxlan import STANDARD_PORTS, Ports

_LAST_FLUSH_SECONDS = 2.0
_DRAIN_SECONDS = 0.5
_BLOCKS_PER_TURN = 64
_MAX_COMMAND = 4 * 1024 * 1024

FrameSource = Union[Ring, Datagrams]


class Refused(Exception):
    """The receiver cannot work: (problem, remedy), whole sentences."""


def now() -> int:
    """This machine's wall clock, in ns."""
    return int(time.time() * 1000000000)


def say(event: str, **details: Any) -> None:
    """A line of JSON on stderr; if nobody reads it, nobody misses it."""
    line = json.dumps(dict(details, event=event), sort_keys=True) + "\n"
    with contextlib.suppress(OSError):
        os.write(2, line.encode())


class Commands:
    """Lines of JSON from stdin."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.closed = False
        self._rest = b""

    def read(self) -> List[Dict[str, Any]]:
        """Wait for input once and give the commands that are whole; ``closed`` says that none will follow."""
        data = os.read(self.descriptor, 65536)
        if not data:
            self.closed = True
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _MAX_COMMAND:
            raise Refused("A command to the receiver is too long.", "Use a shorter capture filter.")
        return [_parse(line) for line in lines if line.strip()]


def _parse(line: bytes) -> Dict[str, Any]:
    try:
        command = json.loads(line.decode())
    except ValueError as exc:
        raise Refused(f"The receiver got a command that is no JSON: {exc}.", "") from exc
    if not isinstance(command, dict):
        raise Refused("The receiver got a command that is no JSON object.", "")
    return command


class Earlier(NamedTuple):
    """The same capture's receiver before this one: the frames that it dropped, when it began (ns; 0: none was), and
    what is to be said of the gap since."""

    dropped: int
    started: int
    gap: str


_NONE_EARLIER = Earlier(0, 0, "")


class Config:
    """The first command: what to receive."""

    def __init__(self, given: Dict[str, Any]) -> None:
        try:
            self.sources = [
                Source(
                    int(each["vni"]),
                    int(each["id"]),
                    bytes.fromhex(str(each.get("mac", "")).replace(":", "")),
                    int(each.get("received") or 0),
                )
                for each in given["interfaces"]
            ]
            self.earlier = Earlier(
                int(given.get("dropped") or 0), int(given.get("started") or 0), str(given.get("gap") or "")
            )
            self.port = int(given.get("port", STANDARD_PORTS.vxlan))
            self.geneve_port = int(given.get("geneve_port") or 0)
            self.address = str(given.get("address") or "")
            self.snaplen = int(given.get("snaplen") or 262144)
            self.program = given.get("program")
            self.socket_program = given.get("socket_program")
            self.mode = str(given.get("mode") or "")
            self.statistics_seconds = float(given.get("statistics_seconds") or 5.0)
            self.silence_seconds = float(given.get("silence_seconds") or 0.0)
            self.heartbeat = str(given.get("heartbeat") or "")
            self.process = int(given.get("pid") or 0), int(given.get("born") or 0)
            self.heartbeat_seconds = float(given.get("heartbeat_seconds") or SILENCE)
        except (KeyError, TypeError, ValueError) as exc:
            raise Refused(f"The receiver's config is not valid: {exc!r}.", "") from exc

    @property
    def ports(self) -> Ports:
        """Where VXLAN and Geneve are expected."""
        return Ports(self.port, self.geneve_port or STANDARD_PORTS.geneve)


def hold(port: int) -> List[socket.socket]:
    """Sockets that have UDP ``port`` and refuse every datagram. If another program has it, that is as good."""
    held = []
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM)
        except OSError:  # no IPv6 here
            continue
        try:
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, kernel.SO_REUSEPORT, 1)
            kernel.attach(sock, kernel.REFUSE_ALL)
            sock.bind((address, port))
            held.append(sock)
        except OSError as exc:
            sock.close()
            if exc.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                raise
    return held


def open_source(config: Config, frames: Frames) -> FrameSource:
    """The ring if the kernel lets us, else UDP sockets; ``Refused`` when neither can be had."""
    if config.mode != "socket":
        try:
            return Ring(frames, config.program, _interfaces(config.address))
        except OSError as exc:
            if config.mode == "ring" or exc.errno == errno.EINVAL:
                raise Refused(f"The kernel refused a packet ring: {exc.strerror}.", _RING_REMEDY) from exc
    try:
        return Datagrams(frames, config.socket_program, config.port, config.address)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            problem = f"UDP port {config.port} is taken by another program on the capture host."
            raise Refused(problem, _PORT_REMEDY) from exc
        raise Refused(f"No UDP socket can be had on the capture host: {exc.strerror}.", _RING_REMEDY) from exc


_RING_REMEDY = "Run the receiver as root or with CAP_NET_RAW, on Linux 4.12 or later."
_PORT_REMEDY = (
    "End that program (a capture, perhaps), or run the receiver as root or with CAP_NET_RAW: then both can work."
)


def _interfaces(address: str) -> List[int]:
    """Where frames to ``address`` arrive: its own interface, and loopback if they come from this machine. Empty:
    anywhere.
    """
    owner = kernel.owner_of(address) if address else None
    if owner is None:
        return []
    loopback = [index for index, name in socket.if_nameindex() if name == "lo"]
    return sorted({owner, *loopback})


class Receiver:
    """Moves packets from the source to stdout, and listens to stdin meanwhile."""

    def __init__(
        self,
        source: FrameSource,
        frames: Frames,
        commands: Commands,
        output: Output,
        period: float,
        silence: float = 0.0,
        heartbeat: Optional[Heartbeat] = None,
        interfaces: Sequence[int] = (),
        earlier: Earlier = _NONE_EARLIER,
    ) -> None:
        self._interfaces = list(interfaces)
        self._tally: Optional[Tally] = None
        self._source, self._frames, self._period = source, frames, period
        self._lifeline = Lifeline(silence)
        self._heartbeat = heartbeat or Heartbeat("", SILENCE)
        self._commands, self._output = commands, output
        self._earlier = earlier
        self._started = earlier.started or now()
        self._due = time.monotonic() + period
        self._owes_report = False
        self._said: Optional[Dict[str, Any]] = None
        self._gap = earlier.gap.replace("{until}", _upwards(now()))
        self._remark = ""
        self._remark_is_new = False
        self._wakeup = _wake_on_signals()

    def run(self) -> int:
        """Until stdin closes, SIGTERM comes (status 0) or stdout breaks (status 1)."""
        try:
            if self._gap:  # frames may be waiting already: the gap is before all of them
                self._report(self._dropped(), [self._gap])
            self._stream()
            self._finish()
            return 0
        except OSError:  # nobody reads stdout any more; what was lost can still be said
            self._source.stop()
            self.say_counts(self._dropped() + self._source.abandon())
            return 1

    def _stream(self) -> None:
        while not self._commands.closed:
            self._heartbeat.beat()
            wait = max(0.0, min(self._due - time.monotonic(), self._lifeline.left, self._heartbeat.left, NAP))
            events = dict(self._watched().poll(wait * 1000 + 1))
            self._lifeline.wake(wait)
            if self._wakeup in events:
                return
            if self._commands.descriptor in events:
                self._lifeline.hear()
                self._obey()
            if self._lifeline.left <= 0:
                end_connection()
                raise BrokenPipeError(errno.EPIPE, "nothing was heard of the capture")
            if events.get(self._output.descriptor, 0) & (select.POLLERR | select.POLLHUP):
                raise BrokenPipeError(errno.EPIPE, "nobody reads stdout")
            self._output.flush()
            if self._tally is not None:
                self._tally.read()
            self._tell()
            self._move()

    def _tell(self) -> None:
        """The counts, when it is time; their blocks only once there is room: they are sums, so none is missed."""
        if time.monotonic() >= self._due:
            self._due += self._period
            self._owes_report = True
            self.say_counts(self._dropped())
        if self._owes_report and not self._output.full:
            self._owes_report = False
            self._report(self._dropped(), self._news())

    def _watched(self) -> "select.poll":
        """Wait for frames only if there is room, and for room only if something waits; always for stdout's end. Made
        anew each turn: a descriptor that was closed meanwhile would be ready for ever.
        """
        poll = select.poll()
        poll.register(self._commands.descriptor, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        for descriptor in self._source.descriptors():
            poll.register(descriptor, 0 if self._output.full else select.POLLIN)
        for descriptor in self._tally.descriptors() if self._tally is not None else []:
            poll.register(descriptor, select.POLLIN)
        poll.register(self._output.descriptor, select.POLLOUT if self._output.pending else 0)
        return poll

    def _move(self) -> None:
        for _ in range(_BLOCKS_PER_TURN):
            if self._output.full:
                return
            data = self._source.read()
            if data is None:
                return
            self._output.put(data)

    def _obey(self) -> None:
        try:
            for command in self._commands.read():
                if "ping" in command:
                    say("pong", ping=command["ping"], time=now())
                if "remark" in command:
                    self._remark, self._remark_is_new = str(command["remark"]), True
                if "keep" in command:
                    self._heartbeat.prolong(float(command["keep"]))
                if "tally" in command:
                    self._count_arrivals(is_on=bool(command["tally"]))
                key = "program" if isinstance(self._source, Ring) else "socket_program"
                if key in command:
                    self._source.attach(command[key])
        except (Refused, OSError, TypeError, ValueError) as exc:
            problem, remedy = exc.args if isinstance(exc, Refused) else (f"A command failed: {exc}.", "")
            say("error", problem=problem, remedy=remedy)

    def _count_arrivals(self, is_on: bool) -> None:
        """Begin anew, or end and tell."""
        counted, self._tally = self._tally, None
        if is_on:
            if counted is not None:
                counted.close()
            refusing = self._source if isinstance(self._source, Datagrams) else None
            self._tally = Tally(self._frames, self._interfaces, refusing)
        elif counted is not None:
            self._move()
            say("tally", received=self._frames.received, **counted.result())

    def _finish(self) -> None:
        """Take no more, read what is there, write it and the final counts; all within a bounded time."""
        self._source.stop()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while True:
            self._move()
            if not self._source.left() or self._output.full or time.monotonic() > deadline:
                break
            select.select(self._source.descriptors(), [], [], 0.002)
        self._report(self._dropped() + self._source.abandon(), [self._gap, self._remark])
        self._output.close(_LAST_FLUSH_SECONDS)

    def _dropped(self) -> int:
        """Since the capture began."""
        return self._earlier.dropped + self._source.dropped()

    def _news(self) -> List[str]:
        """The remark, once."""
        is_new, self._remark_is_new = self._remark_is_new, False
        return [self._remark] if is_new else []

    def _report(self, dropped: int, remarks: Sequence[str]) -> None:
        """Statistics blocks, and an event if a number changed.

        The kernel counts drops for all sources together: the first one's block has them.
        """
        shared = "The dropped frames are those of all interfaces." if len(self._frames.sources) > 1 else ""
        comment = " ".join(filter(None, [shared, *remarks]))
        for place, source in enumerate(self._frames.sources):
            lost, said = (0, "") if place else (dropped, comment)
            received = source.before + source.received
            self._output.put(interface_statistics(source.id, now(), received, lost, self._started, said))
        self.say_counts(dropped)

    def say_counts(self, dropped: int) -> None:
        """An event, if a number changed since the last one."""
        counts = {
            "received": self._frames.received,
            "dropped": dropped,
            "foreign": dict(self._frames.foreign),
            "other": self._frames.other,
        }
        if counts != self._said:
            self._said = counts
            say("stats", **counts)


def _upwards(nanoseconds: int) -> str:
    """A time in UTC, rounded up to a second: what is missing until then ends before it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(nanoseconds // 1000000000 + 1))


def _wake_on_signals() -> int:
    """SIGTERM makes the returned descriptor readable; a lost terminal or Ctrl-C is no reason to end: stdin's end is."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGTERM, lambda *_: None)
    for harmless in (signal.SIGHUP, signal.SIGINT):
        signal.signal(harmless, signal.SIG_IGN)
    return reader


def main() -> int:
    """The whole life of a receiver; the exit status."""
    commands = Commands(0)
    try:
        given: List[Dict[str, Any]] = []
        while not given:
            given = commands.read()
            if commands.closed:
                return 0
        signal.alarm(0)
        config = Config(given[0])
        if config.process[0]:
            end_earlier(*config.process)
        frames = Frames(config.sources, config.snaplen, config.ports)
        source = open_source(config, frames)
        held = _hold_ports(config) if isinstance(source, Ring) else []
    except Refused as exc:
        say("error", problem=exc.args[0], remedy=exc.args[1])
        return 1
    try:
        output = Output(1)
        heartbeat = Heartbeat(config.heartbeat, config.heartbeat_seconds)
        periods = (config.statistics_seconds, config.silence_seconds)
        interfaces = _interfaces(config.address)
        receiver = Receiver(source, frames, commands, output, *periods, heartbeat, interfaces, config.earlier)
        ready = {"mode": source.mode, "port": config.port, "interfaces": interfaces, "time": now()}
        say("ready", python=sys.version.split()[0], **_itself(), **ready)
        return receiver.run()
    finally:
        for sock in held:
            sock.close()


def _itself() -> Dict[str, int]:
    """By what a later receiver knows this process."""
    try:
        return {"pid": os.getpid(), "born": born(os.getpid())}
    except (OSError, ValueError):  # no /proc
        return {"pid": os.getpid(), "born": 0}


def _hold_ports(config: Config) -> List[socket.socket]:
    held = hold(config.port)
    return held + hold(config.geneve_port) if config.geneve_port else held
