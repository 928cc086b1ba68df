"""What a host says of itself: read whatever login scripts print, and an interface found by its MAC alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vpcshark.capture.instance import facts as instance_facts
from vpcshark.errors import TransportError

ANSWER = b"""Welcome!
vpcshark:connection:10.0.0.9 50123 10.0.0.1 22
motd without a line endvpcshark:user:ec2-user
vpcshark:rights:sudo
vpcshark:tcpdump:/usr/sbin/tcpdump
vpcshark:knows:--immediate-mode
vpcshark:link:2 0a:00:00:00:00:01 - hardware eth0
vpcshark:link:3 0a:00:00:00:00:02 0a:00:00:00:00:03 hardware eth1
vpcshark:link:4 0a:00:00:00:00:02 0a:00:00:00:00:02 hardware eth2
vpcshark:link:9 0a:00:00:00:00:02 - - bond0
vpcshark:link:7 0a:00:00:00:00:01 - - eth0.5
vpcshark:agent:0100000A:C000 0A00A8C0:01BB
vpcshark:agent:0000000000000000FFFF00000100000A:C001 0000000000000000FFFF00000A00A8C0:01BB
vpcshark:agent:0100007F:0016 00000000:0000
vpcshark:sshd:4711
vpcshark:end:ok
"""


def test_marked_lines_are_found_among_others() -> None:
    """A login script prints before, and one that ends without a line end prints on the same line."""
    facts = instance_facts.parse(ANSWER)
    assert (facts.user, facts.rights, facts.tcpdump, facts.sshd) == ("ec2-user", "sudo", "/usr/sbin/tcpdump", 4711)
    assert facts.connection == ("10.0.0.9", 50123, "10.0.0.1", 22)
    assert facts.knows == {"--immediate-mode"}


def test_the_agents_connections_are_read_as_proc_has_them() -> None:
    """IPv4, and IPv4 in IPv6; what only listens is no connection."""
    assert instance_facts.parse(ANSWER).agent == (
        ("192.168.0.10", 443, "10.0.0.1", 49152),
        ("192.168.0.10", 443, "10.0.0.1", 49153),
    )


@pytest.mark.parametrize(
    ("mac", "name"),
    [
        ("0A:00:00:00:00:01", "eth0"),
        ("0a:00:00:00:00:03", "eth1"),
        ("0a:00:00:00:00:02", "eth2"),
        ("0a:00:00:00:00:09", ""),
    ],
)
def test_an_interface_is_found_by_its_mac(mac: str, name: str) -> None:
    """The hardware before a VLAN on it; a bond's member by its permanent MAC, whatever it shows now."""
    assert instance_facts.parse(ANSWER).interface(mac) == name


def test_an_answer_that_is_cut_off_is_an_error() -> None:
    """A restricted shell, say, that runs no commands."""
    with pytest.raises(TransportError, match="did not answer"):
        instance_facts.parse(b"This account is not available.\n")


@pytest.mark.parametrize("shell", [["dash"], ["bash"], ["busybox", "sh"]])
def test_every_shell_answers_for_this_machine(shell: list[str]) -> None:
    """The script itself, in real shells."""
    script = instance_facts.command()[-1]
    done = subprocess.run(
        [*shell, "-c", script], stdin=subprocess.DEVNULL, capture_output=True, timeout=180, check=False
    )
    facts = instance_facts.parse(done.stdout)
    assert any(link.name == "lo" for link in facts.links)
    assert facts.user


BESIDE_AN_AGENT = """
import ctypes, os, signal, subprocess, sys
agent, user, script = sys.argv[1:]
begun, begin = os.pipe()
if not (pid := os.fork()):
    ctypes.CDLL(None).prctl(15, b"ssm-agent-worker", 0, 0, 0)  # PR_SET_NAME
    if agent == "ended":
        os._exit(0)
    import socket
    listening = socket.create_server(("127.0.0.1", 0)) if agent == "with a socket" else None
    os.write(begin, b"1")
    signal.pause()
if agent == "ended":
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # and nobody takes its status: it stays as a zombie
else:
    os.read(begun, 1)
there = {"PATH": os.environ["PATH"], "SSH_CONNECTION": "127.0.0.1 50123 127.0.0.1 22"}
subprocess.run(["setpriv", f"--reuid={user}", "--clear-groups", "sh", "-c", script], env=there, check=True)
"""


@pytest.mark.root  # to have a list of processes that nobody else is in
@pytest.mark.parametrize(
    ("agent", "user", "is_guessed"),
    [
        ("with a socket", "root", False),
        ("without a socket", "root", False),
        ("ended", "root", False),
        ("with a socket", "nobody", True),
        ("without a socket", "nobody", True),
        ("ended", "nobody", False),
    ],
)
def test_the_agents_connections_are_guessed_only_where_its_files_are_hidden(
    agent: str, user: str, is_guessed: bool
) -> None:
    """An agent that has no connection at this moment, or has ended, carries none: who sees that need not guess."""
    script = instance_facts.command()[-1]
    alone = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", BESIDE_AN_AGENT, agent, user, script]
    done = subprocess.run(alone, stdin=subprocess.DEVNULL, capture_output=True, timeout=180, check=False)
    facts = instance_facts.parse(done.stdout)
    assert facts.user == user
    assert facts.is_guessed == is_guessed
    assert not facts.agent  # what only listens is no connection
