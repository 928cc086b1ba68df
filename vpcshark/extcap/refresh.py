"""Asks for the answers anew, in a process that nobody waits for longer than a deadline.

The process has no terminal, no input and none of Wireshark's descriptors: a browser or an MFA prompt can't hold up a
list, and Wireshark, which waits for the end of what it started and of its pipes, does not notice it. One at a time.
Must not know what the list is made of.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from typing import TextIO

from vpcshark import logs, settings, threads
from vpcshark.capture.contract.listing import Offer
from vpcshark.cleanup import background
from vpcshark.clock import Clock, SystemClock
from vpcshark.errors import VpcsharkError, unexpected
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.prepared.writer import Answers
from vpcshark.extcap.protocol import listing
from vpcshark.extcap.services import Services
from vpcshark.options import checked_settings
from vpcshark.options.defaults import captures, defaults
from vpcshark.options.resolve import resolve, resolve_leniently

FRESH = 30.0  # seconds for which nobody asks again in the background; Refresh Interfaces always does
JUST_NOW = 1.0  # seconds for which not even Refresh Interfaces does
PATIENCE = 2.0  # seconds that a list is waited for, from the start of whoever was asked for it
KEPT = 200  # ENIs whose dialog keeps its values; see listing.config
LONGEST = 60.0  # seconds after which a refresh that hangs is given up
WORD = "--vpcshark-refresh"

Refresh = Callable[[float], str | None]
"""Refresh, and wait that many seconds: the list, None if it is not there yet. VpcsharkError if AWS can't be asked."""

log = logging.getLogger(__name__)


def starter(program: Sequence[str]) -> Refresh:
    """The ``Refresh`` of the real world; ``program`` is what ``sys.executable`` runs as this extcap."""

    def refresh(seconds: float) -> str | None:
        process = subprocess.Popen(
            [sys.executable, *program, f"{WORD}=wait"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert process.stdout is not None
        try:
            text = threads.start(process.stdout.read, name="refresh").result(seconds).decode()
        except TookTooLong:
            return None
        if not text:
            raise VpcsharkError("The list of interfaces could not be made.", f"{logs.path()} tells more.")
        return str(text)

    return refresh


def run(
    services: Callable[[], Services],
    environ: Mapping[str, str],
    stdout: TextIO,
    *,
    wait: bool,
    clock: Clock | None = None,
) -> int:
    """Refresh the answers unless they are fresh, and print the list. ``wait``: somebody waits for it, so wait for
    another one's turn to end; else Wireshark's start comes first, and another's turn is left to the other."""
    _detach()
    logs.set_up()
    answers = Answers(environ)
    if not wait:
        (clock or SystemClock()).sleep(start_time(answers))
    background.sweep_in_background()  # what a crash left, each time that somebody looks at the list
    with answers.refreshing(wait=wait) as is_mine:
        if not is_mine:
            return 0
        text = answers.read(reader.INTERFACES) if is_fresh(answers, JUST_NOW if wait else FRESH) else None
        text = text or renew(services, environ, answers)
    with contextlib.suppress(OSError):  # who waited has gone
        reader.write(text, stdout)
    return 0


def is_fresh(answers: Answers, seconds: float) -> bool:
    """Was the list made so short a time ago, and by the settings as they are now?"""
    age = answers.age()
    return age is not None and age < seconds and not answers.is_older_than(settings.path())


def renew(services: Callable[[], Services], environ: Mapping[str, str], answers: Answers) -> str:
    """Ask, keep every answer, and return the list. Says in the list what went wrong."""
    by = settings.written()
    offer = _offered(services, environ)
    try:
        saved = [one.value for one in offer.listed[:KEPT]] if len(offer.listed) > KEPT else None
        answers.write(fixed(environ) | {reader.INTERFACES: listing.interfaces(offer)}, saved)
        if settings.written() != by:  # somebody wrote them meanwhile: which ones the list was made by is not known
            answers.make_old()
    except OSError as error:
        log.warning("the answers can't be kept in %s: %s", answers.folder, error)
        offer = Offer(offer.listed, [*offer.problems, not_kept(answers, error)])
    return listing.interfaces(offer)


def not_kept(answers: Answers, error: OSError) -> VpcsharkError:
    """Why every start of Wireshark will be slow."""
    reason = error.strerror or str(error)
    return VpcsharkError(
        f"The prepared answers can't be kept in {answers.folder} ({reason}), so Wireshark starts slowly.",
        "Make room there, or make it writable.",
    )


def fixed(environ: Mapping[str, str]) -> dict[str, str]:
    """The answers that need nobody to be asked."""
    named = {
        reader.dialog(one): listing.config(environ, defaults(one), save=number < KEPT)
        for number, one in enumerate(captures())
    }
    return named | {
        reader.CONFIG: listing.config(environ, defaults()),
        reader.CHOOSER: listing.config(environ, defaults(), is_chooser=True),
        reader.UNSAVED: listing.config(environ, defaults(), save=False),
        reader.DLTS: listing.dlts(),
    }


def _offered(services: Callable[[], Services], environ: Mapping[str, str]) -> Offer:
    """What is there, or why that is not known: an extcap that fails has no interfaces and nobody sees why."""
    try:
        options = resolve_leniently({}, environ)
        logs.set_up(options.log_level, options.log_file)
        offer = services().interfaces(options)
        return offer._replace(problems=[*_slips(environ), *offer.problems])
    except VpcsharkError as error:
        log.warning("%s", error)
        return Offer([], [error])
    except Exception as error:  # logged, and shown in the list
        log.exception("the list could not be made")
        return Offer([], [unexpected(error)])


def _slips(environ: Mapping[str, str]) -> list[VpcsharkError]:
    """What a capture would fail by: an option in the settings or the environment that does not fit."""
    try:
        checked_settings.load()
        resolve({}, environ)
    except VpcsharkError as error:
        return [error]
    return []


def _detach() -> None:
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):  # it is a session of its own already
            os.setsid()
        os.closerange(3, 256)
    threads.after(LONGEST, _give_up, name="end of a refresh")


def _give_up() -> None:
    """Whatever hangs, Wireshark is not to wait for it."""
    with contextlib.suppress(OSError):
        os.write(2, f"vpcshark: AWS had not told its interfaces after {LONGEST:.0f} seconds. Try again.\n".encode())
    os._exit(1)


def start_time(answers: Answers) -> float:
    """About how many seconds Wireshark will be busy with asking for the dialog of each interface."""
    return 0.5 + 0.004 * min((answers.read(reader.INTERFACES) or "").count("\ninterface "), 4000)
