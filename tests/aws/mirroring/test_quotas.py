"""How many sources a target may have, by the size of its instance."""

from __future__ import annotations

import pytest

from vpcshark.aws.mirroring.quotas import sources_per_target


@pytest.mark.parametrize(
    ("size", "most"),
    [
        ("m6i.large", 10),
        ("m6i.16xlarge", 100),  # not listed, but of a size that a newer list may have: AWS decides
        ("m6i.8xlarge", 10),
        ("m6i.32xlarge", 100),
        ("p5.4xlarge", 100),
        ("m5.metal", 100),
        ("", 100),
    ],
)
def test_ten_on_most_sizes_a_hundred_on_the_largest(size: str, most: int):
    """What is not known is left to AWS."""
    assert sources_per_target(size) == most
