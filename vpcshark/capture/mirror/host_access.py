"""Who may get at a capture host of the capture's own: the sources' frames, and the connection to log in.

Must not know how the host comes up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vpcshark.aws.client import Aws
from vpcshark.aws.compute import instance_login, launch
from vpcshark.aws.compute.capture_hosts import CaptureHost
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.mirror.source_choice import Source
from vpcshark.errors import AwsError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Access:
    """``planned`` is the host; ``own_address`` gives this machine's address as another one sees it."""

    aws: Aws
    options: CaptureOptions
    planned: CaptureHost
    sources: Sequence[Source]
    own_address: Callable[[str], str]

    def ssh_from(self) -> tuple[list[str], list[str]]:
        """From which blocks, and from members of which groups, the chosen connection comes. SSM needs neither."""
        options = self.options
        if options.host_ssh_from.blocks:
            return list(options.host_ssh_from.blocks), []
        if options.connection == "ssm":
            return [], []
        groups: list[str] = []
        if options.connection in ("auto", "eice"):
            try:
                groups = list(instance_login.find_endpoint(self.aws, self.planned.vpc, self.planned.subnet).groups)
            except AwsError as error:
                log.info("No Instance Connect Endpoint is let in: %s", error)
        own = self.own_address(self._addresses[0]) if options.connection != "eice" else ""
        return ([f"{own}/{128 if ':' in own else 32}"] if own else []), groups

    def admit_frames(self, group: str) -> None:
        """Let the sources' frames into the security group. AwsError."""
        launch.admit_frames(self.aws.ec2, group, self._addresses)

    def admit_ssh(self, group: str, blocks: Sequence[str], groups: Sequence[str]) -> None:
        """Let in the connection, as ``ssh_from`` has it. AwsError."""
        launch.admit_ssh(self.aws.ec2, group, blocks, groups)

    @property
    def _addresses(self) -> list[str]:
        return [source.eni.primary_address for source in self.sources]
