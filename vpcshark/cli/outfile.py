"""A file that is written aside and takes its place once it is whole: what was there before is never half lost.

Must not know what is in it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from vpcshark.capture.contract.sink import FileSink
from vpcshark.errors import InputError


class OutFile:
    """``path`` ("-": standard output). What is no file (a device, a FIFO) is written to straight away."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._aside: Path | None = None
        self._target = Path(os.path.realpath(path))

    @property
    def _is_file(self) -> bool:
        try:
            return self.path != "-" and stat.S_ISREG(self._target.stat().st_mode)
        except OSError:
            return self.path != "-"

    def open(self) -> FileSink:
        """Where to write. InputError."""
        if not self._is_file:
            return FileSink.open(self.path)
        try:
            handle, name = tempfile.mkstemp(".part", f".{self._target.name}.", self._target.parent)
        except OSError as exc:
            raise InputError(f"{self.path} can't be written: {exc.strerror}.", "Name another file.") from exc
        self._aside = Path(name)
        return FileSink(os.fdopen(handle, "wb", buffering=0), self.path)

    def keep(self) -> None:
        """All is written. InputError."""
        if self._aside is not None:
            try:
                self._aside.replace(self._target)
            except OSError as exc:
                raise InputError(f"{self.path} can't be written: {exc.strerror}.", "Name another file.") from exc
            self._aside = None

    def salvage(self) -> str:
        """Keep what is written without being whole: in its place if that is free, else beside it. The file's name."""
        if self._aside is None or not self._target.exists():
            self.keep()
            return self.path
        beside = self._target.with_name(f"{self._target.name}.part")
        self._aside.replace(beside)
        self._aside = None
        return str(beside)

    def drop(self) -> None:
        """Remove what is written and was not kept."""
        if self._aside is not None:
            with contextlib.suppress(OSError):
                self._aside.unlink()


def write(path: str, text: str) -> None:
    """A small text at once, for everybody whom the user's umask lets read it. InputError."""
    try:
        Path(path).write_text(text, "utf-8")
    except OSError as exc:
        raise InputError(f"{path} can't be written: {exc.strerror}.", "Give a file in a folder of yours.") from exc
