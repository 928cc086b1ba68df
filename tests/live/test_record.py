"""What a trial's record says, and what it must not say."""

from __future__ import annotations

import json

import pytest

from vpcshark.live.record import Compared, Record, Taken, scrubbed

SECRET = [
    ("the account 123456789012 of", "the account ACCOUNT of"),
    ("eni-0123456789abcdef0 in vpc-0fedcba987654321a", "eni-ID in vpc-ID"),
    ("i-d6f68806151afff46, 100.65.0.5", "i-ID, ADDRESS"),
    ("tmf-rule-0123456789abcdef0", "tmf-rule-ID"),
    ("10.86.0.0/16 and 2001:db8:0:1::7", "ADDRESS and ADDRESS"),
    ("arn:aws:iam::123456789012:role/vpcshark-x, denied", "ARN, denied"),
    ("AKIAIOSFODNN7EXAMPLE", "KEY"),
    ("02:00:00:36:70:d6 at /home/somebody/.ssh/id", "MAC at PATH"),
    ("capture by somebody@machine.example", "capture by SOMEBODY"),
]
PLAIN = ["InvalidTrafficMirrorFilterId.NotFound", "status 1 instead of 0", "create-complete", "us-east-1", "12 packets"]


@pytest.mark.parametrize(("text", "shown"), SECRET)
def test_who_and_where_are_left_out(text: str, shown: str):
    assert scrubbed(text) == shown


@pytest.mark.parametrize("text", PLAIN)
def test_codes_words_and_numbers_stay(text: str):
    assert scrubbed(text) == text


def test_the_differences_are_the_steps_that_failed_and_the_rows_that_disagree():
    record = Record("1.0", "2026-01-31", "us-east-1")
    record.steps += [Taken("walk", 1.0), Taken("launch", 2.0, "status 1: i-0123456789abcdef0 is gone")]
    record.rows += [Compared("Three sessions", r"(accepted ){3}\w+Exceeded", "accepted " * 4)]
    record.rows += [Compared("A state", "running", "running")]
    assert record.differences() == [
        "launch: status 1: i-ID is gone",
        '"Three sessions": expected (accepted ){3}\\w+Exceeded, AWS said accepted accepted accepted accepted ',
    ]
    told = json.loads(json.dumps(record.as_json()))
    assert [row["agrees"] for row in told["rows"]] == [False, True]
    assert told["date"] == "2026-01-31"
