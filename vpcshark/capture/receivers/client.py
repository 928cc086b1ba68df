"""The client of a receiver: starts it over a transport, reads its events, moves its pcapng blocks into the sink.

Must not know AWS, nor look into the packets that it moves: at most where one ends, and whose it is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vpcshark import receiver, text
from vpcshark.capture.contract.sink import Drain, Sink, SinkClosed
from vpcshark.capture.instance.key_log import Following
from vpcshark.capture.receivers.clock_offset import Clocks
from vpcshark.capture.receivers.splice import HAS_SPLICE, drain
from vpcshark.capture.remote import output_lines, shell_commands
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import Broken, TransportError, VpcsharkError, unexpected
from vpcshark.transport.base import Channel, Piped, Transport
from vpcshark.wire.capture_files.pcapng import Cutter
from vpcshark.wire.overlay.vxlan import STANDARD_PORTS

log = logging.getLogger(__name__)

CHUNK = 1 << 18
BEAT = 2.0  # seconds between two signs of life
SILENCE = 6.0  # seconds without one after which the receiver ends itself: with its last flush, well below ten
LAST_WORDS = 1.0  # seconds that stderr has to end after stdout did
MOST_BANNER = 1 << 20
MOST_WORDS = 500  # characters of a line that is no event


class Reception:
    """One running receiver; see ``frame_stream.Receiving``."""

    note = ""

    def __init__(self, channel: Channel, transport: Transport, begin: bytes = b"", clock: Clock | None = None) -> None:
        """``transport`` is closed with the receiver: it was opened for it alone. What comes on stdout before ``begin``,
        and that itself, is no frame: start-up files of a login shell may print banners."""
        self._begin = begin
        self._channel = channel
        self._transport = transport
        self._where = transport.name
        self._clock = clock or SystemClock()
        self._clocks = Clocks(transport.name, self._clock)
        self._cutter = Cutter()
        self._settled = threading.Event()
        self._heard_all = threading.Event()
        self._ended = threading.Event()
        self._problem = ""
        self._remedy = ""
        self._wrong: VpcsharkError | None = None  # what it said does not fit
        self._ready: Mapping[str, Any] | None = None
        self._said: deque[str] = deque(maxlen=2)
        self._pump: threading.Thread | None = None
        self.following: Following | None = None  # puts secrets before the frames; ends with the receiver
        self.stats: Mapping[str, Any] = {}
        self.moved = 0  # bytes of pcapng so far
        self._tally: Mapping[str, Any] = {}
        self._told = threading.Event()
        self.on_stats: Callable[[Mapping[str, Any]], None] = lambda stats: None
        self._hearing = threading.Thread(target=self._hear, name="receiver events", daemon=True)

    @property
    def where(self) -> str:
        """The host, for a person."""
        return self._where

    @property
    def is_here(self) -> bool:
        """Does the receiver run on this machine?"""
        return self._where == "local"

    @property
    def started(self) -> int:
        """When it was ready, ns by its own clock; 0 where it did not say."""
        return (self._ready or {}).get("time", 0)  # type: ignore[no-any-return]  # events.decode looked

    @property
    def process(self) -> tuple[int, int]:
        """Its process there: number, and when that began by the host's count; (0, 0) where it did not say."""
        ready = self._ready or {}
        return ready.get("pid", 0), ready.get("born", 0)

    @property
    def packets(self) -> Mapping[int, int]:
        """How many came so far, by interface id; not known of a receiver on this machine."""
        return self._cutter.packets

    @property
    def last_time(self) -> int:
        """When the last frame that came was seen there, or else the receiver began, ns by that machine's clock; 0 if
        neither is known."""
        return self._cutter.last_time() or self.started

    def begin(self, config: Mapping[str, Any], deadline: float) -> Mapping[str, Any]:
        """Send program and config; return the ready event. TransportError: why it did not come in ``deadline`` s."""
        self._cutter.interfaces = frozenset(one["id"] for one in config.get("interfaces", ())) or None
        self._hearing.start()
        program = receiver.program()
        try:
            self._channel.write(b"%d\n%s" % (len(program), program))
            self._channel.write(json.dumps(config).encode() + b"\n")
        except TransportError:
            log.info("The receiver on %s closed its input early.", self._where)
        self._settled.wait(deadline)
        if self._ready is None or self._wrong is not None:
            raise self._wrong or self._failure(deadline)
        threading.Thread(target=self._beat, name="signs of life", daemon=True).start()
        return self._ready

    def _beat(self) -> None:
        try:
            self.command(ping=self._clocks.ping())
            while not self._ended.wait(BEAT):
                self.command(ping=self._clocks.ping())
        except TransportError as error:
            log.info("%s", error)

    def command(self, **words: Any) -> None:
        """Send one command line (the contract is in docs/ARCHITECTURE.md)."""
        self._channel.write(json.dumps(words).encode() + b"\n")

    def begin_tally(self) -> None:
        """See ``silence.Tallies``."""
        self._told.clear()
        with contextlib.suppress(TransportError):  # it is ending
            self.command(tally=True)

    def end_tally(self, timeout: float) -> Mapping[str, Any]:
        """See ``silence.Tallies``."""
        with contextlib.suppress(TransportError):
            self.command(tally=False)
        return self._tally if self._told.wait(timeout) else {}

    def stream(self, sink: Sink, on_end: Callable[[VpcsharkError | None], None]) -> None:
        """Move blocks into ``sink`` in a thread of its own; ``on_end`` hears why it ended (None: nobody reads)."""
        if self.following is not None:
            sink = self.following.before(sink)
        self._pump = threading.Thread(target=self._move, args=(sink, on_end), name="frames", daemon=True)
        self._pump.start()

    def finish(self, timeout: float) -> None:
        """Let the receiver flush its last frames and counts, then end it; waits ``timeout`` seconds for that."""
        self._ended.set()
        try:
            self._channel.close_input()
            if self._pump is not None:
                self._pump.join(timeout)
        finally:
            self._channel.close()
            self._transport.close()
            if self.following is not None:
                self.following.end()

    def _move(self, sink: Sink, on_end: Callable[[VpcsharkError | None], None]) -> None:
        error: VpcsharkError | None = None
        try:
            self._move_all(sink)
            error = self._why_ended()
        except SinkClosed:
            pass
        except VpcsharkError as broken:
            error = broken
        except Exception as surprise:
            log.exception("Frames could not be moved")
            error = unexpected(surprise)
        on_end(error)

    def _move_all(self, sink: Sink) -> None:
        data = self._first_frames()
        if HAS_SPLICE and isinstance(sink, Drain) and isinstance(self._channel, Piped):
            sink.write(data)
            drain(self._channel, sink, self._count)
        else:
            self._copy(data, sink)

    def _copy(self, data: bytes, sink: Sink) -> None:
        """Move ``data`` and stdout into the sink until its end, in whole blocks: others may write between two of them,
        and what a broken way cut off is in nobody's way."""
        while True:
            if blocks := self._cut(data):
                sink.write(blocks)
            data = self._channel.read(CHUNK)
            if not data:
                return
            self._count(len(data))

    def _cut(self, data: bytes) -> bytes:
        try:
            return self._cutter.feed(data)
        except ValueError as error:
            raise TransportError(
                f"What the receiver on {self._where} sent cannot be taken: {error}", "Start the capture again."
            ) from error

    def _why_ended(self) -> VpcsharkError:
        """``Broken`` if only the way did, as far as can be seen: a receiver that ends has a status, or has said why."""
        if self._wrong is None and not self._ended.is_set():
            status = self._exit_status()
            self._heard_all.wait(LAST_WORDS)  # stderr is another stream: its words may come after the last frame
            if status is None and not self._problem:
                return Broken(f"The connection to {self._where} broke.", "Start the capture again.")
        return self._wrong or TransportError(
            f"The receiver on {self._where} ended by itself{self._last_words()}.",
            "Start the capture again; the log file says more.",
        )

    def _count(self, size: int) -> None:
        self.moved += size

    def _first_frames(self) -> bytes:
        """What came together with the end of ``begin``. TransportError where it does not come."""
        data, more = bytearray(), b""
        while data.find(self._begin, max(0, len(data) - len(more) - len(self._begin))) < 0:
            more = self._channel.read(CHUNK)
            if not more or len(data) > MOST_BANNER:
                raise TransportError(
                    f"The login shell on {self._where} printed {len(data)} bytes, and then no receiver came.",
                    "Let the start-up files of the user there print nothing where no terminal is.",
                )
            data += more
        return bytes(data.partition(self._begin)[2] if self._begin else data)

    def _last_words(self) -> str:
        words = self._problem or " ".join(self._said)
        return f": {words}" if words else ""

    def _hear(self) -> None:
        """Until stderr ends, or does not fit: then the receiver is ended, since its counts are not to be had."""
        try:
            self._hear_all()
        except TransportError as error:
            log.info("%s", error)
        except ValueError as error:
            self._give_up(_unfit(self._where, error))
        except Exception as surprise:
            log.exception("A receiver's events could not be taken")
            self._give_up(unexpected(surprise))
        self._heard_all.set()
        self._settled.set()

    def _hear_all(self) -> None:
        """Events come as lines; what is no event (a shell's or Python's complaint) is kept for the message."""
        lines, pace = output_lines.Lines(), output_lines.Pace(self._clock)
        while data := self._channel.read_error(1 << 16):
            for line in lines.feed(data):
                pace.count()
                self._line(line)
        if rest := lines.rest():  # torn, it may be, as the way broke
            self._line(rest, is_whole=False)

    def _give_up(self, error: VpcsharkError) -> None:
        self._wrong = error
        self._heard_all.set()
        self._settled.set()
        self._channel.close()

    def _line(self, line: bytes, *, is_whole: bool = True) -> None:
        """``ValueError`` for an event that is none: once it is ready, a receiver says nothing else in braces."""
        event = output_lines.decode(line)
        if event is not None:
            self._take(event.kind, event.facts)
        elif is_whole and self._ready is not None and line.startswith(b"{"):
            raise ValueError("a line that is no event")
        elif words := text.line(line[: 4 * MOST_WORDS].decode("utf-8", "replace").strip(), MOST_WORDS):
            log.info("%s said: %s", self._where, words)
            self._said.append(words)

    def _take(self, kind: str, facts: Mapping[str, Any]) -> None:
        if kind == "ready":
            self._ready = facts
            self._settled.set()
        elif kind == "error":
            self._problem, self._remedy = facts.get("problem", ""), facts.get("remedy", "")
            self._settled.set()
        elif kind == "pong":
            self._compare_clocks(facts)
        elif kind == "tally":
            self._tally = facts
            self._told.set()
        elif kind == "stats":
            self.stats = facts
            self.on_stats(facts)

    def _compare_clocks(self, pong: Mapping[str, Any]) -> None:
        """Have the receiver write how its clock differs: among its blocks is the one place for it where none is torn.
        A receiver on this machine has our clock.
        """
        remark = self._clocks.answered(pong)
        if remark and not self.is_here:
            log.info("%s", remark)
            with contextlib.suppress(TransportError):  # it is ending
                self.command(remark=remark)

    def _failure(self, deadline: float) -> TransportError:
        if self._problem:
            return TransportError(f"The receiver on {self._where} cannot start: {self._problem}", self._remedy)
        status = self._exit_status()
        if status is None:
            return TransportError(
                f"The receiver on {self._where} did not start within {deadline:.0f} seconds.",
                "Log in there and see what keeps python3 from starting.",
            )
        printed = self._printed() if self._begin or not self._said else b""
        words = " ".join(self._said) or " ".join(printed.decode("utf-8", "replace").split())[:MOST_WORDS]
        if self._begin and self._begin not in printed and words:
            return shell_commands.no_shell(self._where, words)
        if status == shell_commands.NO_SUCH_COMMAND or "not found" in words:
            return shell_commands.no_python(self._where)
        return TransportError(
            f"The receiver on {self._where} ended with status {status}: {words.rstrip('.') or 'no message'}.",
            "Check that this user may run python3 there, with: ssh … python3 --version",
        )

    def _printed(self) -> bytes:
        """What a command that ended printed, up to where a receiver begins: shells that let nobody in say so there."""
        data = bytearray()
        while len(data) < MOST_BANNER and not (self._begin and self._begin in data):
            if not (more := self._channel.read(CHUNK)):
                break
            data += more
        return bytes(data)

    def _exit_status(self) -> int | None:
        try:
            return self._channel.wait(0.5)
        except TransportError:
            return None


def _unfit(where: str, error: ValueError) -> TransportError:
    return TransportError(
        f"{where} sends what no receiver does: {error}.",
        "See what the start-up files of the user there print, and whether its python3 is the system's own.",
    )


def config(
    interfaces: Sequence[Mapping[str, Any]],
    address: str,
    program: Sequence[Sequence[int]] | None,
    socket_program: Sequence[Sequence[int]] | None,
    port: int = STANDARD_PORTS.vxlan,
    geneve_port: int = 0,
) -> dict[str, Any]:
    """The receiver's config line, as docs/ARCHITECTURE.md has it. With a ``geneve_port`` the frames come in Geneve,
    which only the ring can take."""
    return {
        **({"geneve_port": geneve_port, "mode": "ring"} if geneve_port else {}),
        "port": port,
        "address": address,
        "interfaces": list(interfaces),
        "program": program,
        "socket_program": socket_program,
        "silence_seconds": SILENCE,
    }
