"""``vpcshark decap IN OUT``: takes the outer headers off a capture that somebody made on a target.

Reads pcap and pcapng, writes pcapng. Must not know how headers come off: that is ``wire.overlay.decap``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence

from vpcshark import __version__, threads
from vpcshark.capture.contract.sink import FileSink, SinkClosed
from vpcshark.cli.decapreport import insist_on_frames, summary
from vpcshark.cli.infile import InFile
from vpcshark.cli.outfile import OutFile
from vpcshark.cli.reading import Progress, no_collector
from vpcshark.errors import InputError
from vpcshark.text import line, many
from vpcshark.wire.bpf.kernel_filter import asks_direction
from vpcshark.wire.bpf.libpcap import FilterError, Matcher, compile_filter
from vpcshark.wire.capture_files.records import Blocks
from vpcshark.wire.overlay.decap import Decapsulator
from vpcshark.wire.overlay.decap_stream import Stream, worker_of
from vpcshark.wire.overlay.vxlan import STANDARD_PORTS, VXLAN_GPE, Ports

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def run(options: argparse.Namespace) -> int:
    """Decapsulate a file. InputError: it is not what it should be; what was good before is written by then."""
    engine = engine_of(options)
    if options.out == "-" and sys.stdout.isatty():
        raise InputError("A terminal can't show pcapng.", "Name a file, or lead standard output into a program.")
    if "-" not in (options.file, options.out) and _is_same(options.file, options.out):
        raise InputError(f"{options.out} is the file to be read.", "Name another file to write.")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's linear algebra is not used: its threads only cost time
    _keep_freed_memory()
    source, out = InFile.open(options.file), OutFile(options.out)
    job = Job(source, engine, out.open)
    try:
        _finish(job, source, out)
        insist_on_frames(source.name, engine)
        out.keep()
    except SinkClosed:  # the reader of our output has gone: "vpcshark decap IN - | head"
        return 0
    finally:
        out.drop()
        for remark in job.remarks():
            sys.stderr.write(f"{line(remark)}\n")
    sys.stderr.write(f"{line(summary(engine))}\n")
    return 0


def _keep_freed_memory() -> None:
    """Have glibc reuse the memory of blocks that are written: else the kernel takes each back and clears the next one,
    which is a sixth of all the work (mallopt(3)). Other systems know no such thing.
    """
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, 1 << 30)
            mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def _finish(job: Job, source: InFile, out: OutFile) -> None:
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(no_collector())
            stack.callback(job.close)
            progress = stack.enter_context(Progress(source))
            job.run(progress.show)
    except (ValueError, OSError) as exc:
        reason = f"{exc.strerror}." if isinstance(exc, OSError) else str(exc)
        raise InputError(f"{source.name}: {reason}", _kept(job, out)) from exc


def _kept(job: Job, out: OutFile) -> str:
    """What is in the output when reading ended early."""
    taken = job.taken
    if not taken and out.path != "-":
        return "Nothing is written."
    place = "the output" if out.path == "-" else out.salvage()
    untouched = "" if place in ("the output", out.path) else f" {out.path} is as it was."
    return f"{many(taken, 'frame')} from before that are in {place}.{untouched}"


def engine_of(options: argparse.Namespace) -> Decapsulator:
    """The engine that the options ask for. InputError for a filter that cannot be asked of a file."""
    text = options.filter.strip()
    return Decapsulator(options.vnis, options.macs, _matcher(text) if text else None, text, ports_of(options.ports))


def ports_of(given: Sequence[int]) -> Ports:
    """VXLAN's, if none is given: IANA's for VXLAN and for VXLAN-GPE, which Wireshark goes by, too."""
    first, *more = given or (STANDARD_PORTS.vxlan, VXLAN_GPE)
    return Ports(vxlan=first, more=tuple(more))


def _matcher(text: str) -> Matcher:
    """InputError with libpcap's words for what is no filter."""
    try:
        program = compile_filter(text)
    except FilterError as exc:
        raise InputError(f"This is not a capture filter: {exc}.", "See pcap-filter(7) for how to write one.") from exc
    if asks_direction(program):  # libpcap knows a direction of live packets alone
        raise InputError(
            "A filter cannot ask which way the frames of a file go.",
            "Leave out inbound and outbound; ether src and ether dst with the interface's MAC say the same.",
        )
    return Matcher(program)


class Job:
    """One file on its way from ``source`` to what ``open_sink`` opens, once it is clear that this is a capture.

    Two threads, each of which makes blocks and then writes them while the other one makes the next: so what is written
    is still in the cache of the processor that made it.
    """

    def __init__(self, source: InFile, engine: Decapsulator, open_sink: Callable[[], FileSink]) -> None:
        self._source = source
        self._engine = engine
        self._open_sink = open_sink
        self._sink: FileSink | None = None
        self._stream = Stream(worker_of(engine), f"vpcshark {__version__}")
        self._making, self._writing = threading.Lock(), threading.Lock()  # taken in this order: the file's
        self._is_over = False
        self._wrong: ValueError | OSError | None = None

    def run(self, show: Callable[[], None]) -> None:
        """All of it. ``ValueError`` with the byte offset at what is no capture, ``OSError`` from reading, and as
        ``Sink.write``; what was good before is written by then. ``show`` is called by one thread at a time."""
        threads.together([lambda: self._work(show)] * 2)
        if self._wrong is not None:
            raise self._wrong

    def _work(self, show: Callable[[], None]) -> None:
        try:
            while self._turn(show):
                pass
        finally:
            self._is_over = True  # also for the other one, if this one failed

    def _turn(self, show: Callable[[], None]) -> bool:
        """Make the blocks of one chunk and write them; whether more may follow."""
        with self._making:
            blocks = [] if self._is_over else self._make()
            show()
            self._writing.acquire()  # before another one makes the next: the order of the file
        try:
            for block in blocks:
                self._write(block)
        finally:
            self._writing.release()
        return not self._is_over

    def _make(self) -> list[Blocks]:
        """What the next chunk gives. What is wrong in it waits until all that comes before it is written."""
        made: list[Blocks] = []
        try:
            count = self._source.readinto(self._stream.room())
            for blocks in self._stream.take(count) if count else ():
                made.append(blocks)  # one by one: these are kept if the next one fails
            if not count:
                self._is_over = True
                self._stream.finish()
        except (ValueError, OSError) as wrong:
            self._is_over, self._wrong = True, wrong
        return made

    def _write(self, blocks: Blocks) -> None:
        if self._sink is None:
            self._sink = self._open_sink()
        if blocks:
            self._sink.write(blocks)

    def remarks(self) -> list[str]:
        """What the user should know of the file."""
        return [f"{self._source.name}: {remark}" for remark in self._stream.remarks]

    @property
    def taken(self) -> int:
        """How many frames are in the output."""
        return self._engine.counts.taken if self._sink is not None else 0

    def close(self) -> None:
        """Close both files."""
        self._source.close()
        if self._sink is not None:
            self._sink.close()


def _is_same(first: str, second: str) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False
