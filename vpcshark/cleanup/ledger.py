"""The record on disk of what one capture made or was about to make: JSON lines, synced, the user's alone.

A line is written before each create (with the call's ClientToken) and after its answer. The capture holds a lock on
its ledger, so that a ledger without a holder belongs to a dead capture. A finished capture removes its ledger: what
lies in the folder is alive or unfinished. Must not know AWS calls, nor hold a secret.

Only ``creating`` may fail: where it can't be written (disk full), nothing is created. All later lines only spare
clean-up a look at the tags, so clean-up must not die of them.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from vpcshark import folders
from vpcshark.cleanup import lock
from vpcshark.cleanup.birthmark import Proof
from vpcshark.errors import VpcsharkError

log = logging.getLogger(__name__)
SUFFIX = ".ledger"
LATEST = 253_402_300_800  # the year 10000, which no date of ours can show


def folder() -> Path:
    """Where the ledgers lie."""
    return folders.state() / "captures"


@dataclass(frozen=True)
class Record:
    """What a ledger says. ``made`` maps resource id to kind; ``unanswered`` maps ClientToken to kind: created or not,
    the answer never came. ``notes`` are sentences about what clean-up could not do. ``adopted``: its capture is dead,
    and clean-up has been at it. ``is_foreign``: it is another user's (a capture by ``sudo -E`` leaves such ones in the
    user's folder), and cannot be read."""

    path: Path
    capture: str = ""
    owner: str = ""
    started: float = 0.0
    source: str = ""
    profile: str = ""
    region: str = ""
    account: str = ""
    expires: float = 0.0
    made: Mapping[str, str] = field(default_factory=dict)
    unanswered: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    adopted: bool = False
    is_foreign: bool = False
    covered: float = 0.0  # until when the janitor's credentials are good; 0: it has none of its own, or for ever

    @property
    def made_pairs(self) -> list[tuple[str, str]]:
        """(kind, id) of what was made."""
        return [(kind, resource) for resource, kind in self.made.items()]

    @property
    def proof(self) -> Proof:
        """What shows that a resource is this capture's."""
        return Proof(self.capture, self.owner, frozenset(self.made), self.unanswered)


class Ledger:
    """The open ledger of a living capture. Thread-safe: creates run side by side."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Start the ledger; ``header`` are the plain fields of ``Record``. OSError where it can't be written."""
        folders.private(path.parent)
        self.path = path
        self._guard = threading.Lock()
        self._file = _create_locked(path)
        try:
            self._append({"capture": path.stem, **header})
            _sync_folder(path.parent)
        except OSError:
            self.finish()
            raise

    def creating(self, kind: str, token: str) -> None:
        """A create with this ClientToken is about to be sent. OSError: it must not be."""
        self._append({"creating": kind, "token": token})

    def created(self, kind: str, token: str, resource: str) -> None:
        """Its answer came."""
        self._try_to_append({"created": kind, "token": token, "id": resource})

    def is_in(self, profile: str, region: str) -> None:
        """What the user's settings led to: a sweep may run with others, and must not look in the wrong region.
        VpcsharkError where that can't be written."""
        try:
            self._append({"profile": profile, "region": region})
        except OSError as error:
            raise VpcsharkError(
                f"The capture's ledger cannot be written: {error.strerror}.", "Make room on the disk that holds it."
            ) from error

    def belongs_to(self, account: str) -> None:
        """The AWS account (twelve digits) in which all this is made."""
        self._try_to_append({"account": account})

    def is_covered(self, until: float) -> None:
        """The janitor has credentials that are good until then (seconds since the epoch; 0: nobody says)."""
        self._try_to_append({"covered": until})

    def refused(self, token: str) -> None:
        """AWS said no: nothing was made under this token."""
        self._try_to_append({"refused": token})

    def renewed(self, expires: float) -> None:
        """The lease runs until then (seconds since the epoch)."""
        self._try_to_append({"expires": expires})

    def deleted(self, resource: str) -> None:
        """The resource is gone, as AWS says."""
        self._try_to_append({"deleted": resource})

    def note(self, sentence: str) -> None:
        """Something that a person should know when the ledger stays open."""
        self._try_to_append({"note": sentence})

    def finish(self) -> None:
        """Nothing is left in the account: the ledger goes."""
        with self._guard:
            self.path.unlink(missing_ok=True)
            self._file.close()

    def leave_open(self) -> None:
        """Something is left: let go of the lock, so that janitor and sweep see a dead capture."""
        with self._guard:
            self._file.close()

    def _append(self, entry: Mapping[str, Any]) -> None:
        """A newline at both ends: a line that a full disk or a crash cut short must not swallow the next."""
        line = b"\n" + json.dumps(entry).encode() + b"\n"
        with self._guard:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())

    def _try_to_append(self, entry: Mapping[str, Any]) -> None:
        try:
            self._append(entry)
        except (OSError, ValueError) as error:  # ValueError: let go already, an answer came after the end
            log.warning("%s takes no more lines: %s", self.path.name, error)


def _create_locked(path: Path) -> BinaryIO:
    """A new file, locked. A sweep may look at it between its creation and its lock, and take it for dead and empty:
    it removes it under the lock, so whoever gets the lock and still finds the name there owns the file."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        file = os.fdopen(descriptor, "a+b", buffering=0)
        lock.wait(file)
        if _is_at(path, file):
            return file
        file.close()


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Is the open ``file`` still what ``path`` names?"""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def adopt(path: Path) -> Ledger | None:
    """Take over the ledger of a dead capture, to clean up under it; None if its capture lives, it is gone, or another
    user's."""
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND), "a+b", buffering=0)
    except (FileNotFoundError, PermissionError):
        return None
    if not _take(file) or not _is_at(path, file):  # finished between open and lock
        file.close()
        return None
    ledger = Ledger.__new__(Ledger)
    ledger.path, ledger._guard, ledger._file = path, threading.Lock(), file
    ledger._try_to_append({"adopted": True})
    return ledger


def _take(file: BinaryIO) -> bool:
    """The lock, unless somebody living has it. Who only asks whether somebody has it, holds it for a moment as well,
    and must not make a dead capture look alive; no two of those are in each other's way."""
    while not lock.take(file):
        if not lock.probe(file):
            return False
    return True


def is_live(path: Path) -> bool:
    """Does the capture of this ledger still run? Another user's counts as if it did: it is not ours to clean up."""
    try:
        with open(path, "rb", buffering=0) as file:
            return not lock.probe(file)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True


def lives_here(where: Path, capture: str) -> bool | None:
    """Does the capture run on this machine, with its ledger in ``where``? None: it was not started here, is finished,
    or another user's. Adopted is dead: its janitor, with credentials that have run out, may hold the ledger for a
    quarter of an hour, and what somebody with good ones deletes meanwhile, it finds done."""
    path = where / f"{capture}{SUFFIX}"
    record = read(path)
    return is_live(path) and not record.adopted if not record.is_foreign and path.exists() else None


def read(path: Path) -> Record:
    """What the ledger at ``path`` says; lines that a crash cut in half are passed over. Another user's says nothing."""
    try:
        return _read(path)
    except PermissionError:
        log.info("%s is another user's; it is passed over.", path)
        return Record(path, capture=path.stem, is_foreign=True)


def _read(path: Path) -> Record:
    """Each line by itself: one of another shape (a crash, a disk's fault, another version of vpcshark) says nothing."""
    header: dict[str, Any] = {}
    made: dict[str, str] = {}
    unanswered: dict[str, str] = {}
    notes: list[str] = []
    for entry in _entries(path):
        if "capture" in entry:
            header = _plain(entry)
        elif not entry.keys() - {"account", "profile", "region", "expires", "adopted", "covered"}:
            header.update(_plain(entry))
        elif words := _words(entry, "creating", "token"):
            unanswered[words[1]] = words[0]
        elif words := _words(entry, "created", "token", "id"):
            unanswered.pop(words[1], None)
            made[words[2]] = words[0]
        elif words := _words(entry, "refused"):
            unanswered.pop(words[0], None)
        elif words := _words(entry, "deleted"):
            made.pop(words[0], None)
        elif words := _words(entry, "note"):
            notes.append(words[0])
        else:
            log.warning("%s holds a line that cannot be understood; it is passed over.", path.name)
    return Record(path, path.stem, **header, made=made, unanswered=unanswered, notes=tuple(notes))


_TEXTS = ("owner", "source", "profile", "region", "account")
_TIMES = ("started", "expires", "covered")


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Those of ``Record``'s plain fields that the entry has, as far as they can be what they should be. Which capture
    it is, the file's name says: no line leads clean-up to another."""
    texts = {name: entry[name] for name in _TEXTS if isinstance(entry.get(name), str)}
    times = {name: float(entry[name]) for name in _TIMES if _is_time(entry.get(name))}
    adopted = {"adopted": True} if entry.get("adopted") is True else {}
    return {**texts, **times, **adopted}


def _is_time(value: object) -> bool:
    """A number of seconds since the epoch within the years that a date can have."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < LATEST


def _words(entry: Mapping[str, Any], *names: str) -> list[str]:
    """The texts under these names; none if one is missing or no text."""
    found = [entry.get(name) for name in names]
    return [one for one in found if isinstance(one, str)] if all(isinstance(one, str) for one in found) else []


def all_paths(where: Path | None = None) -> list[Path]:
    """Every ledger of this user on this machine, oldest name first; none in a folder that is closed to us, of which
    ``hidden`` tells."""
    where = where or folder()
    try:
        return sorted(where / name for name in os.listdir(where) if name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        log.warning("%s", hidden(where))
        return []


def hidden(where: Path | None = None) -> str:
    """A sentence where the ledgers' folder is another user's, so that nobody here knows what lies in it; else ""."""
    where = where or folder()
    try:
        os.listdir(where)
    except PermissionError:
        return (
            f"The ledgers in {where} cannot be read: another user (root, with your HOME?) has made the folder. Captures"
            f" that are recorded there are missing here. Give it back with: sudo chown -R $USER {where.parent}"
        )
    except OSError:
        pass
    return ""


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            entry = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError):
            log.warning("%s holds a line that a crash cut short; it is passed over.", path.name)
            continue
        if isinstance(entry, dict) and entry:
            yield entry


def _sync_folder(where: Path) -> None:
    """A new name is on disk only when its folder is synced (fsync(2)); Windows has no such call."""
    if os.name == "posix":
        descriptor = os.open(where, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
