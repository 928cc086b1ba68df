"""Option defaults for one interface, from the settings; empty if these are unreadable. Must not know which options
there are."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vpcshark.capture.contract.selection import NAMED
from vpcshark.errors import VpcsharkError

if TYPE_CHECKING:
    from vpcshark.settings import Settings

log = logging.getLogger(__name__)


def defaults(interface: str = "") -> Mapping[str, str]:
    """They, for an interface of the list: a named capture has its own. None if the settings can't be read: the list
    says that, and a capture fails with it."""
    known = _settings()
    return known.defaults_of(interface.removeprefix(NAMED)) if interface.startswith(NAMED) else known.defaults


def captures() -> Sequence[str]:
    """The interfaces of the named captures, in the order of the list."""
    return [NAMED + name for name in _settings().captures]


def _settings() -> Settings:
    from vpcshark import settings  # here: a filter check must not pay for it

    try:
        return settings.load()
    except VpcsharkError as error:
        log.warning("%s", error)
        return settings.Settings()
