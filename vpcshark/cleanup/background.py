"""The sweep at the next start of anything: looks whether dead captures left ledgers here, and if so, has a detached
process work them off while whoever was started goes on.

The look costs one directory listing where nothing lies there. ``python -m vpcshark.cleanup.background`` is that
process; a launcher in another language may start it as well, whenever a ``*.ledger`` lies in the folder: it looks
itself, and ends at once if there is nothing to do. Must not import boto3 before there is work.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vpcshark.cleanup import detached, tidy
from vpcshark.cleanup import ledger as ledgers
from vpcshark.clock import Clock, SystemClock

log = logging.getLogger(__name__)

_NAME = "vpcshark.cleanup.background"
SHORT = tidy.SETTLE + 5.0  # enough for a create whose answer never came
PATIENCE = 10 * 60.0
WORKERS = 8
REST = 60.0  # seconds after a try that failed before the next: Wireshark's lists are refreshed often


def sweep_in_background(folder: Path | None = None, clock: Clock | None = None, python: str = sys.executable) -> bool:
    """Start a sweep if there is one to do; whether it was started. Never raises: nobody asked for it."""
    where = (folder or ledgers.folder()).resolve()  # the process works in another directory
    try:
        if not waiting(where, clock or SystemClock()):
            return False
        process = detached.start(detached.program(python, _NAME, str(where)), where)
    except OSError as error:
        log.warning("No sweep could be started: %s", error)
        return False
    process.returncode = 0  # it is nobody's to wait for, so Popen shall not complain that it still runs
    return True


def waiting(folder: Path, clock: Clock) -> list[Path]:
    """The ledgers of dead captures that are due."""
    return [path for path in ledgers.all_paths(folder) if not ledgers.is_live(path) and _is_due(path, clock.now())]


def run(folder: Path, *, reach: tidy.Reach, clock: Clock) -> list[tidy.Tidied]:
    """Work off every ledger that is due, side by side: one whose account can't be reached must not keep the others
    waiting, nor those that other sweeps find meanwhile. A ledger's own lock keeps two sweeps from one ledger.

    First a short try for each: there may be more accounts out of reach than workers.
    """
    tidied = _tidy(waiting(folder, clock), SHORT, reach, clock)
    left = [one.path for one in tidied if one.outcome is not None and not one.outcome.is_clean]
    return [*(one for one in tidied if one.path not in left), *_tidy(left, PATIENCE, reach, clock)]


def _tidy(paths: Sequence[Path], patience: float, reach: tidy.Reach, clock: Clock) -> list[tidy.Tidied]:
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return list(pool.map(lambda path: tidy.tidy(path, reach=reach, clock=clock, patience=patience), paths))


def _is_due(path: Path, now: float) -> bool:
    """A ledger with notes has been tried; it gets a rest since its last line."""
    try:
        return not ledgers.read(path).notes or not 0 <= now - path.stat().st_mtime < REST
    except FileNotFoundError:
        return False


def main() -> None:
    """The sweep's process: the folder as the only argument, or the user's."""
    for name in ("SIGHUP", "SIGINT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    from vpcshark import logs

    logs.set_up("info")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ledgers.folder()
    if waiting(folder, SystemClock()):
        from vpcshark.cleanup.account import reach

        run(folder, reach=reach, clock=SystemClock())


if __name__ == "__main__":
    main()
