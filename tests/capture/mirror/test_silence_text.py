"""Which of the three it was, in words, from what was found."""

from __future__ import annotations

from typing import Any

import pytest

from vpcshark.aws.monitoring.metrics import Counted
from vpcshark.capture.contract.frame_stream import Arrived
from vpcshark.capture.mirror.silence_text import FILTERED, NOT_ARRIVED, NOT_SENT, Facts, explain
from vpcshark.preflight import Finding

BEGAN = 1_700_000_100.0
NOTHING = Arrived(True, 10.0)
GROUP = Finding("group", "fail", "sg-1", "sg-1 does not admit UDP 4789.", command="aws ec2 authorize … sg-1")
STOPPED = Finding("source", "warn", "i-1", "The instance i-1 is stopped.")


def told(arrived: Arrived = NOTHING, **more: Any) -> list[str]:
    """The sentences."""
    return explain(Facts(arrived, "capture-1", [77], began=BEGAN, **more))


@pytest.mark.parametrize(
    ("sentences", "begins", "has"),
    [
        (told(), f"{NOT_SENT}, it seems", "nothing of it came to capture-1"),
        (
            told(Arrived(is_unanswered=True)),
            "Whether anything was sent is not known",
            "the receiver on capture-1 gives no answer, so the connection to it is slow or broken",
        ),
        (told(Arrived()), "Whether anything was sent is not known", "what came to capture-1 was not counted"),
        (told(capture_filter="tcp port 9"), NOT_SENT, 'rules are those of the filter "tcp port 9"'),
        (told(capture_filter="tcp", mirror_filter="tmf-1"), NOT_SENT, "the rules of tmf-1 accept"),
        (
            told(Arrived(True, 10.0, own=1234), capture_filter="tcp port 9"),
            FILTERED,
            '1,234 frames came to capture-1 in 10 s, and the filter "tcp port 9" let none of them through.',
        ),
        (told(Arrived(True, 10.0, refused=1), capture_filter="tcp"), FILTERED, "or they are another capture's"),
        (told(new=[GROUP]), NOT_ARRIVED, "sg-1 does not admit UDP 4789. To mend it: aws ec2 authorize … sg-1"),
        (told(new=[GROUP]), NOT_ARRIVED, "since the capture began, this has changed."),
        (told(new=[GROUP], is_compared=False), f"{NOT_ARRIVED}: sg-1 does not admit", "sg-1"),
        (told(new=[STOPPED]), f"{NOT_SENT}, perhaps", "The instance i-1 is stopped."),
        (told(new=[STOPPED, GROUP]), NOT_ARRIVED, "sg-1"),
        (told(lost=["tms-1"]), NOT_SENT, "tms-1 of this capture is gone"),
        (told(Arrived(True, 10.0, own=3), new=[STOPPED]), FILTERED, "3 frames"),
        (told(counted=[Counted("i-1", BEGAN, 900, 700, 0)]), NOT_ARRIVED, "AWS counted 700 mirrored packets of i-1"),
        (told(counted=[Counted("i-1", BEGAN, 900, 0, 0)]), NOT_SENT, "no mirrored packet of i-1 from 22:15 to 22:20"),
    ],
)
def test_the_first_sentence_says_which_it_is(sentences: list[str], begins: str, has: str):
    assert sentences[0].startswith(begins)
    assert has in sentences[0]
    assert sum(sentence.startswith((NOT_SENT, NOT_ARRIVED, FILTERED)) for sentence in sentences) <= 2


@pytest.mark.parametrize(
    ("sentences", "said"),
    [
        (told(Arrived(True, 10.0, before=23)), "23 packets came before, and nothing is known to be in the way now."),
        (
            told(Arrived(True, 10.0, before=1), counted=[Counted("i-1", BEGAN, 900, 0, 0)], standing=[STOPPED]),
            "1 packet came before, and nothing is known to be in the way now.",
        ),
        (
            told(Arrived(is_unanswered=True, before=9)),
            "9 packets came before; the receiver on capture-1 gives no answer, so the connection to it is slow or "
            "broken.",
        ),
    ],
)
def test_after_packets_nothing_is_said_of_a_source_without_any(sentences: list[str], said: str):
    """They came, so it has some; CloudWatch's five minutes are of before and after."""
    assert sentences == [said]


def test_after_packets_what_has_changed_is_still_the_reason():
    assert told(Arrived(True, 10.0, before=9), new=[GROUP])[0].startswith(f"{NOT_ARRIVED}: since the capture began")
    assert told(Arrived(True, 10.0, before=9), lost=["tms-1"])[0].startswith(f"{NOT_SENT} any more: tms-1")
    assert told(Arrived(True, 10.0, own=3, before=9))[0].startswith(FILTERED)


def test_frames_of_other_captures_are_counted_by_their_vni():
    """The way is open then, and somebody uses it."""
    sentences = told(Arrived(True, 10.0, foreign={"5": 12, "9": 3456}, other=1))
    assert sentences[0].startswith(NOT_SENT)
    assert sentences[1] == (
        "Frames of other captures come to capture-1: VNI 9: 3,456 in 10 s, VNI 5: 12 in 10 s; none has the VNI of this "
        "one (77)."
    )
    assert sentences[2].startswith("1 frame without a VNI")


def test_counts_of_an_earlier_time_tell_only_that_there_is_traffic():
    """CloudWatch's five minutes began before the sessions were there."""
    before = Counted("i-1", BEGAN - 200, 900, 700, 5)
    sentences = told(counted=[before])
    assert sentences[0].startswith(f"{NOT_SENT}, it seems")
    assert "knows nothing of this capture yet; i-1 had 900 packets" in sentences[1]
    assert not any("700" in sentence or "other traffic" in sentence for sentence in sentences)


def test_counts_never_contradict_what_was_seen():
    """Frames came; that AWS sent them is no news."""
    sentences = told(Arrived(True, 10.0, own=9), counted=[Counted("i-1", BEGAN, 900, 700, 40)])
    assert sentences[0].startswith(FILTERED)
    assert not any(sentence.startswith((NOT_SENT, NOT_ARRIVED)) for sentence in sentences)
    assert "AWS left 40 packets of i-1 out, because other traffic goes first." in sentences


def test_what_was_doubtful_before_and_what_could_not_be_asked_stand_at_the_end():
    sentences = told(standing=[STOPPED], unseen=["You may not read the counts. Ask for cloudwatch:GetMetricData."])
    assert sentences[1:] == [STOPPED.sentence, "You may not read the counts. Ask for cloudwatch:GetMetricData."]
