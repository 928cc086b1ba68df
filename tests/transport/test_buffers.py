"""The buffers that stand in for paramiko's, beside paramiko's own."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paramiko.buffered_pipe import BufferedPipe, PipeTimeout

from vpcshark.transport import buffers
from vpcshark.transport.buffers import Chunks, Overfull, ReadAhead, Room

STEPS = st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 50), st.just("all")))


@given(STEPS)
def test_chunks_gives_what_paramiko_s_own_buffer_gives(steps: list[bytes | int | str]) -> None:
    """Fed and read in any order: the same bytes, the same sizes, the same event."""
    ours, theirs = Chunks(), BufferedPipe()
    events = threading.Event(), threading.Event()
    ours.set_event(events[0])
    theirs.set_event(events[1])
    for step in steps:
        if isinstance(step, bytes):
            ours.feed(step)
            if step:  # paramiko sets its event for nothing too
                theirs.feed(step)
        elif step == "all":
            assert ours.empty() == theirs.empty()
        elif len(theirs):
            assert ours.read(int(step)) == theirs.read(int(step))
        assert (len(ours), ours.read_ready()) == (len(theirs), theirs.read_ready())
        assert events[0].is_set() == events[1].is_set()


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=40), st.integers(0, 50))), st.integers(1, 200))
def test_buffers_hold_no_more_than_their_room(steps: list[bytes | int], most: int) -> None:
    """Of two that share one: what would be too much is refused, all else is there."""
    room = Room(most)
    ours = Chunks(room), Chunks(room)
    held = 0
    for number, step in enumerate(steps):
        pipe = ours[number % 2]
        if isinstance(step, int):
            held -= len(pipe.read(step)) if len(pipe) else 0
        elif held + len(step) <= most:
            pipe.feed(step)
            held += len(step)
        else:
            with pytest.raises(Overfull):
                pipe.feed(step)
        assert sum(map(len, ours)) == held <= most


def test_small_pieces_take_little_more_than_their_bytes() -> None:
    """A host may send a window byte by byte: as objects these would take forty times as much."""
    pipe = Chunks()
    tracemalloc.start()
    for _ in range(1 << 16):
        pipe.feed(b"x")
    ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, buffers.__file__)])  # no other thread's
    tracemalloc.stop()
    assert sum(trace.size for trace in ours.traces) < 2 << 16
    assert pipe.read(1 << 20) == b"x" * (1 << 16)


def test_what_is_there_can_be_read_after_the_end() -> None:
    """Then b"" for ever."""
    pipe = Chunks()
    pipe.feed(b"ab")
    pipe.close()
    assert [pipe.read(1), pipe.read(5), pipe.read(5)] == [b"a", b"b", b""]


def test_a_reader_wakes_at_the_end_and_in_time() -> None:
    """``close`` by another thread ends the wait; a timeout is paramiko's own."""
    pipe = Chunks()
    with pytest.raises(PipeTimeout):
        pipe.read(1, 0.01)
    threading.Timer(0.05, pipe.close).start()
    assert pipe.read(1, 20) == b""


def test_a_backlog_costs_nothing() -> None:
    """Reading with 100 MB in the buffer is not slower than paramiko's with 1 MB in it: nothing is moved."""
    ours, theirs = Chunks(), BufferedPipe()
    for _ in range(1600):
        ours.feed(bytes(1 << 16))
    theirs.feed(bytes(1 << 20))

    def spent(pipe: Chunks | BufferedPipe) -> float:
        begin = time.process_time()
        for _ in range(30):
            pipe.read(1 << 10)
            pipe.feed(bytes(1 << 10))
        return time.process_time() - begin

    assert min(spent(ours) for _ in range(5)) < max(spent(theirs) for _ in range(5))


def test_a_socket_that_is_read_ahead_gives_all_bytes_in_order_and_its_end() -> None:
    """In pieces no larger than asked for."""
    here, there = socket.socketpair()
    ahead = ReadAhead(here)
    sent = bytes(range(256)) * 4000
    threading.Thread(target=lambda: (there.sendall(sent), there.close())).start()
    got = b""
    while data := ahead.recv(1 + len(got) % 5000):
        assert len(data) <= 1 + len(got) % 5000
        got += data
    assert got == sent
    assert not ahead._closed
    ahead.close()
    assert ahead._closed


def test_a_timeout_of_the_socket_is_the_readers() -> None:
    """paramiko counts on it to look after its keepalives."""
    here, there = socket.socketpair()
    with there:
        ahead = ReadAhead(here)
        ahead.settimeout(0.01)
        with pytest.raises(TimeoutError):
            ahead.recv(10)
        there.sendall(b"x")
        assert ahead.recv(10) == b"x"
        ahead.close()
