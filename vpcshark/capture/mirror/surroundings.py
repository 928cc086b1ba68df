"""What discovery found for a mirror: sources, capture hosts, sessions. Data only; makes no call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vpcshark.aws.balancing.fleets import Fleet
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.aws.compute.launch_template import Template
from vpcshark.aws.inventory.interfaces import Eni
from vpcshark.aws.mirroring.resources import MirrorSession
from vpcshark.capture.mirror import launch_tags
from vpcshark.capture.mirror.source_choice import Source


@dataclass(frozen=True)
class Door:
    """A rule that a security ``group`` lacks: UDP 4789 from a source's ``address``."""

    group: str
    address: str


@dataclass(frozen=True)
class Surroundings:
    """What the first round learns. ``sessions``: ENI id -> the sessions that mirror it already; ``fleet``: what
    receives, where that is not one instance of which a target is made; ``fleet_hosts``: its hosts; ``packet_length``:
    the sessions', None for whole frames; ``further``: the capture hosts that would do instead of ``host``, nearest
    first; ``template``: what the capture's own host is launched from."""

    sources: Sequence[Source]
    enis: Sequence[Eni]
    host: CaptureHost
    sessions: Mapping[str, Sequence[MirrorSession]]
    is_own: bool = False  # the host is the capture's own: launched for it, or about to be
    fleet: Fleet | None = None
    fleet_hosts: tuple[CaptureHost, ...] = ()
    packet_length: int | None = None
    further: tuple[CaptureHost, ...] = ()
    template: Template | None = None

    @property
    def hosts(self) -> tuple[CaptureHost, ...]:
        """Every one that receives."""
        return self.fleet_hosts or (self.host,)

    @property
    def receivers(self) -> str:
        """The same, for a person. All that captures launch have one name, so these go by their id."""
        if len(self.hosts) > 1:
            return f"{len(self.hosts)} capture hosts"
        is_nameless = self.host.name in (launch_tags.NAME, self.host.instance)
        return f"the capture host {self.host.instance}" if is_nameless else f'the capture host "{self.host.name}"'
