"""What each round of a mirror hands to the next: discovered -> admitted -> made. Frozen; makes no call.

The first round's result is ``surroundings.Surroundings``, the last one's a ``stream.MirrorStream``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vpcshark.capture.mirror.shared_target import SharedTarget
from vpcshark.capture.mirror.surroundings import Door, Surroundings
from vpcshark.capture.receivers.receiver import Receiver
from vpcshark.preflight import Finding


@dataclass(frozen=True)
class Admitted:
    """``around`` has only sources whose frames can come, and the host that they can reach; ``doors`` have to be opened
    for that. ``told``: ENI id -> what preflight found of each source; empty where it was not asked."""

    around: Surroundings
    doors: Sequence[Door] = ()
    told: Mapping[str, Sequence[Finding]] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """All that sessions need: ``around`` with a host that runs, its ``receiver``, ready; the ids of filter and target.
    Whoever has this must finish ``receiver``."""

    around: Surroundings
    receiver: Receiver
    filter_id: str
    target: SharedTarget
    target_id: str
