"""A diagnosis beside a capture: it tells, it never holds the capture up, and what goes wrong with it is said."""

from __future__ import annotations

import io
import json
import os
import queue
import sys
import threading

import pytest
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.diagnosing import follower as followers
from vpcshark.capture.diagnosing import process, tee
from vpcshark.capture.diagnosing.follower import Follower, Told
from vpcshark.extcap.capture_phase.fifo import open_sink


def unanswered() -> Story:
    story = Story()
    for _ in range(5):
        Tcp(story).raw(CLIENT, "S")
        story.wait(1)
    return story


class Kept:
    """A sink that keeps what comes."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        pass


def test_a_process_beside_it_tells_what_is_proved_and_sums_up() -> None:
    told: queue.Queue[Told] = queue.Queue()
    follower, sink = Follower(b"", told.put), Kept()
    counts = iter(range(100))
    both = tee.Tee(sink, lambda: max(next(counts) - 2, 0))
    both.follow(follower)
    head, blocks = unanswered().blocks()
    for block in (head[:0], head, *blocks):
        both.write(block)
    first = told.get(timeout=60)
    assert (first.kind, first.confidence, first.frames) == ("syn-unanswered", "proved", [1, 2, 3, 4, 5])
    assert sink.data == head + b"".join(blocks)
    summary = follower.finish(60)
    assert [each.kind for each in summary.findings] == ["syn-unanswered"]
    assert summary.text == "Diagnosed 5 packets: 1 finding."


def test_one_that_takes_nothing_holds_nobody_up_and_what_is_left_out_is_counted() -> None:
    follower = Follower(b"", lambda _: None, [sys.executable, "-c", "import time; time.sleep(600)"])
    piece = bytes(1 << 20)
    for _ in range(40):
        follower.take(piece)
    summary = follower.finish(0.1)
    assert summary.left_out >= 20 << 20
    assert summary.problem == "its process did not end in time."


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit(3)", "its process ended by itself, with status 3."),
        ("print('no json')", "its process said what is no word."),
        ("print('{}')", "its process said what is no word."),
    ],
)
def test_one_that_fails_is_told_and_the_capture_goes_on(program: str, said: str) -> None:
    follower, sink = Follower(b"", lambda _: None, [sys.executable, "-c", program]), Kept()
    both = tee.Tee(sink)
    both.follow(follower)
    head, blocks = unanswered().blocks()
    both.write(head + b"".join(blocks))
    assert follower.finish(60).problem in (said, "its process takes nothing any more: Broken pipe.")
    assert sink.data == head + b"".join(blocks)


def test_one_that_cannot_be_started_is_told() -> None:
    follower = Follower(b"", lambda _: None, ["/nowhere/at/all"])
    follower.take(b"x")
    assert follower.finish().text == (
        "The diagnosis ended: its process could not be started: No such file or directory."
    )


def test_a_follower_that_begins_late_gets_the_head_first_and_what_is_written_from_then_on() -> None:
    class Noting:
        def __init__(self) -> None:
            self.taken = b""

        def take(self, data: bytes, number: int = -1) -> None:
            self.taken += data

        def describe(self, block: bytes) -> None:
            self.taken += block

    head, blocks = unanswered().blocks()
    both = tee.Tee(Kept())
    both.write(head)
    both.write(blocks[0])
    assert both.head == head
    noting = Noting()
    both.follow(noting)  # type: ignore[arg-type]  # a fake
    both.write(blocks[1])
    assert noting.taken == blocks[1]


class Clock:
    """Time that goes by where somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_work_takes_its_share_of_a_core_and_no_more() -> None:
    """Each round costs 0.3 s; a pause is counted, and not saved up."""
    clock, used = Clock(), [0.0]
    budget = process.Budget(clock, lambda: used[0])
    clock.sleep(1000)
    budget.pause()
    begun = clock.monotonic()
    for _ in range(100):
        used[0] += 0.3
        clock.sleep(0.3)
        clock.sleep(budget.pause())
    share = (used[0] - process.BURST) / (clock.monotonic() - begun)
    assert share == pytest.approx(process.SHARE, rel=0.05)


def test_a_stream_that_begins_amid_a_block_or_breaks_is_read_from_the_next_one_on() -> None:
    story = unanswered()
    for number in range(20):
        tcp = Tcp(story, sport=45000 + number).open()
        tcp.say(SERVER, bytes(100))
    head, blocks = story.blocks()
    data = b"".join(blocks)
    out, clock = io.StringIO(), Clock()
    reading, writing = os.pipe()
    messages = [
        process.message(process.BEGIN, -1, head),
        process.message(process.BLOCKS, -1, data[7:3000]),
        process.message(process.BLOCKS, -1, data[3000:]),
        process.message(process.BLOCKS, -1, b"\xff" * 64),
        process.message(process.BLOCKS, -1, data),
    ]
    threading.Thread(target=lambda: (os.write(writing, b"".join(messages)), os.close(writing))).start()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        process.run(pipe, out, clock, lambda: 0.0)
    last = json.loads(out.getvalue().splitlines()[-1])
    assert [each["class"] for each in last["findings"]] == ["syn-unanswered"]
    assert last["findings"][0]["frames"] == []
    assert last["packets"] >= 2 * len(blocks) - 4


def test_the_summary_says_that_nothing_is_wrong_or_what_was_left_out() -> None:
    assert followers.Summary(packets=7).text == "Diagnosed 7 packets: nothing is wrong in what was seen."
    assert "12 MB came too fast and were left out" in followers.Summary(packets=7, left_out=12_000_000).text


@pytest.mark.skipif(not hasattr(os, "splice"), reason="Linux has splice")
def test_a_fifo_that_takes_from_a_pipe_does_so_until_a_diagnosis_begins_and_loses_nothing_by_it(tmp_path) -> None:
    """What was in the pipe before goes without a copy, what comes after is at both."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    sink = tee.Tee(open_sink(str(fifo), Stop()))
    way = sink.drain
    assert way is not None
    taken: list[bytes] = []

    class Noting:
        def take(self, data: bytes, number: int) -> None:
            taken.append(data)

    out, into = os.pipe()
    os.write(into, b"before")
    assert way.take(out) == 6
    sink.follow(Noting())  # type: ignore[arg-type]  # a fake
    os.write(into, b"after")
    assert way.take(out) == 5
    os.close(into)
    assert way.take(out) == 0
    assert os.read(reader, 100) == b"beforeafter"
    assert taken == [b"after"]
    sink.close()
    for each in (out, reader):
        os.close(each)


def test_of_no_packet_it_is_not_said_that_nothing_is_wrong() -> None:
    assert followers.Summary().text == "Diagnosed 0 packets: whether anything is wrong can't be told."
    assert "nothing is wrong" in followers.Summary(packets=1).text
