"""Asks the person in front of the screen for a passphrase, with the program that ssh(1) would use: ssh-askpass.

stdin and the terminal belong to others here, so there is no other way to ask. Must not know what the answer opens; it
is never logged or kept.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading

log = logging.getLogger(__name__)
PATIENCE = 120.0  # seconds
PROGRAMS = ("ssh-askpass", "ksshaskpass", "x11-ssh-askpass", "/usr/lib/ssh/ssh-askpass", "/usr/libexec/ssh-askpass")
_one_at_a_time = threading.Lock()


def ask(prompt: str) -> str | None:
    """What the person typed; None if nobody can be asked, or does not want to answer."""
    found = program()
    if found is None:
        return None
    with _one_at_a_time:
        try:
            done = subprocess.run(
                [found, prompt],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
                start_new_session=True,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            log.info("%s gave no passphrase: %s.", found, type(exc).__name__)
            return None
    return done.stdout.decode("utf-8", "replace").rstrip("\r\n") if done.returncode == 0 else None


def program() -> str | None:
    """The program: $SSH_ASKPASS, else a usual one; only where there is a screen, or where $SSH_ASKPASS_REQUIRE says
    that it needs none."""
    required = os.environ.get("SSH_ASKPASS_REQUIRE", "")
    has_screen = os.name == "nt" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if required == "never" or not (has_screen or required == "force"):
        return None
    named = os.environ.get("SSH_ASKPASS", "")
    return next((path for name in (named, *PROGRAMS) if name and (path := shutil.which(name))), None)
