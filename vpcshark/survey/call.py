"""One describe call of a survey, and the narrowing of it by filters. Must not know which question it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vpcshark.network.known import Question

MOST_VALUES = 200  # of one filter (EC2 API Reference, "Filtering")


@dataclass(frozen=True)
class Call:
    """One call: ``part`` of the facts that stays unknown if it is refused, ``key`` the list that its items are kept in.
    ``beside``: what the answer does not say itself."""

    part: str
    operation: str
    key: str
    words: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    service: str = "ec2"
    kept_as: str = ""
    beside: Mapping[str, Any] = field(default_factory=dict)
    is_whole: bool = False


def filters(**values: Iterable[str]) -> list[dict[str, Any]]:
    """Filters of EC2: ``vpc_id=["vpc-1"]`` is the filter "vpc-id"."""
    return [{"Name": name.replace("_", "-"), "Values": [*dict.fromkeys(each)]} for name, each in values.items()]


def interfaces(*wanted_by: tuple[str, Sequence[str]]) -> Call:
    """Network interfaces by filters whose names have dots: (name, values)."""
    wanted = [{"Name": name, "Values": [*dict.fromkeys(values)]} for name, values in wanted_by]
    return Call(
        "interfaces", "describe_network_interfaces", "NetworkInterfaces", "network interfaces", {"Filters": wanted}
    )


def listed(part: str, operation: str, key: str, words: str, **wanted: Iterable[str]) -> Call:
    """A call that takes filters."""
    return Call(part, operation, key, words, {"Filters": filters(**wanted)})


def firsts(keys: Sequence[Question]) -> list[str]:
    """What each question of one key is about."""
    return [each[0] for each in keys]
