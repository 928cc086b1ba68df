"""The control pipes between Wireshark's toolbar and a capture: framing (pure), and the toolbar as a Status.

Wireshark's developer guide, "Extcap: toolbar controls": ``T``, 24-bit length (payload + 2), control number, command,
payload. Only the GUI makes these pipes, so both may be missing. Must not know what a capture does.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from typing import NamedTuple

from vpcshark import text as texts
from vpcshark.capture.contract.status import Status

_QUIT = b"Q\0\0\0"
INITIALIZED, SET, ADD = 0, 1, 2
STATUSBAR, TELL = 6, 7  # the latter in a dialog
LOG, HELP, STATE, FILTER, DIAGNOSE = 0, 1, 2, 3, 4  # the controls' numbers in the listing
MAX_PAYLOAD = 4000  # with its head below PIPE_BUF (4096 on Linux), so a write without blocking is whole or not at all

logger = logging.getLogger(__name__)


class Message(NamedTuple):
    """One message. ``control`` is the number in the listing, ``command`` one of the constants above."""

    control: int
    command: int
    payload: bytes


def encode(message: Message) -> bytes:
    """The bytes of ``message``; ValueError if its payload is longer than 65535 bytes."""
    if len(message.payload) > 65535:
        raise ValueError(f"a payload of {len(message.payload)} bytes does not fit")
    head = b"T" + (len(message.payload) + 2).to_bytes(3, "big")
    return head + bytes((message.control, message.command)) + message.payload


class Decoder:
    """Messages from bytes as they come, in pieces of any size. ``quit``: Wireshark 5 asks the extcap to end, in place
    of a signal (SP_QUIT: ``Q`` and a length of 0), as far as the tool's sentence says ``{control=2}``."""

    def __init__(self) -> None:
        self._rest = b""
        self.quit = False

    def feed(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes; ValueError if it is not this protocol."""
        self._rest += data
        messages = []
        while self._rest:
            if self._rest[:4] == _QUIT:
                self.quit, self._rest = True, self._rest[4:]
                continue
            if self._rest[:1] not in (b"T", b"Q"):
                raise ValueError("a control message begins with neither T nor Q")
            end = 4 + int.from_bytes(self._rest[1:4], "big")
            if len(self._rest) < 4 or len(self._rest) < end:
                break
            if end < 6:
                raise ValueError("a control message without control number and command")
            messages.append(Message(self._rest[4], self._rest[5], self._rest[6:end]))
            self._rest = self._rest[end:]
        return messages


class Toolbar(Status):
    """The toolbar of this capture. Neither ``say`` nor ``log`` waits or fails: a slow GUI misses a line instead.

    Made by ``Toolbar.open``; ``fileno`` and ``read`` are for the watcher (vpcshark/capture/contract/stop_watch.py).
    """

    has_controls = True

    def __init__(self, reading: int | None, writing: int | None) -> None:
        self._reading = reading
        self._writing = writing
        self._decoder = Decoder()
        self._lock = threading.Lock()  # one message at a time; ``_writing`` is open while it is held, or None
        self._begun = False
        self._last_line = ""
        self.values: dict[int, bytes] = {}  # what the toolbar's controls are set to, by number
        self.initialized = False  # all values that the GUI has at the start have come
        self._change: Callable[[str], None] | None = None
        self._press: Callable[[], None] | None = None

    @classmethod
    def open(cls, control_in: str, control_out: str, wait: Callable[[Callable[[], int | None]], int | None]) -> Toolbar:
        """Open the pipes that are given ("": none), control-in first: the GUI waits for it on its UI thread.

        ``wait`` calls its argument until that returns a descriptor, or gives up with None. Pipes that can't be opened
        are logged and done without: packets matter more.
        """
        reading = wait(lambda: _open(control_in, os.O_RDONLY)) if control_in else None
        writing = wait(lambda: _open(control_out, os.O_WRONLY)) if control_out else None
        if (control_in and reading is None) or (control_out and writing is None):
            logger.warning("the toolbar's pipes could not be opened: %s, %s", control_in, control_out)
        return cls(reading, writing)

    def say(self, text: str) -> None:
        """Show ``text`` in the status bar, which forgets it, and add it to what the Log button shows, unless it has
        just been logged: what a terminal is to keep is both."""
        logger.info("%s", text)
        self._send(Message(LOG, STATUSBAR, _payload(text)))
        if text != self._last_line:
            self.log(text)

    def log(self, line: str) -> None:
        """Add ``line`` to what the Log button shows."""
        self._last_line = line
        self._send(Message(LOG, ADD, _payload(line) + b"\n"))

    def show(self, text: str) -> None:
        """Show the state and figures of now in the toolbar. The field is not disabled, though it is for reading, as
        text in a disabled one is too pale to be read (Wireshark 4.0). What somebody types there is ignored."""
        self._send(Message(STATE, SET, _payload(text)))

    def on_filter(self, change: Callable[[str], None], now: str) -> None:
        """See ``Status``."""
        self._send(Message(FILTER, SET, _payload(now)))  # not what was typed into an earlier capture
        self._change = change

    def tell(self, text: str) -> None:
        """Show ``text``, which may have several lines, in a dialog."""
        said = "\n".join(texts.line(part) for part in text.split("\n"))
        self._send(Message(LOG, TELL, texts.cut(said, MAX_PAYLOAD).encode()))

    def on_diagnose(self, press: Callable[[], None]) -> None:
        """From now on call ``press`` when the button is pressed; it returns at once."""
        self._press = press

    def _send(self, message: Message) -> None:
        with self._lock:
            if self._writing is not None:
                with contextlib.suppress(OSError):  # full (it will read on) or closed (the watcher sees that)
                    os.write(self._writing, encode(message))

    def fileno(self) -> int | None:
        """The descriptor to poll, None without control-in."""
        return self._reading

    def read(self) -> bool:
        """Take what the GUI sent; false if it has closed the pipe. Not open yet looks the same, so bytes come first."""
        if self._reading is None:
            return True
        try:
            data = os.read(self._reading, 65536)
            for message in self._decoder.feed(data):
                self._take(message)
        except BlockingIOError:
            return True
        except (OSError, ValueError) as exc:
            logger.warning("the control pipe is unusable: %s", exc)
            return False
        self._begun = self._begun or bool(data)
        return not self._decoder.quit and (bool(data) or not self._begun)

    def _take(self, message: Message) -> None:
        if message.command == INITIALIZED:
            self.initialized = True
        elif message.command == SET:
            self.values[message.control] = message.payload
            if message.control == FILTER and self._change is not None:
                self._change(message.payload.decode(errors="replace").strip())
            if message.control == DIAGNOSE and self._press is not None:
                self._press()

    def close(self) -> None:
        """Close both pipes; again is harmless."""
        with self._lock:
            for descriptor in (self._reading, self._writing):
                if descriptor is not None:
                    os.close(descriptor)
            self._reading = self._writing = None


def _payload(shown: str) -> bytes:
    return texts.cut(texts.line(shown), MAX_PAYLOAD - 1).encode()  # a line feed may follow


def _open(path: str, flags: int) -> int | None:
    """A descriptor that never blocks; None as long as nobody has the other end (ENXIO) or it is not there."""
    try:
        return os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
