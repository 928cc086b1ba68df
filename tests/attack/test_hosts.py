"""Hostile hosts: whatever a capture host, an instance or what sits at its SSH port does, the capture ends with a
sentence, and nothing of theirs reaches the terminal or the log raw."""

from __future__ import annotations

from typing import Any

import pytest
from arena import log_in, told
from rogue_hosts import ESCAPES, EVENTS, LOGIN, RAW, RECEIVERS, says
from rogue_sources import DUMPS, PCAP_HEADER, PROBES, pouring
from rogue_ssh import Command, Rogue, Rogues, Speak, frame

PATIENCE = 25.0  # seconds until a capture that goes on is stopped as by Ctrl-C
HONEST = says(b"")


def mirror(arena: Any, attack: str, rogue: Rogue) -> None:
    """A mirror to the rogue host, until a packet came."""
    account = arena.account
    host = account.instances["db-1"].id
    words = ["capture", account.eni("web-1"), "--mode", "mirror", "--host", host, "-c", "1", "-w", "out.pcapng"]
    done, found = arena.run(attack, [*words, *log_in(rogue)], place=arena.place(rogue), stop=PATIENCE)
    assert not found, told(done, found)


def tcpdump(arena: Any, attack: str, rogue: Rogue, *more: str) -> None:
    """tcpdump on the rogue host itself."""
    words = ["capture", arena.account.eni("web-1"), "--mode", "tcpdump", "-c", "9", "-w", "out.pcapng", *more]
    done, found = arena.run(attack, [*words, *log_in(rogue)], place=arena.place(rogue), stop=PATIENCE)
    assert not found, told(done, found)


@pytest.fixture(autouse=True)
def its_mac(account: Any) -> None:
    """What honest answers name as their interface."""
    Command.mac = account.instances["web-1"].enis[0].mac


def test_an_honest_host_is_captured_from(arena: Any, rogues: Rogues) -> None:
    """Else all others would end cleanly for a reason of the harness's own."""
    with rogues.ssh(HONEST) as rogue:
        words = ["--mode", "mirror", "--host", arena.account.instances["db-1"].id, "-c", "1", "-w", "out.pcapng"]
        place = arena.place(rogue)
        done, found = arena.run(
            "host: honest", ["capture", arena.account.eni("web-1"), *words, *log_in(rogue)], place=place
        )
        assert not found, told(done, found)
        assert done.status == 0
        assert b"1 packet captured" in done.err
        assert frame()[:4] in (place.work / "out.pcapng").read_bytes()


@pytest.mark.thin(12)
@pytest.mark.parametrize("name", RAW)
def test_what_sits_at_the_port(arena: Any, rogues: Rogues, name: str) -> None:
    """Before any SSH is spoken."""
    with rogues.raw(RAW[name]) as rogue:
        mirror(arena, f"host: {name}", rogue)


@pytest.mark.thin(8)
@pytest.mark.parametrize("name", LOGIN)
def test_what_a_login_meets(arena: Any, rogues: Rogues, name: str) -> None:
    """SSH is spoken, and nobody gets in."""
    with rogues.ssh(HONEST, **LOGIN[name]) as rogue:
        mirror(arena, f"host: {name}", rogue)


@pytest.mark.thin(11)
@pytest.mark.parametrize("name", RECEIVERS)
def test_what_the_receiver_does(arena: Any, rogues: Rogues, name: str) -> None:
    """What runs in the receiver's place."""
    with rogues.ssh(RECEIVERS[name]) as rogue:
        mirror(arena, f"host: {name}", rogue)


@pytest.mark.thin(11)
@pytest.mark.parametrize("name", EVENTS)
def test_what_the_receiver_says(arena: Any, rogues: Rogues, name: str) -> None:
    """Lines on stderr, before it is ready and after."""
    with rogues.ssh(says(EVENTS[name])) as rogue:
        mirror(arena, f"event: {name}", rogue)


@pytest.mark.thin(9)
@pytest.mark.parametrize("name", PROBES)
def test_what_is_answered_to_questions(arena: Any, rogues: Rogues, name: str) -> None:
    """The questions before a tcpdump."""
    with rogues.ssh(answering(PROBES[name], DUMPS["escape sequences on stderr"])) as rogue:
        tcpdump(arena, f"probe: {name}", rogue)


@pytest.mark.thin(9)
@pytest.mark.parametrize("name", DUMPS)
def test_what_tcpdump_pours(arena: Any, rogues: Rogues, name: str) -> None:
    """Packets that are none, and words."""
    with rogues.ssh(answering(Command.facts, DUMPS[name])) as rogue:
        tcpdump(arena, f"tcpdump: {name}", rogue)


@pytest.mark.long
@pytest.mark.parametrize("name", KEYLOGS := ("escape sequences", "noise", "a line without an end", "many secrets"))
def test_what_a_key_log_holds(arena: Any, rogues: Rogues, name: str) -> None:
    """The file on the source that is followed for TLS secrets."""
    with rogues.ssh(answering(Command.facts, keylog(name))) as rogue:
        tcpdump(arena, f"key log: {name}", rogue, "--tls-keylog", "/keylog")


def answering(probe: Speak, dump: Speak) -> Speak:
    """A host that is asked first, and then has tcpdump started."""
    return lambda command: probe(command) if command.is_probe else dump(command)


def keylog(name: str) -> Speak:
    """tcpdump beside a key log that is odd."""
    secret = b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"
    contents = {
        "escape sequences": [ESCAPES + b"\n"] * 100,
        "noise": [bytes(range(256)) * 1000] * 10,
        "a line without an end": [b"CLIENT_RANDOM " + b"a" * (1 << 20)] * 200,
        "many secrets": [secret * 10_000] * 100,
    }[name]

    def speak(command: Command) -> None:
        if b"/keylog" in command.text:
            pouring(*contents, status=0)(command)
            return
        command.out(PCAP_HEADER)
        command.until_told_to_end(15)
        command.end()

    return speak


def test_tables_are_as_long_as_promised() -> None:
    """Twenty hosts or more, 21 event lines, 5 probes."""
    assert len(RAW) + len(LOGIN) + len(RECEIVERS) >= 20
    assert len(EVENTS) >= 21
    assert len(PROBES) >= 5
