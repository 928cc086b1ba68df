"""Around the reading of a long file: how far it is, on a terminal; no search for cycles. Must not know what is read."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from typing import Any

from vpcshark.cli.infile import InFile


@contextlib.contextmanager
def no_collector() -> Iterator[None]:
    """Without the search for cycles: each chunk makes thousands of views, which are in none, and it would look through
    them again and again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Progress:
    """How far reading is, on a terminal; nothing elsewhere."""

    def __init__(self, source: InFile) -> None:
        self._source = source
        self._bar: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and self._source.size:
            from rich import progress

            from vpcshark.cli import console

            name = progress.TextColumn("{task.description}", markup=False)
            columns = (name, progress.BarColumn(), progress.DownloadColumn(), progress.TimeRemainingColumn())
            self._bar = progress.Progress(*columns, console=console.err(), transient=True)
            self._bar.start()
            self._bar.add_task(os.path.basename(self._source.name), total=self._source.size)
        return self

    def show(self) -> None:
        """Show the place that reading has come to."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._source.position)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
