"""What a program shows on the screen, in words: the tree that it gives to screen readers (AT-SPI over D-Bus).

Qt programs publish it when QT_LINUX_ACCESSIBILITY_ALWAYS_ON is set. So a test reads what a person would read, and knows
where to click, without guessing at pixels. It must not know which program it is.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

ACCESSIBLE = "org.a11y.atspi.Accessible"
COMPONENT = "org.a11y.atspi.Component"
TEXT = "org.a11y.atspi.Text"
PROPERTIES = "org.freedesktop.DBus.Properties"
ROOT = "/org/a11y/atspi/accessible/root"
ENABLED, SHOWING = 8, 25  # the numbers of their bits in a state (at-spi2-core, atspi-constants.h)
SKIPPED = frozenset({"menu bar", "column header"})  # large, and nothing that is on the screen


@dataclass(frozen=True)
class Thing:
    """One thing on the screen: role in AT-SPI's words ("push button"), its text, can it be used, its place."""

    role: str
    name: str
    is_enabled: bool
    x: int
    y: int
    width: int
    height: int
    content: str = ""  # what stands in a field

    @property
    def middle(self) -> tuple[int, int]:
        """Where to click."""
        return self.x + self.width // 2, self.y + self.height // 2

    def is_level_with(self, other: Thing) -> bool:
        """Is its middle within the other's height: the same line of a form?"""
        return other.y <= self.middle[1] < other.y + other.height


class Gone(Exception):
    """The thing was there and is not any more."""


class Bus:
    """A D-Bus session of its own, with the accessibility bus in it. ``environment`` is what its programs get."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        command = ["dbus-daemon", "--session", "--nofork", "--print-address", "--address=unix:tmpdir=/tmp"]
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout
        self.address = self._process.stdout.readline().strip()
        with open_dbus_connection(self.address) as session:
            asked = new_method_call(DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus"), "GetAddress")
            self.accessibility_address: str = session.send_and_get_reply(asked, timeout=180).body[0]

    def close(self) -> None:
        """End it, with the daemons that it started: they are its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(180)
        if self._process.stdout:
            self._process.stdout.close()


class Reader:
    """Reads the programs of an accessibility bus."""

    def __init__(self, address: str) -> None:
        self._connection: DBusConnection = open_dbus_connection(address)

    def close(self) -> None:
        """Leave the bus."""
        self._connection.close()

    def things(self, pid: int, closed: frozenset[str] = frozenset()) -> list[Thing]:
        """Everything that the process ``pid`` shows now, from the top of its tree down; [] if it shows nothing yet.

        Things whose names are in ``closed`` are not looked into: a table has a child per cell, on the screen or not.
        """
        with suppress(Gone):
            for owner in self._owners(pid):
                return list(self._walk(owner, ROOT, closed))
        return []

    def _owners(self, pid: int) -> Iterator[str]:
        for name in self._bus("ListNames")[0]:
            if name.startswith(":") and name != self._connection.unique_name:
                with suppress(Gone):
                    if self._bus("GetConnectionUnixProcessID", "s", (name,))[0] == pid:
                        yield name

    def _bus(self, method: str, signature: str | None = None, body: tuple[Any, ...] = ()) -> Any:
        return self._call(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", method, signature, body
        )

    def _walk(self, owner: str, path: str, closed: frozenset[str]) -> Iterator[Thing]:
        for _, child in self._call(owner, path, ACCESSIBLE, "GetChildren")[0]:
            with suppress(Gone):
                role = self._call(owner, child, ACCESSIBLE, "GetRoleName")[0]
                state = self._call(owner, child, ACCESSIBLE, "GetState")[0][0]
                if role in SKIPPED or not state >> SHOWING & 1:
                    continue
                name = self._call(owner, child, PROPERTIES, "Get", "ss", (ACCESSIBLE, "Name"))[0][1]
                left, top, width, height = self._call(owner, child, COMPONENT, "GetExtents", "u", (0,))[0]
                content = self._call(owner, child, TEXT, "GetText", "ii", (0, -1))[0] if role == "text" else ""
                yield Thing(role, name, bool(state >> ENABLED & 1), left, top, width, height, content)
                if name not in closed:
                    yield from self._walk(owner, child, closed)

    def _call(
        self,
        owner: str,
        path: str,
        interface: str,
        method: str,
        signature: str | None = None,
        body: tuple[Any, ...] = (),
    ) -> Any:
        message = new_method_call(DBusAddress(path, owner, interface), method, signature, body)
        reply = self._connection.send_and_get_reply(message, timeout=180)
        if reply.header.message_type is MessageType.error:
            raise Gone(reply.header.fields.get(HeaderFields.error_name, ""))
        return reply.body
