"""What happens when Wireshark runs the extcap: one function per phase.

stdout is the protocol's, stderr the one message for the user (Wireshark keeps 1024 bytes of it and shows them as an
error when the capture ends). Must not import anything heavy but where a phase needs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from vpcshark.capture.options import CaptureOptions
from vpcshark.errors import VpcsharkError
from vpcshark.extcap import listing
from vpcshark.extcap.arguments import Call, Phase, parse
from vpcshark.extcap.options import resolve_leniently
from vpcshark.extcap.services import Services

log = logging.getLogger(__name__)


def main(
    argv: Sequence[str],
    services: Callable[[], Services],
    stdout: TextIO,
    stderr: TextIO,
    environ: Mapping[str, str],
) -> int:
    """Answer the call in ``argv`` (without the program) and return the exit status.

    ``services`` is called only in the phases that need it: interfaces, reload, capture and the clean-up after a kill.
    """
    call = parse(argv)
    if call.phase is Phase.CAPTURE:
        from vpcshark.extcap.running import run_capture

        return run_capture(call, services, stderr, environ)
    if call.phase is Phase.CLEANUP_POSTKILL:
        return _clean_up(services, stderr)
    stdout.write(_answer(call, services, environ))
    return 0


def _answer(call: Call, services: Callable[[], Services], environ: Mapping[str, str]) -> str:
    match call.phase:
        case Phase.INTERFACES:
            return _interfaces(services, environ)
        case Phase.RELOAD:
            return _reload(call, services, environ)
        case Phase.CONFIG:
            return listing.config(environ)
        case Phase.DLTS:
            return listing.dlts()
        case Phase.FILTER_CHECK:
            return _filter_problem(call.capture_filter)
        case Phase.VERSION:
            return listing.version()
        case _:
            return ""


def _interfaces(services: Callable[[], Services], environ: Mapping[str, str]) -> str:
    return _asked(
        lambda: listing.interfaces(services().interfaces(_options({}, environ))),
        lambda error: listing.interfaces(listing.problem(error)),
    )


def _reload(call: Call, services: Callable[[], Services], environ: Mapping[str, str]) -> str:
    name = call.reload_option.removeprefix("--")
    return _asked(
        lambda: listing.reload(name, services().values(name, call.interface, _options(call.values, environ))),
        lambda error: listing.reload_problem(name, error),
    )


def _options(values: Mapping[str, str], environ: Mapping[str, str]) -> CaptureOptions:
    from vpcshark import logs

    options = resolve_leniently(values, environ)
    logs.set_up(options.log_level, options.log_file)
    return options


def _asked(ask: Callable[[], str], explain: Callable[[VpcsharkError], str]) -> str:
    """What ``ask`` answers. An extcap that fails has no interfaces and nobody sees why, so ``explain`` lists it."""
    try:
        return ask()
    except VpcsharkError as error:
        log.warning("%s", error)
        return explain(error)
    except Exception as error:  # logged, and shown in the list
        log.exception("the list could not be made")
        return explain(VpcsharkError(f"vpcshark failed unexpectedly ({type(error).__name__}).", "Its log tells more."))


def _filter_problem(capture_filter: str) -> str:
    """Nothing if libpcap takes the filter, else one line with its own words (the dialog shows them)."""
    from vpcshark.wire.libpcap import compile_filter

    try:
        compile_filter(capture_filter)
    except ValueError as error:  # FilterError, or bytes that are no text
        return " ".join(str(error).split()) + "\n"
    return ""


def _clean_up(services: Callable[[], Services], stderr: TextIO) -> int:
    try:
        services().clean_up()
    except VpcsharkError as error:
        stderr.write(f"{error}\n")
        return 1
    return 0
