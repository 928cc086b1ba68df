"""The key log of the source's instance, followed by a way of its own where the packets come by another (a mirror).

Must not know AWS, nor where the packets come from.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Callable

from vpcshark import threads
from vpcshark.capture.connection.retry import retry_until
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.instance import commands, tcpdump_process
from vpcshark.capture.instance.tls_secrets import HeldSink, Secrets
from vpcshark.capture.remote import listening, shell_commands
from vpcshark.clock import Clock
from vpcshark.errors import OutputError, TransportError, VpcsharkError
from vpcshark.transport.base import Channel, Transport

log = logging.getLogger(__name__)
CHUNK = 1 << 16
PAUSE = 2.0  # seconds between two tries when the way broke

OnConnection = Callable[[str], None]
"""Told a capture filter for the packets of the way itself ("": none), each time there is a new one."""


class Following:
    """``begin``, then ``before`` with the sink that the packets go to, then ``end``."""

    def __init__(self, open_transport: Callable[[], Transport], path: str, clock: Clock, pause: float = PAUSE) -> None:
        """``path`` is the key log's on the machine that ``open_transport`` leads to; it need not be there yet."""
        self._pause = pause
        self._open_transport = open_transport
        self._path = path
        self._clock = clock
        self._secrets = Secrets()
        self._over = threading.Event()
        self._held: HeldSink | None = None
        self._transport: Transport | None = None
        self._channel: Channel | None = None
        self.own_traffic = ""

    def begin(self) -> None:
        """Open the way. TransportError that says what needs it."""
        try:
            self._open()
        except VpcsharkError as error:
            raise TransportError(
                f"The TLS key log needs a way to the source's instance: {error.problem}",
                f"{error.remedy} Or capture without it (--tls-keylog).".strip(),
            ) from error

    def before(self, sink: Sink, on_connection: OnConnection) -> Sink:
        """The sink for the packets: ``sink``, a moment later, with the secrets before them. ``on_connection`` hears of
        each way that is opened from now on."""
        held = self._held = HeldSink(sink, self._clock)
        threads.alone(self._run, held, on_connection, name="key log")
        listening.beat(self._sign, self._over, commands.BEAT)
        return held

    def end(self) -> None:
        """Follow no more; what was held goes to the sink."""
        self._over.set()
        self._close()
        if self._held is not None:
            self._held.close()

    def _open(self) -> None:
        transport = self._open_transport()
        try:
            facts = tcpdump_process.ask(transport)
            self._channel = transport.open(shell_commands.carried(commands.follow(facts, self._path)))
        except BaseException:
            transport.close()
            raise
        self._transport = transport
        self.own_traffic = commands.own_traffic(facts)
        self._secrets.begin_anew()
        log.info("The key log %s is followed over %s.", self._path, transport.name)

    def _close(self) -> None:
        if self._channel is not None:
            self._channel.close_input()
        if self._transport is not None:
            self._transport.close()

    def _run(self, held: HeldSink, on_connection: OnConnection) -> None:
        try:
            while not self._over.is_set():
                with contextlib.suppress(TransportError):
                    self._read(held)
                self._close()
                if not self._over.is_set():
                    log.warning("The key log is not followed any more; trying again.")
                    self._again(on_connection)
        except (SinkClosed, OutputError):
            pass  # so it is for the packets, which tell it
        finally:
            self._close()  # also a way that was opened while ``end`` closed the one before

    def _again(self, on_connection: OnConnection) -> None:
        """For as long as the capture lives: packets come without it."""
        if self._over.wait(self._pause):
            return

        def opened() -> None:
            self._open()
            try:
                on_connection(self.own_traffic)
            except BaseException:
                self._close()
                raise

        rest = self._over.wait
        with contextlib.suppress(VpcsharkError):  # it is over
            retry_until(opened, lambda error: True, rest, self._clock, patience=math.inf, pauses=[self._pause])

    def _read(self, held: HeldSink) -> None:
        while self._channel is not None and (data := self._channel.read(CHUNK)):
            if block := self._secrets.feed(data):
                held.at_once(block)

    def _sign(self) -> None:
        """Without it the other machine takes us for dead. While there is no way to it, nobody hears."""
        with contextlib.suppress(TransportError):
            if self._channel is not None:
                self._channel.write(b".\n")
