"""``vpcshark capture``: a capture without Wireshark, with its dialog's options. Must not know how a capture works."""

from __future__ import annotations

import argparse
import os
import re
import select
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vpcshark import logs, settings
from vpcshark.capture.catalog import NAMED
from vpcshark.capture.selection import Selection, of_words
from vpcshark.capture.sink import FileSink, Sink
from vpcshark.capture.stop import Stop
from vpcshark.capture.timeline import Timeline
from vpcshark.cli import console
from vpcshark.extcap import command_line as command_line
from vpcshark.extcap import options as table
from vpcshark.extcap.source import named
from vpcshark.extcap.watch import Watch
from vpcshark.wire import pcapng
from vpcshark.wire.blocks import block as encoded


def add(commands: Any) -> None:
    """Declare the command; the options of the dialog come from the one table."""
    parser = commands.add_parser(
        "capture",
        help="capture from one or several ENIs into a file or a pipe",
        description="Capture from ENIs, decapsulated, as pcapng with an interface for each. Ctrl-C ends it; nothing "
        "stays in the account. An ENI that is named and cannot be mirrored is an error, before anything is made; of "
        "those that a tag, group or load balancer means, what cannot be mirrored is left out, and said.",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        nargs="+",
        help='what to capture from: ids of "vpcshark interfaces"; tag:KEY=VALUE (several: all must fit; * for any '
        "text), asg:NAME (the instances of an Auto Scaling group), lb:NAME (the targets of a load balancer); or the "
        "name of a capture in the settings",
    )
    parser.add_argument(
        "-w", dest="file", metavar="FILE", help="where to (-: standard output; default: SOURCE-TIME.pcapng)"
    )
    parser.add_argument("-f", dest="filter", metavar="FILTER", default="", help="capture filter, as in pcap-filter(7)")
    parser.add_argument("-c", dest="count", metavar="N", type=_count, default=0, help="stop after N packets")
    parser.add_argument("-a", dest="autostop", metavar="duration:S", type=_autostop, default=0.0, help="stop after S s")
    parser.add_argument("--trace", action="store_true", help="print a timeline of the capture's steps at its end")
    command_line.add_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Capture until stopped."""
    from vpcshark.capture.services import Services

    selection, defaults = sources(options.source)
    wanted = table.resolve(command_line.given(options), os.environ, options.filter, defaults)
    logs.set_up(wanted.log_level, wanted.log_file)
    name = options.file or (
        "-" if not sys.stdout.isatty() else f"{selection.label}-{time.strftime('%Y%m%d-%H%M%S')}.pcapng"
    )
    stop = Stop()
    counter = Counter(FileSink.open(name), stop, options.count)
    services = Services()
    alarm = threading.Timer(options.autostop, stop.request, [f"{options.autostop:g} seconds are over"])
    with Watch(stop, parent=lambda: 0) as watch:
        if name == "-":
            watch.add(sys.stdout.fileno(), _is_read, "nobody reads standard output any more")
        if options.autostop:
            alarm.start()
        try:
            services.capture(selection, wanted, counter, stop, console.ConsoleStatus(console.err()))
        finally:
            alarm.cancel()
            counter.close()
            _drop_if_empty(name, counter)
    console.err().print(f"{counter.packets} packets captured from {selection}" + _into(name))
    if options.trace:
        print_timeline(services.timeline)
    return 0


def sources(words: Sequence[str]) -> tuple[Selection, Mapping[str, str]]:
    """What the words mean, with the defaults of its options: a capture of that name in the settings, or ENIs.
    InputError."""
    known = settings.load()
    if len(words) == 1 and words[0].removeprefix(NAMED) in known.captures:
        return named(words[0].removeprefix(NAMED), known)
    return of_words(words), known.defaults


class Counter:
    """A sink before a sink: counts the packets that pass, and asks to stop when there are enough."""

    def __init__(self, sink: Sink, stop: Stop, enough: int) -> None:
        self._sink = sink
        self._stop = stop
        self._enough = enough
        self._reader = pcapng.Reader()
        self._lock = threading.Lock()
        self._passed = 0
        self.packets = 0

    def write(self, data: bytes) -> None:
        """Pass ``data`` on up to the last wanted packet; behind it only blocks that are no packets (the counts)."""
        with self._lock:
            self._write(data)

    def _write(self, data: bytes) -> None:
        begin, self._passed = self._passed, self._passed + len(data)
        for block in self._reader.feed(data):
            if self.is_full:
                self._sink.write(b"" if block.kind == pcapng.PACKET else encoded(block.kind, block.body))
            elif block.kind == pcapng.PACKET:
                self.packets += 1
                if self.is_full:
                    self._sink.write(data[: block.offset + len(block.body) + 12 - begin])
                    self._stop.request(f"{self._enough} packets are captured")
        if not self.is_full:
            self._sink.write(data)

    @property
    def is_full(self) -> bool:
        """Are there as many packets as were wanted?"""
        return 0 < self._enough <= self.packets

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()


def print_timeline(timeline: Timeline) -> None:
    """Every step with its begin, end and length in milliseconds."""
    shown = console.table()
    for heading in ("STEP", "BEGIN ms", "END ms", "TAKES ms"):
        shown.add_column(heading, justify="left" if heading == "STEP" else "right")
    for step in timeline.steps():
        times = (step.began, step.ended, step.ended - step.began)
        shown.add_row(step.name, *(f"{seconds * 1000:.0f}" for seconds in times))
    console.err().print(shown)


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,11}", text):
        raise argparse.ArgumentTypeError(f'"{text}" is not a number of packets')
    return int(text)


def _autostop(text: str) -> float:
    found = re.fullmatch(r"duration:([0-9]{1,9}(?:\.[0-9]+)?)", text)
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f'"{text}" is not duration:SECONDS')
    return float(found[1])


def _is_read() -> bool:
    """Is the reader of our standard output still there? (POLLERR on the writing end of a pipe says no.)"""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not poll.poll(0)


def _drop_if_empty(name: str, counter: Counter) -> None:
    """A file that holds no packet because the capture failed is no result. What is no file (/dev/null) stays."""
    if name != "-" and not counter.packets and sys.exc_info()[0] is not None and Path(name).is_file():
        Path(name).unlink(missing_ok=True)


def _into(name: str) -> str:
    return "" if name == "-" else f" into {name}"
