"""A running capture is judged as it comes: what is proved is told once, soon, and nothing is told that is not."""

from __future__ import annotations

import json

import pytest
from packets import CLIENT, SERVER, Story, Tcp

from vpcshark.diagnose.running import Live
from vpcshark.wire.capture_files.alignment import first_block


def unanswered(sport: int = 40000, story: Story | None = None) -> Story:
    story = story or Story()
    for _ in range(5):
        Tcp(story, sport=sport).raw(CLIENT, "S")
        story.wait(1)
    return story


def sound(count: int = 200) -> Story:
    story = Story()
    for number in range(count):
        tcp = Tcp(story, sport=30000 + number).open().ask()
        tcp.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n" + bytes(900))
        tcp.ack(CLIENT)
        tcp.raw(SERVER, "FA")
        tcp.seq[SERVER] += 1
        tcp.raw(CLIENT, "FA")
        story.wait(0.01)
    return story


def begun(story: Story) -> tuple[Live, list[bytes]]:
    head, blocks = story.blocks()
    live = Live()
    live.begin(head, 0)
    return live, blocks


def test_what_is_proved_is_told_as_soon_as_it_is_and_once() -> None:
    live, blocks = begun(unanswered())
    told = []
    for number, block in enumerate(blocks, 1):
        live.feed(block)
        told += [(number, finding.kind) for finding in live.news()]
    assert told == [(3, "syn-unanswered")]
    (found,) = live.all()
    assert [frame.number for frame in found.frames] == [1, 2, 3, 4, 5]
    assert live.is_whole


def test_of_sound_traffic_nothing_is_told_whenever_it_is_looked_at() -> None:
    live, blocks = begun(sound())
    for at in range(0, len(blocks), 37):
        live.feed(b"".join(blocks[at : at + 37]))
        assert [finding.kind for finding in live.news()] == []
    assert live.all() == []
    assert live.frames == len(blocks)


def test_a_gap_is_no_loss_and_numbers_go_on_behind_it() -> None:
    story = sound(40)
    tcp = Tcp(story, sport=50000).open().ask()
    for _ in range(60):
        tcp.say(SERVER, bytes(1000))
        tcp.ack(CLIENT)
    unanswered(story=story)
    live, blocks = begun(story)
    head, _ = story.blocks()
    live.feed(b"".join(blocks[:300]))
    assert list(live.news()) == []
    live.begin(head, 380)
    live.feed(b"".join(blocks[380:]))
    (found,) = live.news()
    assert found.kind == "syn-unanswered"
    assert found.frames[0].number == len(blocks) - 4
    assert not live.is_whole
    assert [each.kind for each in live.all()] == ["syn-unanswered"]


def test_more_interfaces_than_one_are_points_of_their_own() -> None:
    head, blocks = unanswered().blocks()
    two = head + head[len(head) - len(_interface(head)) :]
    live = Live()
    live.begin(two, 0)
    live.feed(b"".join(blocks))
    assert [finding.kind for finding in live.news()] == ["syn-unanswered"]


def _interface(head: bytes) -> bytes:
    return head[int.from_bytes(head[4:8], "little") :]


@pytest.mark.parametrize("at", [0, 1, 50, 333])
def test_blocks_are_found_in_the_middle_of_a_stream(at: int) -> None:
    _, blocks = sound(4).blocks()
    data = b"".join(blocks)
    places = [0]
    for block in blocks:
        places.append(places[-1] + len(block))
    assert at + first_block(data[at:]) == next(place for place in places if place >= at)
    assert first_block(json.dumps("none" * 100).encode()) == -1
