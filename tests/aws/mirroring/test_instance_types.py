"""The table of instance types that AWS mirrors."""

from __future__ import annotations

import pytest

from vpcshark.aws.mirroring.instance_types import is_listed


@pytest.mark.parametrize(
    "kind", ["m6i.large", "t3.micro", "r5dn.xlarge", "u-6tb1.56xlarge", "m5.metal", "mac2.metal", ""]
)
def test_listed_types_and_unknown_ones_raise_no_doubt(kind: str) -> None:
    """AWS names them, or nobody knows."""
    assert is_listed(kind)
    assert is_listed("")


@pytest.mark.parametrize("kind", ["t2.micro", "m8g.large", "c7gn.xlarge", "m6i.metal", "i7ie.large", "p5en.48xlarge"])
def test_types_that_aws_does_not_name_are_known_beforehand(kind: str) -> None:
    """So the list can say tcpdump."""
    assert not is_listed(kind)
