"""The seam between a capture and its mode: everything that differs between mirror, tcpdump and auto."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from vpcshark.capture.lifecycle.frame_stream import Receiving
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.cleanup import sweep


class Feed(Protocol):
    """One way of getting a source's frames: everything that differs by mode."""

    def up(self, jobs: Jobs) -> Receiving:
        """Bring it up; returns the receiver, ready, with every interface block in the sink.

        Raises VpcsharkError or Stopped; what was made by then is in the maker.
        """

    def close(self) -> None:
        """Let nothing more be made, from now on."""

    def account(self) -> sweep.Account:
        """Where the maker's resources are deleted."""

    def renew(self, made: Mapping[str, str], expires: float) -> None:
        """Give these resources (id -> kind) a later expiry. Raises AwsError."""
