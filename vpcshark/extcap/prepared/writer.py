"""Prepared answers, written: whole or not at all, the user's alone, one folder per context.

Must not know what the answers say, nor where they come from.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vpcshark import context, folders
from vpcshark.cleanup import lock
from vpcshark.clock import Clock, SystemClock
from vpcshark.extcap.prepared import reader

_MOST = 12  # contexts that are kept; the one that was written longest ago goes first
_CONTEXT = "context"


class Answers:
    """The prepared answers for one environment. ``folder`` None: nowhere to keep any."""

    def __init__(self, environ: Mapping[str, str], clock: Clock | None = None) -> None:
        self._context = context.context(environ)
        self._clock = clock or SystemClock()
        root = context.folder(environ)
        self._root = Path(root) if root else None
        self.folder = Path(context.slot(environ)) if root else None

    def read(self, question: str) -> str | None:
        """The answer to one of ``reader.QUESTIONS``; None if there is no whole one."""
        return reader.read(str(self.folder), question) if self.folder else None

    def age(self) -> float | None:
        """Seconds since the list was made; None if there is no whole one. A clock that was set back makes it old."""
        if self.folder is None or self.read(reader.INTERFACES) is None:
            return None
        try:
            age = self._clock.now() - (self.folder / reader.INTERFACES).stat().st_mtime
        except OSError:
            return None
        return age if age >= 0 else float("inf")

    def is_older_than(self, file: Path) -> bool:
        """Was the list made before ``file`` was last written? False where either is not there."""
        try:
            return self.folder is not None and (
                (self.folder / reader.INTERFACES).stat().st_mtime_ns < file.stat().st_mtime_ns
            )
        except OSError:
            return False

    def write(self, answers: Mapping[str, str], saved: Sequence[str] | None = None) -> None:
        """Keep ``answers`` (question -> text). ``saved``: the interfaces whose dialog keeps its values, None for all.
        OSError."""
        if self.folder is None or self._root is None:
            raise FileNotFoundError(errno.ENOENT, "there is no home folder")
        with self._locked(self._root):
            self._write(self._root, self.folder, answers)
            if saved is None:
                (self.folder / reader.SAVED).unlink(missing_ok=True)
            else:
                folders.write_whole(self.folder / reader.SAVED, reader.render_saved(saved).encode(errors="replace"))

    def begin(self, answers: Mapping[str, str]) -> None:
        """Keep ``answers`` as old ones, unless there is a list meanwhile. OSError."""
        if self.folder is None or self._root is None:
            raise FileNotFoundError(errno.ENOENT, "there is no home folder")
        with self._locked(self._root):
            if self.read(reader.INTERFACES) is None:
                self._write(self._root, self.folder, answers)
                self.make_old()

    def make_old(self) -> None:
        """The list stands until there is another one, and whoever asks for the interfaces has it made anew."""
        if self.folder is not None:
            with contextlib.suppress(FileNotFoundError):
                os.utime(self.folder / reader.INTERFACES, (0, 0))

    def _write(self, root: Path, folder: Path, answers: Mapping[str, str]) -> None:
        folders.private(folder)
        folders.write_whole(folder / _CONTEXT, self._context.encode(errors="replace"))
        for question, text in answers.items():
            folders.write_whole(folder / question, reader.render(question, text).encode(errors="replace"))
        self._write_index(root)

    def forget(self) -> None:
        """Drop the list of this context, so that the next one who asks gets a fresh one."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                (self.folder / reader.INTERFACES).unlink(missing_ok=True)

    @contextlib.contextmanager
    def refreshing(self, *, wait: bool) -> Iterator[bool]:
        """The right to refresh: one process at a time. False if another has it and ``wait`` is false.

        A folder that can't be written gives it to everybody: there is nothing to get in each other's way with.
        """
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(open(self._own() / "refreshing", "a+b", opener=_private))
            except OSError:
                yield True
                return
            if wait:
                lock.wait(file)
            yield wait or lock.take(file)

    def _own(self) -> Path:
        if self.folder is None:
            raise FileNotFoundError(errno.ENOENT, "there is no home folder")
        return folders.private(self.folder)

    @contextlib.contextmanager
    def _locked(self, root: Path) -> Iterator[None]:
        """Writers of any context take turns: they share the index."""
        with _GUARD, open(folders.private(root) / "writing", "a+b", opener=_private) as file:
            lock.wait(file)
            yield

    def _write_index(self, root: Path) -> None:
        found: dict[str, str] = {}
        for place in sorted(root.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True):
            with contextlib.suppress(OSError):
                text = (place / _CONTEXT).read_bytes().decode(errors="replace")
                if len(found) >= _MOST and text != self._context:
                    shutil.rmtree(place, ignore_errors=True)
                    continue
                found[text] = place.name
        folders.write_whole(root / "index", reader.render_index(found).encode(errors="replace"))


_GUARD = threading.Lock()  # one writer at a time in this process


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
