"""The receiver's life: config in, everything in place, "ready"; packets out until stdin closes; the rest, and counts.

stdin: a line of JSON, the config, then lines of commands; its end ends the receiver. stdout: pcapng blocks (packets,
and statistics every 5 s and at the end), little-endian, for the interface ids of the config. stderr: lines of JSON,
each with "event":

- {"event": "ready", "mode": "ring" or "socket", "port", "interfaces": indices, none for any, "time": ns, "python",
  "pid", "born": when that process began, ticks since the boot (0: not known)};
- {"event": "stats", "received", "dropped", "foreign": {VNI: frames}, "other": no VXLAN}, when a number changed;
- {"event": "tally", "received", "seconds", "own", "other", "foreign": {VNI: frames}} (or "refused"): see ``tally``;
- {"event": "pong", "ping": what the command had, "time": ns}: to measure how this machine's clock differs;
- {"event": "error", "problem", "remedy"}: whole sentences; before "ready" the receiver ends with status 1, behind it
  it refused a command.

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
# ruff: noqa: UP006, UP035, UP045

import contextlib
import errno
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, Dict, Iterator, List, Optional, Sequence

from vpcshark.receiver.commands import NONE_EARLIER, Commands, Config, Earlier, Refused
from vpcshark.receiver.datagrams import Datagrams
from vpcshark.receiver.frames import Frames
from vpcshark.receiver.heartbeat import SILENCE, Heartbeat
from vpcshark.receiver.lifeline import NAP, Lifeline, born, end_connection, end_earlier
from vpcshark.receiver.output import Output
from vpcshark.receiver.ring import Ring
from vpcshark.receiver.source import NO_MEMORY, FrameSource, hold, interfaces_of, open_source
from vpcshark.receiver.tally import Tally
from vpcshark.wire.capture_files.blocks import interface_statistics

_LAST_FLUSH_SECONDS = 2.0
_DRAIN_SECONDS = 0.5
_BLOCKS_PER_TURN = 64


def now() -> int:
    """This machine's wall clock, in ns."""
    return int(time.time() * 1000000000)


def say(event: str, **details: Any) -> None:
    """A line of JSON on stderr; if nobody reads it, nobody misses it."""
    line = json.dumps(dict(details, event=event), sort_keys=True) + "\n"
    with contextlib.suppress(OSError):
        os.write(2, line.encode())


@contextlib.contextmanager
def _refusals_told() -> Iterator[None]:
    """Why a command is not done, in an event instead of an exception."""
    try:
        yield
    except (Refused, OSError, TypeError, ValueError) as exc:
        is_memory = isinstance(exc, OSError) and exc.errno == errno.ENOMEM
        problem, remedy = f"A command failed: {exc}.", ""
        if isinstance(exc, Refused) or is_memory:
            problem, remedy = NO_MEMORY if is_memory else exc.args
        say("error", problem=problem, remedy=remedy)


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
        earlier: Earlier = NONE_EARLIER,
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
        """Do all that came; one that is refused keeps no other from being done."""
        given: List[Dict[str, Any]] = []
        with _refusals_told():
            given = self._commands.read()
        for command in given:
            with _refusals_told():
                self._do(command)

    def _do(self, command: Dict[str, Any]) -> None:
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
        interfaces = interfaces_of(config.address)
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
