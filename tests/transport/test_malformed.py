"""What a host sends that is no SSH, at each stage of a connection: a sentence that names the host, whatever class of
exception paramiko's parser meets, and memory that has a bound."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
import pytest
from rogue_ssh import Command, Rogues

from vpcshark.errors import TransportError
from vpcshark.transport import ssh
from vpcshark.transport.ssh_greeting import LONGEST, WINDOW

NO_TEXT = b"\0\0\0\x04\xff\xfe\xfd\xfc"  # a string that is no UTF-8
LISTS = (b"curve25519-sha256@libssh.org", b"ssh-ed25519", *[b"aes128-ctr"] * 2, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2)


def text(data: bytes) -> bytes:
    """RFC 4251, 5: a string."""
    return struct.pack(">I", len(data)) + data


def packet(payload: bytes) -> bytes:
    """RFC 4253, 6, before there are keys."""
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


KEXINIT = b"\x14" + bytes(16) + b"".join(map(text, (*LISTS, b"", b""))) + bytes(5)
EXCHANGES = {
    "no algorithms": [b"\x14"],
    "algorithms that are no text": [b"\x14" + bytes(16) + NO_TEXT * 10 + bytes(5)],
    "algorithms cut off": [KEXINIT[:60]],
    "algorithms longer than the packet": [b"\x14" + bytes(16) + b"\xff" * 40],
    "a payload of nothing": [b""],
    "a reply of nothing": [KEXINIT, b"\x1f"],
    "a reply whose key is no key": [KEXINIT, b"\x1f" + text(b"key") + text(bytes(32)) + text(b"signature")],
    "a reply whose key is no text": [KEXINIT, b"\x1f" + text(NO_TEXT * 3) + text(bytes(32)) + text(NO_TEXT)],
    "a reply whose key has another length": [
        KEXINIT,
        b"\x1f" + text(text(b"ssh-ed25519") + text(b"short")) + text(bytes(32)) + text(b""),
    ],
    "a reply whose point is none": [
        KEXINIT,
        b"\x1f" + text(text(b"ssh-ed25519") + text(bytes(32))) + text(b"x") + text(NO_TEXT),
    ],
    "a farewell that is no text": [b"\x01" + bytes(4) + NO_TEXT * 2],
    "a message of no kind": [b"\xfe" + NO_TEXT],
}


@pytest.mark.thin(3)
@pytest.mark.parametrize("name", EXCHANGES)
def test_a_malformed_key_exchange_is_told(rogues: Rogues, name: str) -> None:
    """Whole packets, whose contents are none."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n" + b"".join(map(packet, EXCHANGES[name])))
        while connection.recv(1 << 16):
            pass

    with rogues.raw(serve) as rogue, pytest.raises(TransportError) as raised:
        log_in(rogue)
    assert f"127.0.0.1:{rogue.port} " in raised.value.problem
    assert raised.value.problem.endswith(".")


STAGES = ("login", "channel", "command")
KINDS = {"a failed login": 51, "a farewell": 1, "a global request": 80, "an opened channel": 90}


@pytest.mark.thin(4)
@pytest.mark.parametrize(("stage", "kind"), [*itertools.product(STAGES, KINDS)])
def test_a_malformed_answer_is_told(rogues: Rogues, stage: str, kind: str) -> None:
    """After the key exchange, in place of each answer that is waited for."""
    message = paramiko.Message(bytes([KINDS[kind]]) + (bytes(4) if kind == "a farewell" else b"") + NO_TEXT * 3)
    with odd_server(rogues, stage, message) as rogue, pytest.raises(TransportError) as raised:
        run_a_command(rogue)
    assert "127.0.0.1" in raised.value.problem
    assert raised.value.problem.endswith(".")


def test_a_host_that_minds_no_window_is_left(rogues: Rogues) -> None:
    """What lies here unread never is more than what it may send; at that the connection ends."""

    def pour(command: Command) -> None:
        command.channel.out_window_size = 1 << 40
        for number in range(2 * WINDOW >> 16):
            (command.out if number % 2 else command.err)(bytes(1 << 16))

    with rogues.ssh(pour) as rogue, contextlib.closing(log_in(rogue)) as transport:
        channel = transport.open(["true"])
        with pytest.raises(TransportError, match="bytes came that nobody had asked for yet"):
            channel.wait(180)
        left = sum(map(len, iter(lambda: channel.read(1 << 20), b"")))
        left += sum(map(len, iter(lambda: channel.read_error(1 << 20), b"")))
        assert WINDOW // 2 < left <= WINDOW


def test_an_endless_packet_is_not_waited_for(rogues: Rogues) -> None:
    """It is refused by its length, before its bytes come: at whichever step it is met."""

    def announce(command: Command) -> None:
        command.channel.get_transport().sock.sendall(struct.pack(">I", LONGEST << 4) + bytes(60))
        command.until_told_to_end(180)

    with rogues.ssh(announce) as rogue, pytest.raises(TransportError, match=r"broke|announces a packet"):
        run_a_command(rogue)


@pytest.fixture(scope="module")
def rogues(tmp_path_factory: pytest.TempPathFactory) -> Rogues:
    """Makes rogue hosts."""
    return Rogues(Path(tmp_path_factory.mktemp("rogues")))


def log_in(rogue: Any) -> ssh.SshTransport:
    """As the product does."""
    return ssh.connect(
        "127.0.0.1", user="root", port=rogue.port, key_file=str(rogue.key), known_hosts_files=[str(rogue.known_hosts)],
        timeout=60.0,
    )  # fmt: skip


def run_a_command(rogue: Any) -> None:
    """As the product does: TransportError where it does not come to its end."""
    with contextlib.closing(log_in(rogue)) as transport:
        transport.open(["true"]).wait(60)


@contextmanager
def odd_server(rogues: Rogues, stage: str, message: paramiko.Message) -> Iterator[Any]:
    """An honest server up to ``stage``, where it sends ``message`` instead of its answer."""

    def sends(transport: paramiko.Transport) -> None:
        transport._send_message(message)

    way: dict[str, Callable[[paramiko.Transport], None]] = {f"at_{stage}": sends}
    with rogues.ssh(lambda command: command.end(), **way) as rogue:
        yield rogue
