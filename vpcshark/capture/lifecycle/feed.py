"""The seam between a capture and its mode: how the mode's stream comes up, and who deletes what was made for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from vpcshark.capture.contract.frame_stream import FrameStream
from vpcshark.capture.lifecycle.jobs import Jobs
from vpcshark.cleanup import sweep


class Feed(ABC):
    """One mode. What is asked of a capture that is up is its stream's."""

    @abstractmethod
    def up(self, jobs: Jobs) -> FrameStream:
        """Bring it up; returns its frames, ready, with every interface block in the sink.

        Raises VpcsharkError or Stopped; what was made by then is in the maker.
        """

    @abstractmethod
    def account(self) -> sweep.Account:
        """Where the maker's resources are deleted. Called by several threads. VpcsharkError: it can't be reached."""

    def close(self) -> None:  # noqa: B027 - a mode that makes nothing has nothing to do
        """Let nothing more be made, from now on."""

    def renew(self, made: Mapping[str, str], expires: float) -> None:  # noqa: B027 - the same
        """Give these resources (id -> kind) a later expiry (seconds since the epoch). Raises AwsError."""
