"""A range of numbers as a pattern, judged by counting."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpcshark.extcap.protocol.number_pattern import number_pattern


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_a_pattern_matches_the_numbers_of_its_range_and_no_others(low: int, high: int):
    """Every number from 0 to 2100, against every kind of limits."""
    pattern = re.compile(f"({number_pattern(low, high)})")
    matched = [number for number in range(2101) if pattern.fullmatch(str(number))]
    assert matched == (list(range(low, high + 1)) if low <= high else [])


@pytest.mark.parametrize(("low", "high"), [(0, 16777215), (1, 8500), (1, 32766), (1, 65535), (1, 604800)])
def test_the_limits_of_large_ranges_hold(low: int, high: int):
    """The first and last number match, those beside them and other texts do not, and a sentence can hold it."""
    pattern = number_pattern(low, high)
    good = [str(n) for n in (low, low + 1, (low + high) // 2, high - 1, high)]
    bad = [str(low - 1), str(high + 1), str(high * 10), "", "-1", "1.5", "x", "007"]
    assert [text for text in [*good, *bad] if re.fullmatch(f"({pattern})", text)] == good
    assert not set("{}") & set(pattern)
