"""All kinds: importing the modules that plant registers them."""

from __future__ import annotations

from plants import paths
from plants.kinds import KINDS

__all__ = ["KINDS", "paths"]
