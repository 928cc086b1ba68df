"""Whatever the login shell of a user is, and whatever Python is called there: real shells, as sshd starts them."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from vpcshark.capture.instance import tcpdump_process
from vpcshark.capture.mirror import receiver_start
from vpcshark.capture.receivers.client import Reception
from vpcshark.capture.remote import shell_commands
from vpcshark.errors import TransportError
from vpcshark.transport.local import LocalChannel, LocalTransport

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="capturing and mounts need root")
LOOPBACK = "00:00:00:00:00:00"
POSIX = (["dash"], ["bash"], ["busybox", "ash"], ["zsh"], ["rbash"])
OTHERS = (["tcsh"], ["bsd-csh"], ["fish"])


class LoginShell:
    """A transport to this machine that does what sshd does: the whole command is one line for the user's shell."""

    name = "ssh me@there"

    def __init__(self, shell: Sequence[str], **environment: str) -> None:
        self._shell = [
            *(["env", *(f"{key}={value}" for key, value in environment.items())] * bool(environment)),
            *shell,
        ]
        self._local = LocalTransport()

    def open(self, command: Sequence[str]) -> LocalChannel:
        return self._local.open([*self._shell, "-c", shlex.join(command)])

    def close(self) -> None:
        self._local.close()


@as_root
@pytest.mark.thin(2)
@pytest.mark.parametrize("shell", [*OTHERS, *POSIX], ids=" ".join)
def test_tcpdump_captures_through_every_login_shell(shell: list[str]) -> None:
    """Questions, keeper and filter are carried: line ends, "!", quotes and backslashes reach sh as they are."""
    wanted = tcpdump_process.Wanted(LOOPBACK, "ether proto \\ip and !(tcp port 22 or port 23)")
    running = tcpdump_process.Dump(LoginShell(shell), wanted)
    try:
        running.begin()
        assert running.facts.rights == "root"
        assert running.facts.python
    finally:
        running.ask_to_end()
        running.close(30.0)


@pytest.mark.thin(2)
@pytest.mark.parametrize("shell", [*OTHERS, *POSIX], ids=" ".join)
def test_the_receiver_starts_through_every_login_shell(shell: list[str]) -> None:
    """Its program comes by stdin, which no shell may have read from."""
    assert started(LoginShell(shell)).endswith(b"\n['-c', 'owns-connection']\n")


def started(transport: LoginShell) -> bytes:
    """What a program prints that is sent in the receiver's place."""
    channel = transport.open(receiver_start.receiver_command(transport, "python3"))
    program = b"import signal\nsignal.alarm(0)\nprint(sys.argv)"
    program = b"import sys\n" + program
    channel.write(b"%d\n%s" % (len(program), program))
    output = b""
    while data := channel.read(4096):
        output += data
    transport.close()
    assert output.startswith(receiver_start.BEGIN), output
    return output


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        (["/usr/sbin/nologin"], "account is currently not available"),
        (["bash", "-c", "echo Only git here. >&2; exit 128", "-"], "Only git here"),
        (["/bin/rbash"], "sh: command not found"),
    ],
)
def test_a_shell_that_runs_no_commands_is_told_with_its_own_words(shell: list[str], words: str, tmp_path: Path) -> None:
    """nologin says so on stdout, a restricted shell without sh on stderr; neither has anything to do with Python."""
    transport = LoginShell(shell, PATH=str(tmp_path)) if shell == ["/bin/rbash"] else LoginShell(shell)
    with pytest.raises(TransportError, match=words) as caught:
        tcpdump_process.ask(transport)
    assert "runs no commands for this user" in caught.value.problem
    assert "--ssh-user" in caught.value.remedy
    assert refused(transport) == (caught.value.problem, caught.value.remedy)


def refused(transport: LoginShell) -> tuple[str, str]:
    """How a receiver is told that did not start."""
    channel = transport.open(receiver_start.receiver_command(transport, "python3"))
    starting = Reception(channel, transport, receiver_start.BEGIN)
    with pytest.raises(TransportError) as caught:
        starting.begin({}, 120.0)
    starting.finish(0.0)
    return caught.value.problem, caught.value.remedy


def test_a_host_without_any_python_is_told(tmp_path: Path) -> None:
    """Its shell ran, so that it is not the shell's fault."""
    problem, remedy = refused(only(tmp_path))
    assert problem == "There is no python3 on ssh me@there."
    assert "Python 3.6" in remedy


def test_a_shell_that_says_nothing_is_told_too() -> None:
    """false(1) is one."""
    with pytest.raises(TransportError, match="did not answer") as caught:
        tcpdump_process.ask(LoginShell(["false"]))
    assert "must run sh" in caught.value.remedy


def only(folder: Path, **links: str) -> LoginShell:
    """A shell whose PATH has sh and nothing else but these."""
    for name, target in {"sh": "/bin/sh", "id": "/usr/bin/id", **links}.items():
        (folder / name).symlink_to(target)
    return LoginShell(["/bin/bash"], PATH=str(folder))


@pytest.mark.parametrize("name", ["python3.9", "python3.12"])
def test_a_python_is_found_by_its_version(name: str, tmp_path: Path) -> None:
    """Where nothing is called python3."""
    assert b"owns-connection" in started(only(tmp_path, **{name: sys.executable, "python3.5": "/bin/false"}))


def test_a_python_that_is_too_old_or_cannot_run_is_passed_over(tmp_path: Path) -> None:
    """What the search finds is what runs."""
    transport = only(tmp_path, **{"python3": "/dev/null", "python3.5": sys.executable, "python3.7": sys.executable})
    channel = transport.open(["sh", "-c", f'{shell_commands.FIND_PYTHON}\necho "$python"'])
    assert channel.read(4096).decode().strip() == str(tmp_path / "python3.7")
    transport.close()


@as_root
def test_the_platforms_own_python_does(tmp_path: Path) -> None:
    """Red Hat's 8 has no other until somebody installs one."""
    link = f"ln -s {Path(sys.executable).resolve()} /usr/libexec/platform-python"
    mounted = f'mount -t tmpfs none /usr/libexec && {link} && exec "$@"'
    shell = ["unshare", "--mount", "sh", "-c", mounted, "sh", *only(tmp_path)._shell]
    assert b"owns-connection" in started(LoginShell(shell))


def test_what_every_shell_passes_on_is_left_as_it_is() -> None:
    """So that the command that a host's owner sees is readable where it can be."""
    assert shell_commands.carried(["sh", "-c", 'echo "$1"', "sh", "a b"]) == ["sh", "-c", 'echo "$1"', "sh", "a b"]


def test_no_word_is_too_long_for_an_old_csh() -> None:
    """1,024 characters is the most for some."""
    command = shell_commands.carried(["sh", "-c", "echo !\n" * 1000])
    assert max(map(len, command)) <= 500
    done = subprocess.run(["bsd-csh", "-c", shlex.join(command)], capture_output=True, text=True, check=True)
    assert done.stdout == "!\n" * 1000
