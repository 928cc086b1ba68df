"""A feed that stands before another one, which is known only once it comes up. Must not know how that is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vpcshark.capture.lifecycle.controls import Priced, Refilters
from vpcshark.capture.lifecycle.costs import Costs
from vpcshark.capture.lifecycle.feed import Feed
from vpcshark.capture.lifecycle.silence import Arrived, Explains
from vpcshark.errors import VpcsharkError


class StandIn:
    """What a running capture asks of its feed goes to ``_feed``, as far as that can answer."""

    _feed: Feed | None = None

    @property
    def costs(self) -> Costs:
        """See ``controls.Priced``."""
        return self._feed.costs if isinstance(self._feed, Priced) else Costs()

    def refilter(self, capture_filter: str, reception: Any) -> str:
        """See ``controls.Refilters``: as the mode can that was taken."""
        if not isinstance(self._feed, Refilters):
            raise VpcsharkError("tcpdump cannot change it while it runs.", "Stop, and start with another.")
        return self._feed.refilter(capture_filter, reception)

    def why_silent(self, arrived: Arrived) -> Sequence[str]:
        """See ``silence.Explains``."""
        return self._feed.why_silent(arrived) if isinstance(self._feed, Explains) else ["Nobody can tell why."]

    def why_silent_still(self) -> Sequence[str]:
        """See ``silence.Explains``."""
        return self._feed.why_silent_still() if isinstance(self._feed, Explains) else []
