"""The short form of fuzzing: hypothesis on every target, and each case that the long form (fuzz.py) has kept."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fuzz_targets import TARGETS, one_input
from hypothesis import given, settings
from hypothesis import strategies as st
from outer import FILES, SHAPES, ethernet, ipv4, udp

CASES = sorted((Path(__file__).parent / "corpus").iterdir())
WORDS = st.sampled_from(
    ["tcp", "port", "22", "host", "10.0.0.1", "not", "(", ")", "and", "or", "src", "net", "::1", "/", "65536"]
)


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.binary(max_size=600))
@settings(deadline=None)
def test_any_bytes(target, data):
    """Nothing raises, and what must hold for any input holds."""
    TARGETS[target](data)


@pytest.mark.parametrize("target", ["frames", "blocks", "tcpdump", "capture_files", "programs", "merged"])
@given(seed=st.integers(0, 2**32), kind=st.sampled_from(sorted(FILES)), shape=st.sampled_from(sorted(SHAPES)))
@settings(deadline=None)
def test_files_and_frames_that_are_nearly_right(target, seed, kind, shape):
    """A few bytes changed, cut somewhere."""
    chance = random.Random(seed)
    outer = SHAPES[shape](ethernet(0x0800, ipv4(udp(b"x" * chance.randrange(60), 53))), 77)
    data = bytearray(outer if target in ("frames", "programs") else chance.randbytes(8) + FILES[kind]([outer] * 12))
    for _ in range(chance.randrange(6)):
        data[chance.randrange(len(data))] = chance.choice([0, 1, 6, 8, 0x81, 0xFF])
    TARGETS[target](bytes(data[: chance.choice([len(data), chance.randrange(len(data))])]))


@given(words=st.lists(WORDS, max_size=12))
@settings(deadline=None)
def test_filters_of_real_words(words):
    """In any order."""
    TARGETS["filters"](" ".join(words).encode())


def test_kept_cases():
    """What once reached new code is tried again each time."""
    assert len(CASES) > 100
    for case in CASES:
        try:
            one_input(case.read_bytes())
        except Exception as error:
            raise AssertionError(f"kept case {case.name}") from error
