"""For how long a broken connection is tried again, and how often. Must not know what runs over it."""

from __future__ import annotations

PERSISTENCE = 30.0  # seconds for which a broken way is tried again
PAUSE = 1.0
