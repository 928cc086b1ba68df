"""The threads that docs/ARCHITECTURE.md names, and those that are left when something has ended."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from pathlib import Path

TIMER = "Thread-…"
PAGE = Path(__file__).parents[2] / "docs" / "ARCHITECTURE.md"


def page() -> frozenset[str]:
    """The names of threads; what stands before "…" where a name goes on."""
    text = PAGE.read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \|", text.partition("## Threads")[2].partition("\n## ")[0], re.M)
    return frozenset(name for row in rows for name in re.findall(r"`([^`]+)`", row))


def unknown(names: Iterable[str]) -> list[str]:
    """Those that are not on the page. A timer of paramiko's has Python's own name and number, and nothing behind it, as
    a thread of a function would."""
    known = page() - {TIMER}
    starts = [each[:-1] for each in known if each.endswith("…")]
    ours = [name for name in names if not re.fullmatch(TIMER.replace("…", r"\d+"), name)]
    return [name for name in ours if name not in known and not any(name.startswith(start) for start in starts)]


def left_since(before: set[threading.Thread]) -> list[str]:
    """The threads that live on although they have a minute to end."""
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(60)
    return [thread.name for thread in left if thread.is_alive()]
