"""What happens when Wireshark runs the extcap: one function per phase.

stdout is the protocol's, stderr the one message for the user (Wireshark keeps 1024 bytes of it and shows them as an
error when the capture ends). Must not import anything heavy but where a phase needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from typing import TYPE_CHECKING, TextIO

from vpcshark import threads
from vpcshark.capture.contract.listing import Offer
from vpcshark.errors import VpcsharkError, unexpected
from vpcshark.extcap.prepared import reader
from vpcshark.extcap.protocol import listing
from vpcshark.extcap.protocol.arguments import Call, Phase, parse
from vpcshark.extcap.services import Services
from vpcshark.options.defaults import defaults
from vpcshark.options.resolve import chosen, resolve_leniently
from vpcshark.text import line

if TYPE_CHECKING:
    from vpcshark.extcap.prepared.writer import Answers
    from vpcshark.extcap.refresh import Refresh

RELOAD = 10.0  # seconds that a selector waits for AWS

log = logging.getLogger(__name__)


def main(
    argv: Sequence[str],
    services: Callable[[], Services],
    stdout: TextIO,
    stderr: TextIO,
    environ: Mapping[str, str],
    refresh: Refresh,
) -> int:
    """Answer the call in ``argv`` (without the program) and return the exit status.

    ``services`` is called only in the phases that need it: refresh, reload, capture and the clean-up after a kill.
    ``refresh`` has the interfaces asked for in a process of its own.
    """
    call = parse(argv)
    if call.phase is Phase.CAPTURE:
        from vpcshark.extcap.capture_phase.run import run_capture

        return run_capture(call, services, stderr, environ)
    if call.phase is Phase.CLEANUP_POSTKILL:
        return _clean_up(services, stderr)
    if call.phase is Phase.REFRESH:
        from vpcshark.extcap import refresh as refreshing

        return refreshing.run(services, environ, stdout, wait=call.refresh == "wait")
    reader.write(_answer(call, services, environ, refresh), stdout)
    return 0


def _answer(call: Call, services: Callable[[], Services], environ: Mapping[str, str], refresh: Refresh) -> str:
    match call.phase:
        case Phase.INTERFACES:
            return _interfaces(environ, refresh)
        case Phase.RELOAD:
            return _reload(call, services, environ)
        case Phase.CONFIG:
            return listing.config(environ, defaults(call.interface), is_chooser=call.interface == reader.CHOOSE)
        case Phase.DLTS:
            return listing.dlts()
        case Phase.FILTER_CHECK:
            return _filter_problem(call.capture_filter)
        case Phase.VERSION:
            return listing.version()
        case _:
            return ""


def _interfaces(environ: Mapping[str, str], refresh: Refresh) -> str:
    """Fresh answers as they are; else what a refresh brings in time; else old ones, else that there are none yet."""
    from vpcshark.cleanup import background
    from vpcshark.extcap import refresh as refreshing
    from vpcshark.extcap.prepared.writer import Answers

    background.sweep_in_background()
    answers = Answers(environ)
    known = answers.read(reader.INTERFACES)
    if known and refreshing.is_fresh(answers, refreshing.JUST_NOW):
        return known
    try:
        text = refresh(refreshing.PATIENCE)
        problem = listing.waiting(refreshing.PATIENCE)
    except VpcsharkError as error:
        text, problem = None, error
    return text or known or _provisional(answers, environ, problem)


def _provisional(answers: Answers, environ: Mapping[str, str], problem: VpcsharkError) -> str:
    """A list that says what is wrong. Kept, so that the next start of Wireshark does not wait again."""
    from vpcshark.extcap import refresh as refreshing

    text = listing.interfaces(Offer([], [problem]))
    try:
        answers.begin(refreshing.fixed(environ) | {reader.INTERFACES: text})
    except OSError as error:
        return listing.interfaces(Offer([], [problem, refreshing.not_kept(answers, error)]))
    return text


def _reload(call: Call, services: Callable[[], Services], environ: Mapping[str, str]) -> str:
    from vpcshark import logs

    name = call.reload_option.removeprefix("--")
    values = chosen(call.values)
    options = resolve_leniently(values, environ, defaults(call.interface))
    logs.set_up(options.log_level, options.log_file)
    try:
        offered = threads.start(services().values, name, call.interface, options, values.get("vpc", ""))
        return listing.reload(name, offered.result(RELOAD), call.interface)
    except VpcsharkError as error:
        log.warning("%s", error)
        return listing.reload_problem(name, error, call.interface)
    except TookTooLong:
        return listing.reload_problem(name, VpcsharkError("There was no answer in time.", "Try again."), call.interface)
    except Exception as error:  # logged, and shown in the dialog
        log.exception("the selector %s could not be filled", name)
        return listing.reload_problem(name, unexpected(error), call.interface)


def _filter_problem(capture_filter: str) -> str:
    """Nothing if libpcap takes the filter, else one line with its own words (the dialog shows them)."""
    from vpcshark.wire.bpf.libpcap import compile_filter

    try:
        compile_filter(capture_filter)
    except ValueError as error:  # FilterError, or bytes that are no text
        return line(" ".join(str(error).split())) + "\n"
    return ""


def _clean_up(services: Callable[[], Services], stderr: TextIO) -> int:
    try:
        services().clean_up()
    except VpcsharkError as error:
        stderr.write(f"{line(str(error))}\n")
        return 1
    return 0
