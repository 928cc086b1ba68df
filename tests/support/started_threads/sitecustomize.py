"""Writes down which threads a Python starts, and which of them live on although they had a minute to end: for a
process that has this folder in PYTHONPATH, into the folder that VPCSHARK_TEST_THREADS names. Must not know which are
meant to be there."""

from __future__ import annotations

import atexit
import json
import os
import threading
from pathlib import Path
from typing import Any

started: set[str] = set()
really = threading.Thread.start


def start(thread: threading.Thread, *given: Any) -> None:
    """The method's place, to note the name."""
    started.add(thread.name)
    really(thread, *given)


def keep(folder: str) -> None:
    """Whoever is no daemon was waited for before this is called."""
    others = [each for each in threading.enumerate() if each is not threading.main_thread()]
    for each in others:
        each.join(60)
    left = sorted(each.name for each in others if each.is_alive())
    text = json.dumps({"started": sorted(started), "left": left})
    Path(folder, f"{os.getpid()}.json").write_text(text, "utf-8")


if "VPCSHARK_TEST_THREADS" in os.environ:
    threading.Thread.start = start  # type: ignore[method-assign, assignment]
    atexit.register(keep, os.environ["VPCSHARK_TEST_THREADS"])
