"""The command that captures on a host: what anybody types reaches it as data, and it ends when nobody listens."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from properties import examples

from vpcshark.capture.instance import commands
from vpcshark.capture.instance import facts as instance_facts
from vpcshark.capture.remote import shell_commands
from vpcshark.wire.bpf import kernel_filter, libpcap

SHELLS = [shell for shell in ("dash", "bash", "zsh", "busybox", "tcsh", "bsd-csh", "fish") if shutil.which(shell)]
NASTY = st.text(st.sampled_from("'\"`$()\\\n;&|<>*?! -aé{}#~%\t"), min_size=1, max_size=40)
FACTS = instance_facts.Facts(rights="root", tcpdump="/usr/bin/tcpdump", connection=("10.0.0.9", 50123, "10.0.0.1", 22))


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A program that writes its arguments as JSON, in tcpdump's place."""
    program = tmp_path_factory.mktemp("bin") / "tcpdump"
    program.write_text(f"#!{sys.executable} -IS\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    program.chmod(0o755)
    return str(program)


def arguments(shell: str, command: list[str]) -> list[str]:
    """What the program in tcpdump's place gets when a login shell runs the command as SSH hands it over."""
    start = [shell, "sh", "-c"] if shell == "busybox" else [shell, "-c"]
    with subprocess.Popen(
        [*start, shlex.join(shell_commands.carried(command))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        return list(json.loads(process.stdout.read()))


@pytest.mark.parametrize("shell", SHELLS)
@settings(
    max_examples=examples(12),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(interface=NASTY, wanted=NASTY)
@example(interface="eth0; touch gone", wanted="$(reboot)")
@example(interface="a'b", wanted='tcp port 80 `id`\n"')
def test_filter_and_interface_reach_tcpdump_as_data(recorder: str, shell: str, interface: str, wanted: str) -> None:
    """Quotes, substitutions, newlines: no shell takes any of it for anything but text."""
    facts = instance_facts.Facts(rights="root", tcpdump=recorder, connection=FACTS.connection)
    found = arguments(shell, commands.command(facts, interface, wanted, 96))
    assert found[found.index("-i") + 1] == interface
    own = commands.own_traffic(facts)
    assert found[-1] == (f"not ({own}) and ({wanted})" if wanted.strip() else f"not ({own})")


def tcp(source: str, source_port: int, destination: str, destination_port: int) -> bytes:
    """A frame as scapy makes it."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import Ether

    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=source, dst=destination)
    return bytes(frame / TCP(sport=source_port, dport=destination_port))


def test_only_the_captures_own_connection_is_left_out() -> None:
    """Both directions of the four-tuple go; any other SSH between the same machines stays."""
    program = libpcap.compile_filter(commands.combined(commands.own_traffic(FACTS), "tcp"))
    own = [tcp("10.0.0.9", 50123, "10.0.0.1", 22), tcp("10.0.0.1", 22, "10.0.0.9", 50123)]
    others = [tcp("10.0.0.9", 50124, "10.0.0.1", 22), tcp("10.0.0.1", 22, "10.0.0.9", 50124)]
    others.append(tcp("10.0.0.8", 50123, "10.0.0.1", 22))
    assert [bool(kernel_filter.run(program, frame)) for frame in own] == [False, False]
    assert [bool(kernel_filter.run(program, frame)) for frame in others] == [True, True, True]


def keeper(*capture: str) -> subprocess.Popen[bytes]:
    """The keeper around another program, with a second's patience."""
    command = commands.command(
        instance_facts.Facts(rights="root", tcpdump="X", timeout=shutil.which("timeout") or ""), "e", "", 1
    )
    at = command.index("X")
    command[command.index(str(commands.DEADLINE))] = "1"
    return subprocess.Popen([*command[:at], *capture], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def is_running(pid: int) -> bool:
    """Is there such a process, that is no zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("ending", ["end of input", "silence", "stubborn"])
def test_the_capture_ends_with_its_input_or_in_silence(ending: str) -> None:
    """Also one that takes no SIGTERM."""
    trap = "trap '' TERM; " if ending == "stubborn" else ""
    process = keeper("sh", "-c", f"{trap}echo $$; while :; do sleep 0.1; done")
    assert process.stdin
    assert process.stdout
    pid = int(process.stdout.readline())
    if ending != "silence":
        process.stdin.close()
    process.wait(180)
    assert not is_running(pid)
    process.stdout.close()
    if ending == "silence":
        process.stdin.close()


def test_signs_of_life_keep_it_and_ask_for_counts(tmp_path: Path) -> None:
    """Each one gives SIGUSR1 to the capture, which goes on."""
    process = keeper("sh", "-c", "trap 'echo counted' USR1; echo up; while :; do sleep 0.05; done")
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == b"up\n"
    for _ in range(3):
        time.sleep(0.5)
        os.write(process.stdin.fileno(), b".\n")
        assert process.stdout.readline() == b"counted\n"
    process.stdin.close()
    process.wait(180)
    process.stdout.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="AF_PACKET needs root")
@pytest.mark.parametrize("has_filter", [True, False])
def test_a_frame_that_is_cut_keeps_its_length_without_tcpdump(has_filter: bool) -> None:
    """Also with a filter, by which the kernel could cut it before its length is known."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
        facts = instance_facts.Facts(rights="root", python=sys.executable)
        command = commands.command(facts, "lo", f"udp dst port {port}" if has_filter else "", 96)
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            assert process.stdin
            assert process.stdout
            assert process.stderr
            assert b"listening" in process.stderr.readline()
            receiver.sendto(b"?" * 500, ("127.0.0.1", port))
            frame, length = next(each for each in records(process.stdout) if each[0][36:38] == port.to_bytes(2, "big"))
            assert (len(frame), length) == (96, 14 + 20 + 8 + 500)
            process.stdin.close()


def records(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """The frames of a pcap stream, as far as they are there, with their lengths."""
    file.read(24)
    while head := file.read(16):
        kept, length = struct.unpack_from("<II", head, 8)
        yield file.read(kept), length


def test_the_keeper_ends_when_the_capture_does() -> None:
    """With its status, while the input is still open."""
    process = keeper("sh", "-c", "exit 7")
    assert process.wait(180) == 7
    for stream in (process.stdin, process.stdout):
        assert stream
        stream.close()
