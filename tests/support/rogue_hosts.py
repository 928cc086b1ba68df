"""Hosts that mean ill: what a capture host may do to whoever logs in to it, as tables. Must not know the product.

A row is a name and a function. ``RAW`` rows get the connection before any SSH; ``LOGIN`` rows change the server;
``RECEIVERS`` and ``EVENTS`` rows get the channel of a command.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from rogue_ssh import Command, Raw, Speak, block, frame

ESCAPES = b"\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b31m" + "\u009b31m\u202ella\u2066x\u2028y".encode() + b"\x00\x08\r"
PACKET_BLOCK, SECTION, INTERFACE = 6, 0x0A0D0D0A, 1
MANY = 100_000
RAW: dict[str, Raw] = {}
LOGIN: dict[str, dict[str, Any]] = {}
RECEIVERS: dict[str, Speak] = {}
EVENTS: dict[str, bytes] = {}


def row(table: dict[str, Any], name: str) -> Callable[[Any], Any]:
    """Put a function into a table."""

    def put(function: Any) -> Any:
        table[name] = function
        return function

    return put


@row(RAW, "closes at once")
def _(connection: socket.socket) -> None:
    connection.close()


@row(RAW, "resets at once")
def _(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@row(RAW, "says nothing")
def _(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


@row(RAW, "speaks HTTP")
def _(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: " + ESCAPES + b"\r\n\r\n<html>")


@row(RAW, "greets without an end")
def _(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"welcome " * 400 + b"\r\n")


@row(RAW, "greets with one line without an end")
def _(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"w" * (1 << 16))


@row(RAW, "greets a byte at a time")
def _(connection: socket.socket) -> None:
    for byte in b"SSH-2.0-slow" * 40:
        connection.sendall(bytes([byte]))
        time.sleep(0.5)


@row(RAW, "its SSH version is escape sequences")
def _(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-" + ESCAPES.replace(b"\r", b"") + b"\r\n")
    connection.recv(1 << 16)
    connection.close()


@row(RAW, "speaks SSH 1")
def _(connection: socket.socket) -> None:
    connection.sendall(b"SSH-1.5-" + ESCAPES.replace(b"\r", b"") + b"\r\n")


@row(RAW, "sends garbage after its greeting")
def _(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" + b"\xff" * (1 << 20))
    time.sleep(1)


@row(RAW, "announces a packet of 2 GiB")
def _(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" + struct.pack(">IB", 0x7FFFFFF8, 4))
    with contextlib.suppress(OSError):
        for _ in range(4000):
            connection.sendall(bytes(1 << 16))


@row(RAW, "offers no algorithm that we know")
def _(connection: socket.socket) -> None:
    lists = b"".join(struct.pack(">I", len(ESCAPES)) + ESCAPES for _ in range(10))
    body = b"\x14" + bytes(16) + lists + bytes(5)
    padding = 8 - (len(body) + 5) % 8 + 8
    connection.sendall(
        b"SSH-2.0-OpenSSH_9.9\r\n" + struct.pack(">IB", len(body) + padding + 1, padding) + body + bytes(padding)
    )
    time.sleep(1)
    connection.close()


LOGIN["shows another host key"] = {"other_key": True}
LOGIN["lets nobody in"] = {"refuses": True}
LOGIN["lets nobody in, with escape sequences"] = {"refuses": True, "banner": ESCAPES.decode("utf-8", "replace")}
LOGIN["prints a banner of a megabyte"] = {"banner": "b" * (1 << 20)}
LOGIN["opens no channel"] = {"no_channel": True}
LOGIN["runs no command"] = {"no_command": True}
LOGIN["asks for a password"] = {"refuses": True, "methods": "password,keyboard-interactive"}
LOGIN["knows only a made-up way to log in"] = {"refuses": True, "methods": "\x1b[31mmagic"}


@row(RECEIVERS, "ends at once, without a word")
def _(command: Command) -> None:
    command.end()


@row(RECEIVERS, "ends without a status")
def _(command: Command) -> None:
    command.err(b"oops\n")
    command.channel.close()


@row(RECEIVERS, "ends with status 127 and escape sequences")
def _(command: Command) -> None:
    command.err(ESCAPES + b" python3: not found\n")
    command.end(127)


@row(RECEIVERS, "complains in escape sequences")
def _(command: Command) -> None:
    command.err(b"first " + ESCAPES + b"\nsecond " + ESCAPES + b"\n")
    command.end(1)


@row(RECEIVERS, "complains in five million characters")
def _(command: Command) -> None:
    command.err(b"x" * 5_000_000 + b"\n")
    command.end(1)


@row(RECEIVERS, "complains in 1.3 million lines")
def _(command: Command) -> None:
    for _ in range(13):
        command.err(b"line\n" * MANY)
    command.end(1)


@row(RECEIVERS, "says a line of 16 MiB without an end")
def _(command: Command) -> None:
    command.begun()
    for _ in range(256):
        command.err(b"y" * (1 << 16))
    command.until_told_to_end()
    command.end()


@row(RECEIVERS, "prints a banner without an end on stdout")
def _(command: Command) -> None:
    with contextlib.suppress(OSError):
        for _ in range(4000):
            command.out(b"Welcome! " * 8000)
    command.end()


@row(RECEIVERS, "prints escape sequences on stdout and ends")
def _(command: Command) -> None:
    command.out(b"This account is currently not available. " + ESCAPES)
    command.end(1)


@row(RECEIVERS, "is never ready")
def _(command: Command) -> None:
    command.until_told_to_end()
    command.end()


@row(RECEIVERS, "is ready, and then the connection is gone")
def _(command: Command) -> None:
    command.ready()
    time.sleep(0.3)
    assert command.channel.transport is not None
    command.channel.transport.close()


@row(RECEIVERS, "is ready, and ends with escape sequences")
def _(command: Command) -> None:
    command.ready()
    command.err(b"killed " + ESCAPES + b"\n")
    command.end(137)


@row(RECEIVERS, "sends what is no pcapng")
def _(command: Command) -> None:
    command.ready()
    command.out(b"\xde\xad\xbe\xef" * 4096)
    command.until_told_to_end()
    command.end()


@row(RECEIVERS, "sends a block of 4 GiB")
def _(command: Command) -> None:
    command.ready()
    command.out(struct.pack("<II", PACKET_BLOCK, 0xFFFFFFFC))
    with contextlib.suppress(OSError):
        for _ in range(4000):
            command.out(bytes(1 << 16))
    command.end()


@row(RECEIVERS, "sends a block of 0 bytes")
def _(command: Command) -> None:
    command.ready()
    command.out(bytes(64))
    command.until_told_to_end()
    command.end()


@row(RECEIVERS, "sends frames of interfaces that are not there")
def _(command: Command) -> None:
    command.ready()
    command.out(frame(7) + frame(0xFFFFFFFF))
    command.until_told_to_end()
    command.end()


@row(RECEIVERS, "sends a section and interfaces of its own")
def _(command: Command) -> None:
    command.ready()
    command.out(block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) * 50 + block(INTERFACE, bytes(8)) * 5000)
    command.until_told_to_end()
    command.end()


@row(RECEIVERS, "sends frames that say they are longer than they are")
def _(command: Command) -> None:
    command.ready()
    command.out(frame(captured=0xFFFFFFF0) + frame(captured=61))
    command.until_told_to_end()
    command.end()


@row(RECEIVERS, "sends half a frame and ends")
def _(command: Command) -> None:
    command.ready()
    command.out(frame() + frame()[:31])
    command.end(1)


@row(RECEIVERS, "sends frames without an end")
def _(command: Command) -> None:
    command.ready()
    with contextlib.suppress(OSError):
        while not command.channel.closed:
            command.out(frame() * 500)


@row(RECEIVERS, "minds no window, and is never ready")
def _(command: Command) -> None:
    command.channel.out_window_size = 1 << 40
    with contextlib.suppress(OSError):
        for _ in range(4000):
            command.out(bytes(1 << 16))
    command.end()


@row(RECEIVERS, "announces a packet of SSH of a gigabyte")
def _(command: Command) -> None:
    command.ready()
    with contextlib.suppress(OSError):
        command.channel.get_transport().sock.sendall(struct.pack(">I", 1 << 30) + bytes(1 << 26))
    command.until_told_to_end()


@row(RECEIVERS, "names addresses and has secrets")
def _(command: Command) -> None:
    command.ready()
    command.out(block(4, struct.pack("<HHI", 1, 9, 0x0100007F) + b"bank\0\0\0\0" + bytes(4)) + frame())
    command.until_told_to_end()
    command.end()


@row(RECEIVERS, "stays when it is told to end")
def _(command: Command) -> None:
    command.ready()
    time.sleep(12)


@row(RECEIVERS, "talks on without an end on both streams")
def _(command: Command) -> None:
    command.ready()
    with contextlib.suppress(OSError):
        while not command.channel.closed:
            command.out(frame())
            command.event(event="stats", interfaces=[], dropped=0, text="z" * 10_000)


def deep(levels: int) -> bytes:
    return b'{"event":' + b"[" * levels + b"]" * levels + b"}"


EVENTS |= {
    "no JSON": b"{event: ready}",
    "deep JSON": deep(MANY),
    "a deep object": b'{"a":' * MANY + b"1" + b"}" * MANY,
    "an event that is a number": b'{"event": 5}',
    "an event that is a list": b'{"event": ["ready"]}',
    "an event that is an object": b'{"event": {"ready": true}}',
    "a JSON text": b'"ready"',
    "a JSON list": b'["event"]',
    "null": b"null",
    "ready with a time that is a text": b'{"event": "ready", "time": "x"}',
    "ready with a time that is endless": b'{"event": "ready", "time": 1e999}',
    "ready with a time that is an object": b'{"event": "ready", "time": {}}',
    "ready with a number of 10,000 digits": b'{"event": "ready", "time": ' + b"9" * 10_000 + b"}",
    "ready in a mode of escape sequences": b'{"event": "ready", "mode": "\\u001b[31m\\u009b\\u202e", "time": 1}',
    "an error in escape sequences": b'{"event": "error", "problem": "\\u001b[2J\\u009b\\u202e[/x]"}',
    "an error of a million characters": b'{"event": "error", "problem": "' + b"p" * 1_000_000 + b'"}',
    "an error that is an object": b'{"event": "error", "problem": {"a": [1]}, "remedy": 5}',
    "a pong of texts": b'{"event": "pong", "ping": "x", "time": "y"}',
    "a pong that nobody asked for": b'{"event": "pong", "ping": 99999999, "time": -1}',
    "stats of texts": b'{"event": "stats", "interfaces": "x", "dropped": "y", "received": "z"}',
    "stats that are a list": b'{"event": "stats", "interfaces": [1, null, "x"], "dropped": []}',
    "stats below zero": b'{"event": "stats", "interfaces": [{"id": -1, "received": -5, "dropped": -7}], "dropped": -1}',
    "stats beyond 64 bits": b'{"event": "stats", "interfaces": [{"id": 0}], "dropped": 18446744073709551616}',
    "a tally of texts": b'{"event": "tally", "vnis": "x", "others": [], "sources": 5}',
    "bytes that are no UTF-8": b"\xff\xfe\xc3(\xed\xa0\x80",
    "NaN": b'{"event": "stats", "dropped": NaN, "received": Infinity}',
}


def says(line: bytes) -> Speak:
    """A receiver that says this instead of being ready, then that it is ready, then this again; then it is honest."""

    def speak(command: Command) -> None:
        command.begun()
        command.err(line + b"\n")
        command.event(event="ready", mode="ring", time=time.time_ns())
        command.err(line + b"\n")
        command.out(frame())
        command.until_told_to_end()
        command.end()

    return speak
