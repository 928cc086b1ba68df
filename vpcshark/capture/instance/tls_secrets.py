"""TLS secrets on their way into a capture: key log lines become decryption secrets blocks, and go before the packets.

Wireshark decrypts a packet as it reads it only if it has read the secret by then, and a secret comes by another channel
than the packets; so packets wait a moment. Must not know where lines or packets come from.
"""

from __future__ import annotations

import collections
import hashlib
import logging
import re
import threading

from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.remote.output_lines import Lines
from vpcshark.clock import Clock
from vpcshark.errors import VpcsharkError, unexpected
from vpcshark.wire.capture_files import pcapng

log = logging.getLogger(__name__)

HOLD = 0.4  # seconds; a line takes less than that from the file to here
MOST_HELD = 16 * 1024 * 1024  # bytes; a reader that stalls must not cost memory here
PATIENCE = 10.0  # seconds that the reader may take nothing when the capture ends
MOST_LINE = 4096
MOST_REMEMBERED = 100_000
# https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile-02.html, 2: label, client random, secret
_LINE = re.compile(rb"[A-Z0-9_]{1,64} [0-9A-Fa-f]{16,128} [0-9A-Fa-f]{2,512}")


class Secrets:
    """Takes pieces of a key log, gives blocks. A line comes out once, however often the file is read anew,
    unless it is older than the last ``most``: a log may go on for ever, and Wireshark minds no secret that it has."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._seen: dict[bytes, None] = {}  # digests, the oldest first
        self._most = most
        self._lines = Lines(MOST_LINE, skips=True)  # what is longer is no secret

    def feed(self, data: bytes) -> bytes:
        """One block for the new whole lines in ``data``, or nothing."""
        secrets = [line for each in self._lines.feed(data) if _LINE.fullmatch(line := each.strip())]
        new = [line for line in dict.fromkeys(secrets) if self._is_new(line)]
        return pcapng.decryption_secrets(b"".join(line + b"\n" for line in new)) if new else b""

    def _is_new(self, line: bytes) -> bool:
        digest = hashlib.blake2b(line, digest_size=16).digest()
        is_new = digest not in self._seen
        self._seen[digest] = None
        if len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]
        return is_new

    def begin_anew(self) -> None:
        """The file is read from its start again."""
        self._lines.clear()


class HeldSink(Sink):
    """A sink that passes packets on after ``HOLD`` seconds, and with ``at_once`` what must be before them.

    Of more than ``most`` bytes the oldest go on early. Where they cannot, because the sink stalls, whoever writes
    waits, so that what is too much is dropped where packets are dropped and counted, at the capture host."""

    def __init__(
        self, sink: Sink, clock: Clock, hold: float = HOLD, most: int = MOST_HELD, patience: float = PATIENCE
    ) -> None:
        self._patience = patience
        self._sink = sink
        self._clock = clock
        self._hold = hold
        self._most = most
        self._held = 0
        self._waiting: collections.deque[tuple[float, bytes]] = collections.deque()
        self._changed = threading.Condition()  # ``_held`` is the size of what waits and of what is just written
        self._is_ending = False
        self._failure: SinkClosed | VpcsharkError | None = None
        self._thread = threading.Thread(target=self._pass_on, name="held packets", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Keep ``data`` for a moment: whole blocks, since ``at_once`` may write between two calls. Raises what writing
        earlier data raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._held < self._most or self._is_ending or self._failure is not None)
            if self._failure is not None:
                raise self._failure
            if self._is_ending:
                raise SinkClosed("no more packets are taken")
            self._waiting.append((self._clock.monotonic() + self._hold, data))
            self._held += len(data)
            self._changed.notify_all()

    def at_once(self, data: bytes) -> None:
        """Write ``data`` now."""
        self._sink.write(data)

    def close(self) -> None:
        """Pass on what still waits, for as long as somebody takes it; the sink itself stays open."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()
        self._thread.join(self._patience)

    def _pass_on(self) -> None:
        while (data := self._next()) is not None:
            try:
                self._sink.write(data)
                self._let_go(len(data))
            except (SinkClosed, VpcsharkError) as error:
                return self._fail(error)
            except Exception as error:
                log.exception("Held packets could not be passed on")
                return self._fail(unexpected(error))

    def _fail(self, error: SinkClosed | VpcsharkError) -> None:
        """Whoever writes next hears of it."""
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    def _let_go(self, size: int) -> None:
        with self._changed:
            self._held -= size
            self._changed.notify_all()

    def _next(self) -> bytes | None:
        with self._changed:
            while True:
                if not self._waiting:
                    if self._is_ending:
                        return None
                    self._changed.wait()
                    continue
                early = self._waiting[0][0] - self._clock.monotonic()
                if early <= 0 or self._is_ending or self._held >= self._most:
                    return self._waiting.popleft()[1]
                self._changed.wait(early)
