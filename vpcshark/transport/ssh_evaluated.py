"""What the installed OpenSSH client makes of the user's SSH configuration for one name (``ssh -G``), as keywords and
values: so Include, Match of every kind, canonicalisation, quoting and the global file are read as ssh(1) reads them.

``Match exec`` commands of the configuration run, as they do for ssh(1); nothing of a host's own text reaches them but a
``HostName`` and a ``UserName``. Must not know what is done with the answer.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from vpcshark import this_user
from vpcshark.errors import Hopeless
from vpcshark.transport.names import HostName, UserName

log = logging.getLogger(__name__)
Found = dict[str, tuple[str, ...]]
"""The values of each keyword, which is in lower case; what says nothing is left out."""

PATIENCE = 60.0  # seconds; a ``Match exec`` may ask a network
_READING = re.compile(r"^debug1: Reading configuration data (.+?)\r?$", re.MULTILINE)
_USER = re.compile(r"^\s*user[\s=\"]", re.IGNORECASE | re.MULTILINE)
_MATCH_USER = re.compile(r"^\s*match\b.*\buser\b", re.IGNORECASE | re.MULTILINE)
MATCHES_USER = "match user"  # beside the keywords: other users may get other answers
_LINE = re.compile(r"\bline \d")
_UNKNOWN = re.compile(r"unknown key (%\S)")
_EXPANSION = re.compile(r"percent_expand|\bexpansion\b")
MOST_PLACES = 5
VARIABLE = "VPCSHARK_SSH_CONFIG"
NONE = "none"
_UNSAID = "vpcshark-unsaid"


class NotExpandable(Hopeless):
    """What the configuration says of this one host has a token or a variable that stands for nothing: ssh(1) refuses it
    for this name (OpenSSH 10.0), or shows it as it stands (9.2)."""


def ask(program: str, file: str, name: HostName, user: UserName | None = None, port: int = 0) -> Found:
    """What ``program`` says of the host that its user calls ``name``, also what it shows though nobody said it;
    ``file`` "" leaves it to find its files, ``user`` and ``port`` are its command line's. Hopeless if it refuses."""
    given = [*(["-l", user] if user else []), *(["-p", str(port)] if port else []), name]
    done = _run([program, "-v", "-G", *(["-F", file] if file else []), *given])
    read = _READING.findall(done.stderr)
    if done.returncode:
        return _refused(done.stderr, read)
    found = _parsed(done.stdout)
    if _says(read, _MATCH_USER):
        found[MATCHES_USER] = ("yes",)
    is_account = not user and _is_account(*found.get("user", ("",)))
    if is_account and not (_says(read, _USER) and _names_a_user(program, file, read, given)):
        del found["user"]
    if found.get("hostname") == (name.lower(),):
        del found["hostname"]
    return found


def ask_defaults(program: str) -> Found:
    """What ``program`` shows where no configuration says anything. Hopeless."""
    return ask(program, "none", HostName("vpcshark-nobody.invalid"))


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """In a session of its own: a Match exec asks nobody at our terminal, and ends with ssh."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,
        )
    except OSError as exc:
        raise Hopeless(f"{command[0]} cannot be started: {exc.strerror}.", "Install the OpenSSH client anew.") from exc
    with process:
        try:
            said, told = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired as exc:
            _kill(process)
            raise Hopeless(
                f"ssh -G was not done with the SSH configuration after {PATIENCE:g} seconds.",
                "See what its Match exec commands wait for.",
            ) from exc
    return subprocess.CompletedProcess(command, process.returncode, said, told)


def _kill(process: subprocess.Popen[str]) -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _refused(stderr: str, read: Sequence[str]) -> Found:
    """Hopeless with ssh's own words, and the line. A name that does not resolve (CanonicalizeHostname) is no fault of
    the configuration: nothing is known of it."""
    said = [line.strip() for line in stderr.splitlines() if not line.startswith(("debug", "OpenSSH_", "Pseudo-term"))]
    said = [line for line in said if line and "terminating," not in line]
    if any("Could not resolve host" in line for line in said):
        log.info("%s", said[0])
        return {}
    reason = "".join(one if one.isprintable() else "?" for one in "; ".join(said))[:500] or "it does not say why"
    places = "" if _LINE.search(reason) else _hosts_with(reason, read)
    kind = NotExpandable if _EXPANSION.search(reason) else Hopeless
    raise kind(
        f"ssh refuses the SSH configuration: {reason.rstrip('.')}{places}.", "Correct it; ssh -G HOST checks it."
    )


def _hosts_with(reason: str, read: Sequence[str]) -> str:
    """Where the files have a HostName with the token that ssh does not know there: the one keyword whose tokens
    ``ssh -G`` puts in, without a word of where it stands."""
    token = _UNKNOWN.search(reason)
    if not token:
        return ""
    with_it = re.compile(rf"\s*hostname[\s=\"].*{re.escape(token[1])}", re.IGNORECASE)
    found = [f"{file} line {n}" for file in read for n, line in enumerate(_lines(file), 1) if with_it.match(line)]
    return f" ({' or '.join(found[:MOST_PLACES])})" if found else ""


def _lines(file: str) -> Sequence[str]:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()


def _parsed(text: str) -> Found:
    found: Found = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        found[keyword.lower()] = (*found.get(keyword.lower(), ()), value)
    return found


def _is_account(user: str) -> bool:
    """Is that the user of this process? On Windows ssh has its domain before it."""
    return user.lower().rpartition("\\")[2] == this_user.name().lower()


def _says(files: Sequence[str], pattern: re.Pattern[str]) -> bool:
    """Has one of the files such a line, or can't be read here?"""
    for file in files:
        try:
            text = Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return True
        if pattern.search(text):
            return True
    return False


def _names_a_user(program: str, file: str, files: Sequence[str], given: Sequence[str]) -> bool:
    """Does the configuration name the account's own user? Asked once more, with another user at the end of it."""
    ends = [file] if file else [one for one in files if one.endswith(("/.ssh/config", "/ssh_config", "\\.ssh\\config"))]
    lines = [*(f'Include "{Path(one).absolute()}"\nMatch all\n' for one in ends), f"User {_UNSAID}\n"]
    with tempfile.TemporaryDirectory(prefix="vpcshark-") as folder:
        whole = Path(folder, "config")
        whole.write_text("".join(lines), encoding="utf-8")
        done = _run([program, "-G", "-F", str(whole), *given])
    return done.returncode != 0 or _parsed(done.stdout).get("user") != (_UNSAID,)


def _account_home() -> str:
    """What ssh(1) takes for the home folder; $HOME is nothing to it."""
    if os.name != "posix":
        return str(Path.home())
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return str(Path.home())


def file_in_force() -> str:
    """What ``VPCSHARK_SSH_CONFIG`` names, as after ``ssh -F`` ("none": no file). Else "" where ssh(1) finds the user's
    configuration by itself; where $HOME is not the account's home folder (sudo, a container, a test) the configuration
    in it, alone: "none" if there is none."""
    if named := os.environ.get(VARIABLE):
        return named if named == NONE else os.path.expanduser(named)
    home = os.environ.get("HOME", "")
    if os.name != "posix" or not home or os.path.realpath(home) == os.path.realpath(_account_home()):
        return ""
    file = Path(home, ".ssh", "config")
    return str(file) if file.exists() else NONE
