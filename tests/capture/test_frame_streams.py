"""What every stream of frames keeps to, whatever brings them: one test for all that there are."""

from __future__ import annotations

import inspect
import queue
import threading
from collections.abc import Iterator

import pytest
from streams import FRAME, KINDS, WITH_FRAMES, Kept, Scene

from vpcshark.capture.contract.frame_stream import Arrived, Counted, FrameStream
from vpcshark.capture.mirror.stream import MirrorStream
from vpcshark.errors import VpcsharkError


@pytest.fixture(params=KINDS)
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    made = Scene(request.param)
    yield made
    made.stop.request("the test is over")
    made.stream.finish(1.0)


def _streams(base: type) -> set[type]:
    mine = {each for each in base.__subclasses__() if each.__module__.startswith("vpcshark.")}
    return mine | {one for each in mine for one in _streams(each)}


def test_every_stream_of_the_product_is_tried_here() -> None:
    """A new one is to be put into the table above."""
    found = {each for each in _streams(FrameStream) if not inspect.isabstract(each)}
    assert {each.__name__ for each in found} - {"Around"} == {each.__name__ for each in KINDS.values()}


def test_before_the_first_frame_everything_can_be_asked(scene: Scene) -> None:
    """And has an answer of its type: nobody asks first what a stream can."""
    stream = scene.stream
    assert isinstance(stream.stats, Counted)
    assert stream.stats.received == 0
    assert stream.note == ""
    assert stream.cost([], 3600.0) == 0.0
    stream.begin_tally()
    assert isinstance(stream.end_tally(60.0), Arrived)
    for sentences in (stream.why_silent(Arrived(True, 10.0)), stream.why_silent_still()):
        assert all(isinstance(sentence, str) for sentence in sentences)


def test_after_packets_no_stream_says_that_there_are_none(scene: Scene) -> None:
    """Only that none came since."""
    said = " ".join(scene.stream.why_silent(Arrived(True, 10.0, before=23)))
    for denial in ("Nothing was sent", "no packet", "no record", "has no"):
        assert denial not in said, said


def test_a_filter_is_changed_or_it_is_said_why_not(scene: Scene) -> None:
    if isinstance(scene.stream, MirrorStream):
        assert scene.stream.refilter("tcp") == 'The filter is now "tcp".'
        return
    with pytest.raises(VpcsharkError, match=r"cannot change it while it runs\. Stop, and start with another\."):
        scene.stream.refilter("tcp")


def test_it_may_be_finished_before_it_streams(scene: Scene) -> None:
    """A capture may be stopped between the two; and nothing runs on for it then."""
    scene.stream.finish(60.0)
    assert "frames" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("kind", WITH_FRAMES)
def test_frames_reach_the_sink_and_its_threads_end_with_it(kind: str) -> None:
    scene, sink, ends = Scene(kind), Kept(), queue.Queue[VpcsharkError | None]()
    scene.stream.stream(sink, ends.put)
    scene.give()
    assert FRAME in sink.got.get(timeout=180)
    scene.stop.request("the test is over")
    scene.stream.finish(180.0)
    assert "frames" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("kind", WITH_FRAMES)
def test_a_sink_that_nobody_reads_is_told_once_and_is_no_error(kind: str) -> None:
    scene, ends = Scene(kind), queue.Queue[VpcsharkError | None]()
    scene.stream.stream(Kept(is_read=False), ends.put)
    scene.give()
    assert ends.get(timeout=180) is None
    scene.stream.finish(60.0)
    assert ends.empty()
