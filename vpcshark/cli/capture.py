"""``vpcshark capture``: a capture without Wireshark, with its dialog's options. Must not know how a capture works."""

from __future__ import annotations

import argparse
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpcshark import logs, settings, threads
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.capture.contract.progress import Course
from vpcshark.capture.contract.selection import NAMED, Selection, of_words
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.contract.stop_watch import Watch
from vpcshark.capture.contract.timeline import Timeline
from vpcshark.cli import account, console, limits, recording, statuses
from vpcshark.clock import SystemClock
from vpcshark.errors import InputError
from vpcshark.options import checked_settings, command_line, resolve
from vpcshark.options import table as table
from vpcshark.options.checked_settings import named
from vpcshark.text import many

if TYPE_CHECKING:
    from vpcshark.capture.contract.sink import Sink
    from vpcshark.capture.diagnosing.follower import Follower, Summary, Told


def _begin(on_up: Callable[[], Future[Any] | None], alarm: threading.Timer | None) -> None:
    """Packets can come: count the seconds from now, or from the end of what ``on_up`` begins."""
    begun = on_up()
    if alarm is None:
        return
    if begun is None:
        alarm.start()
    else:
        begun.add_done_callback(lambda _: alarm.start())


def _nothing() -> None:
    """Nobody waits for it."""


def run(options: argparse.Namespace, on_up: Callable[[], Future[Any] | None] = _nothing) -> int:
    """Capture until stopped; ``statuses.EMPTY`` if that went well and brought no packet. ``on_up`` is called when
    packets can come; the duration counts from the end of what it began, if it began something."""
    from vpcshark.capture.services import Services

    if options.json and options.file == "-":
        raise InputError("Standard output is for the packets, or for what --json says.", "Name a file with -w.")
    bounds = limits.of(options)
    selection, wanted, name = _wanted(options)
    stop, services = Stop(), Services(ask=console.ask if console.has_person() else None)
    form = recording.form_of(options.format)
    recorder = recording.Recorder(name, stop, bounds, form, SystemClock(), recording.open_file)
    reasons: list[str] = []
    sink, follower = _diagnosed(recorder) if options.diagnose else (recorder, None)
    over = partial(stop.request, f"{bounds.duration:g} seconds are over")
    alarm = threads.alarm(bounds.duration, over, name="end of the duration")
    course = Course(partial(_begin, on_up, alarm if bounds.duration else None), reasons.extend, reasons.append)
    with Watch(stop, parent=lambda: 0) as watch:
        if name == "-":
            watch.add(sys.stdout.fileno(), _is_read, "nobody reads standard output any more")
        try:
            services.capture(selection, wanted, sink, stop, console.ConsoleStatus(console.err()), course)
        finally:
            alarm.cancel()
            recorder.close()
            _drop_if_empty(recorder)
            found = follower.finish() if follower is not None else None
    recorder.check()
    if name == "-" and not _is_read():  # "vpcshark capture … -w - | head": whoever has enough is not told more
        return 0
    if options.json:
        console.write_json(summary(selection, recorder, reasons, found))
    _tell(selection, recorder, reasons)
    if found is not None and follower is not None:
        _tell_found(found, follower.found)
    if options.trace:
        print_timeline(services.timeline)
    return statuses.OK if recorder.packets else statuses.EMPTY


def _diagnosed(recorder: recording.Recorder) -> tuple[Sink, Follower]:
    """The recorder with a diagnosis beside it, which tells on stderr what is proved."""
    from vpcshark.capture.diagnosing import tee
    from vpcshark.capture.diagnosing.follower import Follower

    follower = Follower(b"", lambda told: console.err().print(console.styled(told.text, "bold red"), soft_wrap=True))
    both = tee.Tee(recorder, lambda: recorder.packets)
    both.follow(follower)
    return both, follower


def _tell_found(found: Summary, told: Sequence[Told]) -> None:
    """What is only likely, or not known: that waits until all packets are there."""
    known = {each.sentence for each in told}
    for each in found.findings:
        if each.sentence not in known:
            console.err().print(console.styled(each.text, "yellow"), soft_wrap=True)
    console.err().print(console.styled(found.text), soft_wrap=True)


def _wanted(options: argparse.Namespace) -> tuple[Selection, CaptureOptions, str]:
    """What to capture from, how, and into which file. InputError."""
    known = checked_settings.load()
    selection, defaults = sources(options.source, known)
    wanted = resolve.resolve(_given(options), os.environ, options.filter, defaults)
    logs.set_up(wanted.log_level, wanted.log_file)
    suffix = "pcapng" if options.format == "pcapng" else "pcap"
    name = options.file or f"{selection.label}-{time.strftime('%Y%m%d-%H%M%S')}.{suffix}"
    ids, wanted = account.named_enis(selection.enis, wanted, known)
    return replace(selection, enis=tuple(dict.fromkeys(ids))), wanted, name


def summary(
    selection: Selection, recorder: recording.Recorder, reasons: Sequence[str], found: Summary | None
) -> dict[str, Any]:
    """The fields that scripts rely on (``--json``). ``files``: those that are kept; ``reasons``: why none came;
    ``found``: what a diagnosis beside it says."""
    more = {"findings": [each.as_json for each in found.findings]} if found is not None else {}
    return {
        "source": str(selection),
        "packets": recorder.packets,
        "files": recorder.paths,
        "reasons": [] if recorder.packets else [*reasons],
        **more,
    }


def _given(options: argparse.Namespace) -> dict[str, str]:
    """The dialog's options, with -s as what it is there. InputError if both are given."""
    given = command_line.given(options)
    if options.snaplen is None:
        return given
    if "packet-length" in given:
        raise InputError("-s and --packet-length are the same.", "Give one of them.")
    return {**given, "packet-length": options.snaplen}


def _tell(selection: Selection, recorder: recording.Recorder, reasons: Sequence[str]) -> None:
    """How many packets there are, and where; of none, why. (Where no reader came to the end, nobody asks.)"""
    console.err().print(f"{many(recorder.packets, 'packet')} captured from {selection}{_into(recorder)}")
    if not recorder.packets:
        why = " ".join(reasons) or "The reason is not known; vpcshark preflight looks for what would keep packets away."
        console.err().print(f"No packet came. {why}")


def sources(words: Sequence[str], known: settings.Settings) -> tuple[Selection, Mapping[str, str]]:
    """What the words mean, with the defaults of its options: a capture of that name in the settings, or ENIs.
    InputError."""
    if len(words) == 1 and words[0].removeprefix(NAMED) in known.captures:
        return named(words[0].removeprefix(NAMED), known)
    return of_words(words), known.general


def print_timeline(timeline: Timeline) -> None:
    """Every step with its begin, end and length in milliseconds."""
    shown = console.table()
    for heading in ("STEP", "BEGIN ms", "END ms", "TAKES ms"):
        shown.add_column(heading, justify="left" if heading == "STEP" else "right")
    for step in timeline.steps():
        times = (step.began, step.ended, step.ended - step.began)
        shown.add_row(step.name, *(f"{seconds * 1000:.0f}" for seconds in times))
    console.err().print(shown)


def _is_read() -> bool:
    """Is the reader of our standard output still there? (POLLERR on the writing end of a pipe says no.)"""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not poll.poll(0)


def _drop_if_empty(recorder: recording.Recorder) -> None:
    """A file that holds no packet because the capture failed is no result. What is no file (/dev/null) stays."""
    if not recorder.packets and sys.exc_info()[0] is not None:
        for path in recorder.paths:
            if path != "-" and Path(path).is_file():
                Path(path).unlink(missing_ok=True)


def _into(recorder: recording.Recorder) -> str:
    if recorder.paths == ["-"]:
        return ""
    first, last = recorder.paths[0], recorder.paths[-1]
    return f" into {last}" if first == last else f" into {len(recorder.paths)} files, {first} to {last}"
