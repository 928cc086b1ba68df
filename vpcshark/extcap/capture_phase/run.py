"""The capture phase: pipes opened in Wireshark's order, the stop watched, errors told as one message.

Wireshark hangs if an extcap exits without opening the FIFO (measured: until a signal comes), so whatever is wrong, the
FIFO is opened first. Must not know what a capture does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TextIO

from vpcshark import logs, text
from vpcshark.capture.contract.progress import Course
from vpcshark.capture.contract.sink import Sink, SinkClosed
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.stop_watch import Watch
from vpcshark.capture.diagnosing.tee import Tee
from vpcshark.clock import SystemClock
from vpcshark.errors import InputError, VpcsharkError, unexpected
from vpcshark.extcap.capture_phase import duration_clock
from vpcshark.extcap.capture_phase.diagnosis import Diagnosis
from vpcshark.extcap.capture_phase.fifo import FifoSink, open_sink, retry
from vpcshark.extcap.capture_phase.source import source
from vpcshark.extcap.protocol.arguments import Call
from vpcshark.extcap.protocol.listing import NAME
from vpcshark.extcap.protocol.toolbar import Toolbar
from vpcshark.extcap.services import Services

_STDERR_LIMIT = 1000  # bytes; Wireshark drops what goes beyond 1024
_TOOLBAR_WAIT = 5.0  # seconds for the GUI to open its ends of the control pipes

_EARLY = "Give it longer: tshark's -a duration counts from its own start, vpcshark capture's from the first packets."
PLACE = f"Wireshark's menu View > Interface Toolbars > {NAME}."
"""Where the toolbar is, which Wireshark hides until it is asked for."""

log = logging.getLogger(__name__)


def run_capture(call: Call, services: Callable[[], Services], stderr: TextIO, environ: Mapping[str, str]) -> int:
    """Capture until stopped; 0 if that went well, 1 with the reason on ``stderr`` if not. Run it in the main thread."""
    logs.set_up()  # first of all: what is logged without it goes to stderr
    try:
        with Watch(stop := Stop()) as watch:
            return _with_pipes(call, services, stderr, environ, stop, watch)
    except Exception as error:  # noqa: BLE001 - of the pipes themselves; logged and told
        return _tell(error, stderr)


def _with_pipes(
    call: Call,
    services: Callable[[], Services],
    stderr: TextIO,
    environ: Mapping[str, str],
    stop: Stop,
    watch: Watch,
) -> int:
    toolbar = Toolbar.open(call.control_in, call.control_out, lambda a: retry(a, stop, _TOOLBAR_WAIT, SystemClock()))
    descriptor = toolbar.fileno()
    if descriptor is not None:
        watch.add(descriptor, toolbar.read, "the control pipe was closed")
    sink: Sink | None = None
    diagnosis: Diagnosis | None = None
    course = Course()
    try:
        sink = open_sink(call.fifo, stop)
        if isinstance(sink, FifoSink):
            watch.add(sink.fileno(), _reader_is_there(sink), "the FIFO was closed")
            course = _held(sink)
        selection, options = source(call, environ)
        logs.set_up(options.log_level, options.log_file)
        if call.control_out:
            log.info("Live figures, this log's news and another filter: %s", PLACE)
        if options.user_filter:
            _check_filter(options.user_filter)
        early: list[str] = []
        tee = Tee(sink)
        diagnosis = Diagnosis(toolbar, tee)
        toolbar.on_diagnose(diagnosis.press)
        services().capture(selection, options, tee, stop, toolbar, replace(course, on_early=early.append))
        if early and not call.control_out:  # a person at the window has stopped it, and reads the toolbar's log
            stderr.write(_message(VpcsharkError(early[0], _EARLY)))
        return 0
    except Exception as error:  # noqa: BLE001 - logged and told
        return _ended(error, toolbar, stderr)
    finally:
        if diagnosis is not None:
            diagnosis.end()
        _close(watch, toolbar, sink)


def _ended(error: Exception, toolbar: Toolbar, stderr: TextIO) -> int:
    """The exit status of a capture that ended with ``error``: nobody who reads it any more is none."""
    if isinstance(error, SinkClosed):
        log.info("ended: %s", error)
        return 0
    toolbar.log(str(error))
    # Now, not when the FIFO is closed: dumpcap then ends, and tshark with it, sometimes before it has read stderr.
    return _tell(error, stderr)


def _tell(error: Exception, stderr: TextIO) -> int:
    """The one message for the user, and the exit status. The last resort: a traceback is for the log."""
    if isinstance(error, VpcsharkError):
        log.error("%s", error)
    else:
        log.error("the capture failed unexpectedly", exc_info=error)
        error = unexpected(error, remedy=f"The details are in {logs.used()}.")
    stderr.write(_message(error))
    stderr.flush()
    return 1


def _reader_is_there(sink: FifoSink) -> Callable[[], bool]:
    return lambda: not sink.wait_closed(0)


def _held(sink: FifoSink) -> Course:
    """Where the reader counts seconds for us alone, its clock starts when frames can come."""
    if not duration_clock.counts_for_us(duration_clock.reader()):
        return Course()
    log.info("tshark counts seconds: its section header waits until frames can come.")
    sink.hold()
    return Course(on_up=sink.release)


def _close(watch: Watch, toolbar: Toolbar, sink: Sink | None) -> None:
    for descriptor in (toolbar.fileno(), sink.fileno() if isinstance(sink, FifoSink) else None):
        if descriptor is not None:
            watch.remove(descriptor)
    if sink is not None:
        sink.close()
    toolbar.close()


def _check_filter(capture_filter: str) -> None:
    """tshark never asks whether a filter is valid (measured, 4.0), so it is checked here once more."""
    from vpcshark.wire.bpf.libpcap import compile_filter

    try:
        compile_filter(capture_filter)
    except ValueError as error:
        raise InputError(
            f'The capture filter "{capture_filter[:200]}" is not valid: {error}.', "See the manual page pcap-filter(7)."
        ) from error


def _message(error: VpcsharkError) -> str:
    """At most two lines, what happened and what to do, that fit into what Wireshark keeps."""
    said = [" ".join(text.line(part).split()) for part in (error.problem, error.remedy) if part]
    return text.cut("\n".join(said), _STDERR_LIMIT) + "\n"
