"""What a capture says that it costs, before and while it runs."""

from __future__ import annotations

import pytest

from vpcshark.aws import prices
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.capture.lifecycle import costs
from vpcshark.capture.lifecycle.costs import Costs


def costs_of(*zones: str, host: str = "a", kind: str = "", is_own: bool = False) -> Costs:
    """Of sources in these zones, and a host."""
    sources = [Eni(f"eni-{n}", "web", az=zone) for n, zone in enumerate(zones)]
    return costs.of(sources, CaptureHost("i-1", "h", "eni-h", "", az=host, instance_type=kind), is_own=is_own)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (costs_of("a"), "About $0.015 an hour for the session"),
        (costs_of("a", "a", "a"), "About $0.045 an hour for 3 sessions"),
        (
            costs_of("a", kind="t4g.small", is_own=True),
            "About $0.015 an hour for the session, $0.017 for the host (t4g.small)",
        ),
        (
            costs_of("a", is_own=True),
            "About $0.015 an hour for the session, the host, whose price is not known here",
        ),
        (costs_of("b"), "About $0.015 an hour for the session, $0.02 for each GB from another zone"),
        (
            costs_of("a", "b", "b"),
            "About $0.045 an hour for 3 sessions, $0.02 for each GB from another zone (2 of 3 sources)",
        ),
        (costs_of("", host=""), "About $0.015 an hour for the session"),
        (costs_of("a", kind="m5.large"), "About $0.015 an hour for the session"),  # somebody's host, paid for anyway
    ],
)
def test_it_is_said_before_the_start_in_one_line(found: Costs, sentence: str):
    assert found.sentence == f"{sentence} (prices of {prices.READ})."


@pytest.mark.parametrize(
    ("what", "made", "usd"),
    [
        (Costs(1), ["session", "filter", "target"], 0.015),
        (Costs(3), ["session"] * 3, 0.045),
        (Costs(1, 0, True, "t4g.small"), ["session", "instance", "security-group"], 0.015 + 0.0168),
        (Costs(1, 0, True, "q9.huge"), ["session", "instance"], 0.015),
        (Costs(1, 1), ["session"], 0.015 + 0.04),
        (Costs(2, 1), ["session"] * 2, 0.03 + 0.02),
        (Costs(), [], 0.0),
    ],
)
def test_it_is_counted_while_it_runs(what: Costs, made: list[str], usd: float):
    """An hour and two gigabytes."""
    assert what.so_far(made, 3600, 2_000_000_000) == pytest.approx(usd)
