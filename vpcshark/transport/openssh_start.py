"""Starts the installed ``ssh`` and waits until it is logged in and has gone to the background, or has given up.

It runs in a session of its own, without terminal and input: what only a person knows it asks by ssh-askpass, or not at
all. Must not know what it is told to do.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence

from vpcshark.errors import TransportError
from vpcshark.transport import askpass
from vpcshark.transport.openssh_options import Option
from vpcshark.transport.ssh_evaluated import ask_defaults

log = logging.getLogger(__name__)
PATIENCE = 30.0  # seconds for a login without a person
_KINDS = {
    "cipher": "ciphers",
    "MAC": "macs",
    "key exchange method": "kexalgorithms",
    "host key type": "hostkeyalgorithms",
}
_starting: set[subprocess.Popen[bytes]] = set()


def arguments(given: Iterable[Option]) -> list[str]:
    """No file's settings, no terminal, no command; and what is ``given``."""
    found = ["-F", "none", "-N", "-T"]
    for keyword, value in given:
        found += ["-o", f"{keyword}={value if isinstance(value, str) else ' '.join(map(_quoted, value))}"]
    return found


def run(command: Sequence[str], words: str, *, asks: bool) -> str | None:
    """None once ssh is logged in, else what it said, for which the file ``words`` is used. ``asks``: it may ask for
    more than what opens a key. TransportError if it can't be started or is not done in time."""
    program = askpass.program()
    more = ["-o", f"BatchMode={'no' if program else 'yes'}"]
    more += ["-o", f"KbdInteractiveAuthentication={'yes' if program and asks else 'no'}"]
    with open(words, "w+b") as said:
        try:
            process = subprocess.Popen(
                [command[0], *more, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=_environment(program),
                start_new_session=True,
            )
        except OSError as exc:
            raise TransportError(f"{command[0]} cannot be started: {exc.strerror}.", "Install OpenSSH anew.") from exc
        status = _ended(process, askpass.PATIENCE if program else PATIENCE)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    log.info("ssh said: %s", text.strip().replace("\n", "; ")[-2000:])
    return None if status == 0 else text


def _ended(process: subprocess.Popen[bytes], patience: float) -> int:
    """Its status. TransportError if there is none within ``patience`` seconds; then it ends, with what it started."""
    _starting.add(process)
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired as exc:
        raise TransportError(f"ssh has not logged in within {patience:g} seconds.", "Try it by hand: ssh -v.") from exc
    finally:
        _starting.discard(process)
        if process.returncode is None:
            _kill(process)
            process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


@atexit.register
def _end_all() -> None:
    """The threads that wait for these end with the process, without a word."""
    for process in list(_starting):
        _kill(process)


def _environment(program: str | None) -> dict[str, str]:
    if program is None:
        return {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
    return {**os.environ, "SSH_ASKPASS": program, "SSH_ASKPASS_REQUIRE": "force"}


def offered(program: str, given: Mapping[str, str], kind: str) -> str:
    """Which algorithms of a ``kind``, as ssh calls it, it may use: what was ``given``, else its own; "" if unknown."""
    keyword = next((keyword for name, keyword in _KINDS.items() if kind.endswith(name)), "")
    return given.get(keyword) or next(iter(ask_defaults(program).get(keyword, ())), "")


def _quoted(argument: str) -> str:
    """As ssh_config(5) reads it."""
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
