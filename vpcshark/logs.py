"""Logging for a run whose stdout and stderr belong to others: into one file, the user's alone, and nowhere else.

Must not know who logs, except for the libraries whose details (requests, tokens, packets) must stay out.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import textwrap
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from vpcshark import text
from vpcshark.errors import InputError

_TALKATIVE = ("boto3", "botocore", "urllib3", "s3transfer", "paramiko", "asyncio")
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
_TRACEBACK = 40_000  # characters
_SIZE = 2_000_000  # bytes until the file becomes vpcshark.log.1


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file of mode 0600."""

    def _open(self):  # type: ignore[no-untyped-def]  # typeshed and logging differ on its result
        return open(self.baseFilename, "a", encoding="utf-8", errors="replace", opener=_private)


class _Lines(logging.Formatter):
    """One line for each message, and a traceback's lines indented below it: what a host or AWS said can't look like a
    message of ours, nor do anything to the terminal that shows the file."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return text.line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """Cut in its middle: the last line is the one that says what happened."""
        said = super().formatException(ei)
        short = said if len(said) <= _TRACEBACK else f"{said[: _TRACEBACK // 2]}\n…\n{said[-_TRACEBACK // 2 :]}"
        return textwrap.indent(text.lines(short, len(short)), "  ")


class _Shown(logging.StreamHandler):  # type: ignore[type-arg]  # Python 3.10 has no such argument
    """What is logged, on a person's terminal too; it outlives another ``set_up``."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def path() -> Path:
    """The default file: ``vpcshark.log`` in the user's log folder."""
    from vpcshark import folders  # here, because the fast answers must not pay for it

    return folders.log() / "vpcshark.log"


def set_up(level: str = "info", file: str = "") -> Path:
    """Log everything from ``level`` ("debug" … "error") on into ``file``, "" for the default one; returns its path.

    Warnings and exceptions of threads, which Python would write to stderr, go there too. InputError if ``file`` was
    named and can't be written; the default file is done without if the disk or the folder doesn't take it.
    """
    target = Path(file) if file else path()
    root = logging.getLogger()
    handler = _handler(target, is_named=bool(file))
    for old in root.handlers:
        if isinstance(old, _PrivateFile):
            old.close()
    shown = [one for one in root.handlers if isinstance(one, _Shown)]
    root.handlers[:] = [handler, *shown]
    root.setLevel(logging.DEBUG if shown else level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("scapy").setLevel(logging.CRITICAL)  # it has handlers of its own, on stderr
    logging.getLogger("paramiko.transport").addFilter(_says_something)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a full disk must not print tracebacks
    threading.excepthook = _thread_failed
    sys.unraisablehook = _unraisable
    return target


def show(stream: TextIO) -> None:
    """From now on write to ``stream`` as well what is logged, and log everything: a person asked for it (-v)."""
    handler = _Shown(stream)
    handler.setFormatter(_Lines("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


def used() -> str:
    """The file that is logged into, for messages that point there; "no file" if there is none."""
    files = [handler.baseFilename for handler in logging.getLogger().handlers if isinstance(handler, _PrivateFile)]
    return files[0] if files else "no file"


def _handler(path: Path, *, is_named: bool) -> logging.Handler:
    from vpcshark import folders

    try:
        if not is_named:
            folders.private(path.parent)
        handler = _PrivateFile(path, maxBytes=_SIZE, backupCount=2, delay=not is_named)
    except OSError as exc:
        if is_named:
            raise InputError(f"The log file {path} can't be written: {exc.strerror}.", "Name another one.") from exc
        return logging.NullHandler()
    handler.setFormatter(_Lines(_FORMAT))
    return handler


def _says_something(record: logging.LogRecord) -> bool:
    """paramiko logs a traceback for whatever a host sends amiss, a record for each line. What it was stands before it,
    and in our own error; a traceback in this log is a defect of ours."""
    said = str(record.msg)
    return bool(said.strip()) and not said.startswith(("Traceback ", "  ", "During handling ", "The above exception "))


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    name = failure.thread.name if failure.thread else "?"
    _log_exception(f"thread {name} failed", failure.exc_type, failure.exc_value, failure.exc_traceback)


def _unraisable(failure: sys.UnraisableHookArgs) -> None:
    _log_exception(f"ignored in {failure.object!r}", failure.exc_type, failure.exc_value, failure.exc_traceback)


def _log_exception(
    text: str, kind: type[BaseException], value: BaseException | None, traceback: TracebackType | None
) -> None:
    logging.getLogger(__name__).error(text, exc_info=(kind, value or kind(), traceback))
