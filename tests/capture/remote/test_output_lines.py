"""What a hostile host says, as receiver, tcpdump or probe: bounded, typed, and an end that names the host."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import struct
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.capture.instance import facts as instance_facts
from vpcshark.capture.instance import tcpdump_process
from vpcshark.capture.instance.tls_secrets import Secrets
from vpcshark.capture.receivers.client import Reception
from vpcshark.capture.remote import output_lines
from vpcshark.errors import TransportError, VpcsharkError

HOST = "ssh ec2-user@10.1.0.7"
MEGABYTE = 1 << 20
MAC = "0a:00:00:00:00:01"
FACTS = f"vpcshark:user:me\nvpcshark:rights:root\nvpcshark:tcpdump:/x\nvpcshark:link:1 {MAC} - hardware eth0\n"
PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def event(kind: str, **facts: object) -> bytes:
    return json.dumps({"event": kind, **facts}).encode() + b"\n"


def endless(piece: bytes) -> Iterator[bytes]:
    return itertools.repeat(piece)


BAD: dict[str, Callable[[], Iterable[bytes]]] = {
    "a line of 16 MiB": lambda: [b"x" * 65536] * 256 + [b"\n"],
    "an event of 16 MiB": lambda: [b'{"event": "stats", "x": "', *[b"y" * 65536] * 256, b'"}\n'],
    "a line without end": lambda: endless(b"x" * 65536),
    "lines without end": lambda: endless(b"x\n" * 30000),
    "empty lines without end": lambda: endless(b"\n" * 65536),
    "events without end": lambda: endless(event("stats", received=1) * 1000),
    "clock answers without end": lambda: endless(event("pong", ping=1, time=1) * 1000),
    "1.3 million lines": lambda: [b"x\n" * 1300] * 1000,
    "deep JSON": lambda: [b'{"event": "stats", "foreign": ' + b"[" * 200_000 + b"\n"],
    "deep JSON, closed": lambda: [b"[" * 100_000 + b"]" * 100_000 + b"\n"],
    "deep JSON within": lambda: [b'{"event": "stats", "received": ' + b"[" * 900 + b"]" * 900 + b"}\n"],
    "ready with a text for a time": lambda: [event("ready", time="x")],
    "ready with no mode": lambda: [event("ready", mode=None)],
    "a count that is a text": lambda: [event("stats", received="7")],
    "a count that is true": lambda: [event("stats", received=True)],
    "a count that is a list": lambda: [event("stats", received=[1])],
    "a count below zero": lambda: [event("stats", received=-1)],
    "a count with a fraction": lambda: [event("stats", dropped=1.5)],
    "a count of 100,000 digits": lambda: [b'{"event": "stats", "received": ' + b"9" * 100_000 + b"}\n"],
    "NaN": lambda: [b'{"event": "tally", "seconds": NaN}\n'],
    "Infinity": lambda: [b'{"event": "stats", "received": Infinity}\n'],
    "1e999": lambda: [b'{"event": "tally", "seconds": 1e999}\n'],
    "VNIs that are a list": lambda: [event("stats", foreign=[1, 2])],
    "a VNI that is a text": lambda: [event("stats", foreign={"x": 1})],
    "a VNI's count that is a text": lambda: [event("tally", foreign={"1": "x"})],
    "a ping that is a list": lambda: [event("pong", ping=[1], time=1)],
    "a time that is an object": lambda: [event("pong", ping=1, time={})],
    "a problem that is a number": lambda: [event("error", problem=7)],
    "no UTF-8": lambda: [b'{"event": "stats", "received": 1, "x": "\xff\xfe"}\n'],
    "NUL": lambda: [b'{"event": "stats"\0}\n'],
    "UTF-16": lambda: [event("stats", received=5).decode().encode("utf-16") + b"\n"],
    "an event that is a list": lambda: [b'{"event": ["stats"]}\n'],
    "an event of no kind": lambda: [b'{"event": "other"}\n'],
    "an array": lambda: [b"[1, 2, 3]\n"],
    "torn JSON": lambda: [b'{"event": "sta\n'],
    "an escape sequence": lambda: [b"\x1b[2J\x1b]0;x\x07\n"],
    "tcpdump's counts with 100,000 digits": lambda: [b"9" * 50_000 + b" packets dropped by kernel\n"],
}
BUT_WORDS = {"deep JSON, closed", "UTF-16", "an array", "an escape sequence", "tcpdump's counts with 100,000 digits"}
"""What a receiver may say beside its events, as Python's warnings; but never without end."""


class Saying:
    """A channel whose stderr is what it is given, piece by piece, until it is closed; its stdout waits for that."""

    def __init__(self, said: Iterable[bytes], printed: bytes = b"") -> None:
        self._said = iter(said)
        self._out: queue.Queue[bytes] = queue.Queue()
        if printed:
            self._out.put(printed)
        self._is_closed = threading.Event()

    def read(self, size: int) -> bytes:
        return self._out.get()

    def read_error(self, size: int) -> bytes:
        return b"" if self._is_closed.is_set() else next(self._said, b"")

    def write(self, data: bytes) -> None: ...

    def wait(self, timeout: float) -> int:
        return 0

    def close_input(self) -> None:
        self.close()

    def close(self) -> None:
        self._is_closed.set()
        self._out.put(b"")


class Way:
    """A transport that opens these channels one after the other."""

    name = HOST

    def __init__(self, *channels: object) -> None:
        self._channels = list(channels)

    def open(self, command: object) -> object:
        return self._channels.pop(0)

    def close(self) -> None: ...


class Nowhere:
    """A sink."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


@contextmanager
def little_memory(most: int = 40 * MEGABYTE) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def heard(said: Iterable[bytes], begin: bytes) -> tuple[VpcsharkError | None, int]:
    """Why a receiver that says this ended, and the count that was heard last."""
    over, ends = threading.Event(), []
    last = event("stats", received=7)
    channel = Saying(itertools.chain([begin], said, [last]))
    reception = Reception(channel, Way())
    try:
        reception.begin({}, 60.0)
    except TransportError as error:
        return error, 0
    reception.stream(Nowhere(), lambda error: (ends.append(error), over.set()))
    reception._events.wait_for_the_end(180)
    received = reception.stats.received
    if received != 7:
        assert over.wait(180)
    reception.finish(60.0)
    return (None if received == 7 else ends[0]), received


@pytest.mark.parametrize("kind", BAD)
def test_a_receiver_that_says_what_does_not_fit_is_ended_by_name(kind: str) -> None:
    """Rather than going on without counts; and it costs little memory. What does not matter is passed over."""
    with little_memory():
        error, count = heard(BAD[kind](), event("ready", mode="ring", time=1))
    if kind in BUT_WORDS:
        assert (error, count) == (None, 7)
    else:
        assert isinstance(error, TransportError), error
        assert HOST in error.problem, error
        assert "sends what no receiver does" in error.problem


@pytest.mark.parametrize("kind", BAD)
def test_before_it_is_ready_a_receiver_is_heard_or_refused_by_name(kind: str) -> None:
    """A login shell may say anything then, but never without end."""
    with little_memory():
        error, count = heard(itertools.chain(BAD[kind](), [event("ready", mode="ring")]), b"Welcome!\n")
    assert count == 7 if error is None else (HOST in error.problem and "unexpectedly" not in str(error))


@pytest.mark.parametrize("kind", BAD)
def test_a_tcpdump_that_says_what_does_not_fit_is_ended_by_name(kind: str) -> None:
    """Or its counts are heard."""
    counts: list[tuple[int, int]] = []
    last = b"7 packets received by filter\n0 packets dropped by kernel\n"
    channel = Saying(itertools.chain([b"listening on eth0\n"], BAD[kind](), [last]), PCAP)
    with little_memory():
        one = started(channel, lambda received, dropped: counts.append((received, dropped)))
        one.begin()
        assert one._listener.ended.wait(180)
        one.close()
    wrong = one.why_ended()
    if (7, 0) not in counts:
        assert isinstance(wrong, TransportError)
        assert HOST in wrong.problem
        assert "sends what no tcpdump does" in wrong.problem


def started(channel: Saying, on_counts: tcpdump_process.OnCounts) -> tcpdump_process.Dump:
    """A dump on a host that answers the questions before it well."""
    way = Way(Answering([f"{FACTS}vpcshark:end:ok\n".encode()]), channel)
    return tcpdump_process.Dump(way, tcpdump_process.Wanted(MAC), on_counts=on_counts)


class Answering(Saying):
    """A channel whose stdout is what it is given."""

    def __init__(self, printed: Iterable[bytes]) -> None:
        super().__init__([])
        self._printed = iter(printed)

    def read(self, size: int) -> bytes:
        return next(self._printed, b"")

    def close_input(self) -> None: ...


ANSWERS: dict[str, Callable[[], Iterable[bytes]]] = {
    "no end": lambda: [b"vpcshark:user:me\n"],
    "output without end": lambda: endless(b"x" * 65536),
    "facts without end": lambda: endless(b"vpcshark:agent:0100000A:C000 0A00A8C0:01BB\n" * 1000),
    "a process that is a text": lambda: [b"vpcshark:sshd:x\nvpcshark:end:ok\n"],
    "a process below zero": lambda: [b"vpcshark:sshd:-1\nvpcshark:end:ok\n"],
    "a process of 100,000 digits": lambda: [b"vpcshark:sshd:" + b"9" * 100_000 + b"\nvpcshark:end:ok\n"],
    "a link without words": lambda: [b"vpcshark:link:1\nvpcshark:end:ok\n"],
    "a link whose number is none": lambda: [b"vpcshark:link:x a b c d\nvpcshark:end:ok\n"],
    "a connection without words": lambda: [b"vpcshark:agent:\nvpcshark:end:ok\n"],
    "a connection with odd addresses": lambda: [b"vpcshark:agent:0:1 0:1\nvpcshark:end:ok\n"],
    "a connection with long addresses": lambda: [b"vpcshark:agent:0000:1 " + b"00" * 300 + b":1\nvpcshark:end:ok\n"],
    "a port that is none": lambda: [b"vpcshark:connection:10.0.0.1 99999 10.0.0.2 22\nvpcshark:end:ok\n"],
    "a filter for an address": lambda: [b"vpcshark:connection:1.1.1.1/0 1 or 22\nvpcshark:end:ok\n"],
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_that_does_not_fit_is_refused_by_name(kind: str) -> None:
    """Whatever the host says to the questions before a capture."""
    with little_memory(), pytest.raises(TransportError) as caught:
        tcpdump_process.ask(Way(Answering(ANSWERS[kind]())))
    assert HOST in caught.value.problem


@given(st.binary(max_size=300))
def test_any_answer_is_a_fact_or_refused(noise: bytes) -> None:
    """Not one is a traceback."""
    for name in ("sshd", "link", "agent", "connection", "user", "knows"):
        with contextlib.suppress(TransportError):
            instance_facts.parse(b"vpcshark:%s:%s\nvpcshark:end:ok\n" % (name.encode(), noise), HOST)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5), st.lists), st.data())
def test_any_event_has_its_types_or_is_refused(value: object, data: st.DataObject) -> None:
    """Whatever JSON stands in the place of a fact."""
    kind = data.draw(st.sampled_from(sorted(output_lines._KINDS)))
    name = data.draw(st.sampled_from(sorted(output_lines._KINDS[kind])))
    try:
        found = output_lines.decode(event(kind, **{name: value}))
    except ValueError:
        return
    assert found is not None
    assert found.facts == {name: value}
    assert isinstance(value, str if name in ("mode", "python", "problem", "remedy") else int | float)


@given(st.binary(max_size=300), st.lists(st.integers(0, 40)), st.integers(1, 30))
def test_lines_are_the_same_however_they_are_cut(data: bytes, cuts: list[int], most: int) -> None:
    """And one that is too long is refused, or left out alone."""
    lines, refusing = output_lines.Lines(most, skips=True), output_lines.Lines(most)
    found, is_refused = [], False
    at = 0
    for size in [*cuts, len(data)]:
        found += lines.feed(data[at : at + size])
        try:
            refusing.feed(data[at : at + size])
        except ValueError:
            is_refused = True
            break
        at += size
    *whole, rest = data.split(b"\n")
    assert is_refused == any(len(line) > most for line in data.split(b"\n"))
    if not is_refused:
        assert found == whole
        assert lines.rest() == rest


def test_a_line_that_is_too_long_is_refused_before_it_is_there() -> None:
    """So neither its memory nor the time for its pieces depends on its length."""
    lines = output_lines.Lines(1000)
    lines.feed(b"x" * 1000)
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        lines.feed(b"x")


def test_a_key_log_without_end_costs_little() -> None:
    """Neither one line, nor lines of rubbish, nor secrets."""
    secrets = Secrets(most=1000)
    with little_memory(4 * MEGABYTE):
        for _ in range(400):
            assert not secrets.feed(b"x" * 65536)
        assert not secrets.feed(b"\n" + b"rubbish\n" * 10_000)
        for number in range(0, 20_000, 100):
            block = secrets.feed(b"".join(secret(n) for n in range(number, number + 100)))
            assert secret(number) in block
            assert not secrets.feed(secret(number))
    assert secret(19_999)[:-1] not in secrets.feed(secret(19_999) + secret(20_000))


def secret(number: int) -> bytes:
    return b"CLIENT_RANDOM %064x %096x\n" % (number, number)


def test_an_honest_receiver_may_go_on_for_ever(clock: Any) -> None:
    """A clock answer every two seconds, and counts every five, for a month."""
    pace = output_lines.Pace(clock)
    for _ in range(30 * 24 * 60):
        clock.sleep(60)
        pace.count(30 + 12)
    with pytest.raises(ValueError, match="lines"):
        pace.count(100_000_000)
