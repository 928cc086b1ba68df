"""The user's own defaults for the options, from the settings. Must not know which options there are."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from vpcshark.errors import VpcsharkError

log = logging.getLogger(__name__)


def defaults() -> Mapping[str, str]:
    """They; none if the settings can't be read: the list says that, and a capture fails with it."""
    from vpcshark import settings  # here: a filter check must not pay for it

    try:
        return settings.load().defaults
    except VpcsharkError as error:
        log.warning("%s", error)
        return {}
