"""The client of a receiver: starts it over a transport, has its frames moved into the sink, and ends it.

Must not know AWS, nor look into the packets that it moves.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future
from typing import Any

from vpcshark import receiver, threads
from vpcshark.capture.contract.frame_stream import Arrived, Counted, OnEnd
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.receivers.events import MOST_WORDS, Events
from vpcshark.capture.receivers.frames import Frames
from vpcshark.capture.receivers.receiver import Receiver
from vpcshark.capture.remote import listening, shell_commands
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import Broken, TransportError, VpcsharkError, unexpected
from vpcshark.transport.base import Channel, Transport
from vpcshark.wire.overlay.vxlan import STANDARD_PORTS

log = logging.getLogger(__name__)

PROGRAMS = frozenset({"program", "socket_program"})
BEAT = 2.0  # seconds between two signs of life
SILENCE = 6.0  # seconds without one after which the receiver ends itself: with its last flush, well below ten
ANSWER = 10.0  # seconds within which it says whether it has taken a filter
LAST_WORDS = 1.0  # seconds that stderr has to end after stdout did


class Reception(Receiver):
    """One running receiver."""

    def __init__(
        self,
        channel: Channel,
        transport: Transport,
        begin: bytes = b"",
        clock: Clock | None = None,
        answer: float = ANSWER,
    ) -> None:
        """``transport`` is closed with the receiver: it was opened for it alone. ``begin``: see ``frames.Frames``.
        ``answer``: seconds within which it says whether it has taken a filter."""
        self._begin = begin
        self._answer = answer
        self._channel = channel
        self._transport = transport
        self._where = transport.name
        self._events = Events(channel, transport.name, clock or SystemClock(), self._remark)
        self._frames = Frames(channel, transport.name, begin)
        self._exchanging = threading.Lock()  # filters are sent in the order in which answers are expected
        self._ended = threading.Event()
        self._moving: Future[None] | None = None

    @property
    def where(self) -> str:
        """The host, for a person."""
        return self._where

    @property
    def is_here(self) -> bool:
        """Does the receiver run on this machine?"""
        return self._where == "local"

    @property
    def mode(self) -> str:
        """How it takes frames: by a ring or a socket."""
        return self._events.mode

    @property
    def started(self) -> int:
        """When it was ready, ns by its own clock; 0 where it did not say."""
        return self._events.started

    @property
    def process(self) -> tuple[int, int]:
        """Its process there: number, and when that began by the host's count; (0, 0) where it did not say."""
        return self._events.process

    @property
    def packets(self) -> Mapping[int, int]:
        """How many came so far, by interface id; not known of a receiver on this machine."""
        return self._frames.packets

    @property
    def last_time(self) -> int:
        """When the last frame that came was seen there, or else the receiver began, ns by that machine's clock; 0 if
        neither is known."""
        return self._frames.last_time or self.started

    @property
    def stats(self) -> Counted:
        """As it told them last."""
        return self._events.stats

    @property
    def moved(self) -> int:
        """See ``Receiver``."""
        return self._frames.moved

    def begin(self, config: Mapping[str, Any], deadline: float) -> None:
        """Send program and config; wait until it is ready. TransportError: why it is not in ``deadline`` seconds."""
        self._frames.expect(frozenset(one["id"] for one in config.get("interfaces", ())))
        self._events.begin()
        program = receiver.program()
        try:
            self._channel.write(b"%d\n%s" % (len(program), program))
            self._channel.write(json.dumps(config).encode() + b"\n")
        except TransportError:
            log.info("The receiver on %s closed its input early.", self._where)
        if not self._events.wait_until_ready(deadline):
            raise self._events.wrong or self._failure(deadline)
        self._ping_at_once()
        listening.beat(self._ping, self._ended, BEAT)

    def _ping(self) -> None:
        self.command(ping=self._events.ping())

    def _ping_at_once(self) -> None:
        with contextlib.suppress(TransportError):  # it is ending
            self._ping()

    def command(self, **words: object) -> None:
        """See ``Receiver``."""
        if not PROGRAMS & words.keys():
            return self._send(words)
        with self._exchanging:
            ping = self._events.expect()
            self._send(words)
            self._send({"ping": ping})
            self._events.check(ping, self._answer)

    def _send(self, words: Mapping[str, object]) -> None:
        self._channel.write(json.dumps(words).encode() + b"\n")

    def begin_tally(self) -> None:
        """See ``FrameStream``."""
        self._events.forget_tally()
        with contextlib.suppress(TransportError):  # it is ending
            self.command(tally=True)

    def end_tally(self, timeout: float) -> Arrived:
        """See ``FrameStream``."""
        with contextlib.suppress(TransportError):
            self.command(tally=False)
        return self._events.tally(timeout)

    def stream(self, sink: Sink, on_end: OnEnd) -> None:
        """See ``FrameStream``."""
        self._moving = threads.start(self._move, sink, on_end, name="frames")

    def finish(self, timeout: float) -> None:
        """See ``FrameStream``: the receiver flushes, and its connection is closed."""
        self._ended.set()
        try:
            self._channel.close_input()
            if self._moving is not None:
                futures.wait([self._moving], timeout)
        finally:
            self._channel.close()
            self._transport.close()

    def _move(self, sink: Sink, on_end: OnEnd) -> None:
        error: VpcsharkError | None = None
        try:
            self._frames.move(sink)
            error = self._why_ended()
        except SinkClosed:
            pass
        except VpcsharkError as broken:
            error = broken
        except Exception as surprise:
            log.exception("Frames could not be moved")
            error = unexpected(surprise)
        on_end(error)

    def _why_ended(self) -> VpcsharkError:
        """``Broken`` if only the connection did, as far as can be seen: a receiver that ends has a status, or has said
        why."""
        events = self._events
        if events.wrong is None and not self._ended.is_set():
            status = self._exit_status()
            events.wait_for_the_end(LAST_WORDS)  # stderr is another stream: its words may come after the last frame
            if status is None and not events.problem:
                return Broken(f"The connection to {self._where} broke.", "Start the capture again.")
        words = events.last_words
        return events.wrong or TransportError(
            f"The receiver on {self._where} ended by itself{f': {words}' if words else ''}.",
            "Start the capture again; the log file says more.",
        )

    def _remark(self, remark: str) -> None:
        """Have the receiver write how its clock differs: among its blocks is the one place for it where none is torn.
        A receiver on this machine has our clock.
        """
        if not self.is_here:
            log.info("%s", remark)
            with contextlib.suppress(TransportError):  # it is ending
                self.command(remark=remark)

    def _failure(self, deadline: float) -> TransportError:
        events = self._events
        if events.problem:
            return TransportError(f"The receiver on {self._where} cannot start: {events.problem}", events.remedy)
        status = self._exit_status()
        if status is None:
            return TransportError(
                f"The receiver on {self._where} did not start within {deadline:.0f} seconds.",
                "Log in there and see what keeps python3 from starting.",
            )
        printed = self._frames.printed() if self._begin or not events.words else b""
        words = events.words or " ".join(printed.decode("utf-8", "replace").split())[:MOST_WORDS]
        if self._begin and self._begin not in printed and words:
            return shell_commands.no_shell(self._where, words)
        if status == shell_commands.NO_SUCH_COMMAND or "not found" in words:
            return shell_commands.no_python(self._where)
        return TransportError(
            f"The receiver on {self._where} ended with status {status}: {words.rstrip('.') or 'no message'}.",
            "Check that this user may run python3 there, with: ssh … python3 --version",
        )

    def _exit_status(self) -> int | None:
        try:
            return self._channel.wait(0.5)
        except TransportError:
            return None


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
