"""A Wireshark of its own for each test: a home with an extcap folder that holds an invented extcap."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vpcshark.cli.install import filled_in

FAKE = Path(__file__).with_name("fake_extcap.py")
LAUNCHER = Path(__file__).parents[2] / "extcap" / "vpcshark"


KIND = re.compile(r"^[\t| ]*(arg|value|interface|extcap|dlt|control)(?=[\t| ]+\{)")
FIELD = re.compile(r"\{([a-zA-Z_-]*?)\=(.*?)\}(?=\{|$|\s)")


def read(text: str) -> list[tuple[str, dict[str, str]]]:
    """The sentences as extcap_parser.c (4.0) reads them; its expressions are those in the tshark binary."""
    found = []
    for line in text.split("\n"):
        kind = KIND.match(line)
        if kind:
            found.append((kind.group(1), dict(FIELD.findall(line))))
    return found


class FakeWireshark:
    """Runs tshark, or the invented extcap alone, with nothing of the user's own configuration."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "facts"
        self.environ = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_STATE_HOME": str(home / ".state"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "FAKE_LOG": str(self.log),
            "FAKE_INTERFACES": json.dumps([["eni-0a", "web-1 · eth0"], ["eni-0b", "db-1 · eth0"]]),
        }
        self.command = [sys.executable, str(FAKE)]

    def folder(self) -> Path:
        """Where this tshark looks for extcaps."""
        folders = subprocess.run(["tshark", "-G", "folders"], env=self.environ, capture_output=True, text=True).stdout
        named = dict(line.split(":", 1) for line in folders.splitlines() if ":" in line)
        place = named.get("Personal Extcap path") or named["Personal configuration"].strip() + "/extcap"
        folder = Path(place.strip())
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def install(self) -> None:
        """Put the invented extcap where this tshark looks."""
        script = self.folder() / "fake"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(self.command)} "$@"\n')
        script.chmod(0o755)

    def install_launcher(self, command: list[str] | None = None) -> Path:
        """Put the real launcher there, before the invented extcap or another ``command``; its path."""
        python = self.home / "python"
        python.write_text(f'#!/bin/sh\nshift 2\nexec {shlex.join(command or self.command)} "$@"\n')
        python.chmod(0o755)
        path = self.folder() / "vpcshark"
        path.write_text(filled_in(LAUNCHER.read_text("utf-8"), str(python)))
        path.chmod(0o755)
        return path

    def ask(self, launcher: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Ask the launcher as a Wireshark that has never asked before: through a process of its own."""
        return subprocess.run(
            ["sh", "-c", '"$@"; exit $?', "sh", str(launcher), *arguments],
            env={**self.environ, **environ},
            capture_output=True,
            encoding="utf-8",
            timeout=180,
        )

    def tshark(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run tshark to its end."""
        return subprocess.run(
            ["tshark", *arguments], env={**self.environ, **environ}, capture_output=True, encoding="utf-8", timeout=180
        )

    def extcap(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the invented extcap to its end."""
        return subprocess.run(
            [*self.command, *arguments],
            env={**self.environ, **environ},
            capture_output=True,
            encoding="utf-8",
            timeout=180,
        )

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start the invented extcap."""
        return subprocess.Popen(
            [*self.command, *arguments],
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def facts(self) -> list[dict]:
        """What the invented services have noted so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def wait_for(self, key: str) -> dict:
        """Wait until the services have noted ``key``, and return that note."""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            for fact in self.facts():
                if key in fact:
                    return fact
            time.sleep(0.01)
        raise AssertionError(f"{key} was never noted: {self.facts()}")


@pytest.fixture
def wireshark(tmp_path: Path) -> FakeWireshark:
    """A Wireshark whose extcap folder holds nothing yet."""
    return FakeWireshark(tmp_path)


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A FIFO that nobody has open."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def in_thread():
    """Run functions in threads that are joined at the end of the test."""
    threads: list[threading.Thread] = []

    def start(function) -> threading.Thread:
        threads.append(threading.Thread(target=function, daemon=True))
        threads[-1].start()
        return threads[-1]

    yield start
    for thread in threads:
        thread.join(180)
        assert not thread.is_alive()


@pytest.fixture
def closing():
    """Closes what it is given at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda thing: stack.enter_context(contextlib.closing(thing))


@pytest.fixture(scope="session")
def sentences():
    """Wireshark's way to read sentences."""
    return read
