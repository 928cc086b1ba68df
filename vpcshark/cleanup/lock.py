"""A lock on an open file that the operating system drops when its holder dies: that is how a capture is known to live.

POSIX flock, Windows byte-range lock; both end with the process, whatever ended it. Knows nothing of captures.
"""

from __future__ import annotations

import sys
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 30  # Windows locks are mandatory: lock a byte far behind the text, so that the text stays readable

    def take(file: BinaryIO) -> bool:
        """Try to take the lock; False if somebody living has it."""
        file.seek(FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def probe(file: BinaryIO) -> bool:
        """Could the lock be had? Lets go of it at once."""
        if not take(file):
            return False
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        return True

    def wait(file: BinaryIO) -> None:
        """Take the lock, waiting for a probe of somebody else to end (at most ten tries, a second apart)."""
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def take(file: BinaryIO) -> bool:
        """Try to take the lock; False if somebody living has it."""
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def probe(file: BinaryIO) -> bool:
        """Could the lock be had? A shared lock, so that two who ask do not meet."""
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
        return True

    def wait(file: BinaryIO) -> None:
        """Take the lock, waiting for a probe of somebody else to end."""
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
