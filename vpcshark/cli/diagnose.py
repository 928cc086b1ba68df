"""``vpcshark diagnose FILE…``: what do these packets prove? Must not know how that is found out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from vpcshark import __version__
from vpcshark.cli import console, diagnose_screen, diagnose_walk, outfile
from vpcshark.cli.infile import InFile
from vpcshark.cli.outfile import OutFile
from vpcshark.cli.reading import Progress, no_collector
from vpcshark.diagnose import report as reports
from vpcshark.diagnose.annotate import Annotator, comments
from vpcshark.diagnose.chosen import Chosen, Graph
from vpcshark.diagnose.report import Examination, Report
from vpcshark.diagnose.table import Point, Table
from vpcshark.errors import InputError
from vpcshark.text import line

HEALTHY, FOUND, UNDECIDED = 0, 1, 3
_PIECE = 1 << 20


def run(options: argparse.Namespace) -> int:
    """Read, judge, tell; 0 healthy, 1 findings, 3 cannot tell."""
    _check(options)
    walk = diagnose_walk.Walk(options)
    page = partial(_page, options) if options.html else None
    found = examined(options.files, page=page, refine=partial(_refined, options, walk))
    if options.annotate:
        _annotate(options.files, found, options.annotate)
    if options.json:
        console.write_json(reports.as_json(found, options.files))
    else:
        diagnose_screen.show(found, options.files, console.out())
    return status_of(found)


def _refined(options: argparse.Namespace, walk: diagnose_walk.Walk, found: Report, tables: Sequence[Table]) -> Report:
    """With what tshark and a walk say of it."""
    from vpcshark.diagnose import second

    if not options.no_tshark and second.suspicious(found):
        from vpcshark.cli import second_reader

        found = second_reader.ask(found, tables, options.files, _again, second_reader.Tshark.here())
    return walk.named(found)


def examined(
    files: Sequence[str],
    look: Callable[[Point], None] | None = None,
    page: Callable[[Report, Sequence[Table], Examination], None] | None = None,
    refine: Callable[[Report, Sequence[Table]], Report] | None = None,
) -> Report:
    """All files judged together. ``look`` gets every point with all that it held, before anything is let go of;
    ``refine`` and ``page`` what was found, with the tables while they are there."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's linear algebra is not used: its threads only cost time
    examination = Examination()

    def relieve(point: Point) -> None:
        if look is not None:
            look(point)
        examination.relieve(point)

    with no_collector():
        tables = [read(path, place, relieve if len(files) == 1 else None) for place, path in enumerate(files)]
        points = [point for table in tables for point in table.all_points]
        if look is not None:
            for point in points:
                look(point)
        found = examination.finish(points)
        if refine is not None:
            found = refine(found, tables)
        if page is not None:
            page(found, tables, examination)
        return found


def status_of(found: Report) -> int:
    """The exit status that says it."""
    if found.is_healthy:
        return HEALTHY
    return UNDECIDED if found.is_undecided else FOUND


def _chosen(files: Sequence[str], found: Report, tables: Sequence[Table], examination: Examination) -> Chosen | None:
    """The connections that are drawn. A file that was let go in part is read again; None where that can't be."""
    chosen = Chosen(found.findings)
    if examination.has_let_go and "-" in files:
        return None
    if examination.has_let_go:
        tables = [read(files[0], 0, chosen.relieve)]
    for table in tables:
        for point in table.points.values():
            chosen.take(point)
    return chosen


def _page(options: argparse.Namespace, found: Report, tables: Sequence[Table], examination: Examination) -> None:
    """Write it. InputError where that can't be."""
    from vpcshark.cli.drawing import findings

    outfile.write(options.html, findings.page(*drawn(options.files, found, tables, examination)))


def drawn(
    files: Sequence[str], found: Report, tables: Sequence[Table], examination: Examination
) -> tuple[Report, Sequence[str], Mapping[int, Sequence[Graph]]]:
    """What a page of these findings shows: with a remark where there can't be graphs, the files, and the graphs."""
    chosen = _chosen(files, found, tables, examination)
    if chosen is not None:
        return found, files, chosen.graphs()
    lost = "standard input is too long to be kept and can't be read twice, so no graphs are drawn"
    return replace(found, remarks=(*found.remarks, lost)), files, {}


def check_files(files: Sequence[str]) -> None:
    """InputError for a file that is named twice."""
    if len(set(files)) < len(files):
        raise InputError("The same file is named twice.", "Name each capture point's file once.")


def _check(options: argparse.Namespace) -> None:
    check_files(options.files)
    if options.annotate and "-" in options.files:
        raise InputError("Standard input can't be read twice, which --annotate needs.", "Name a file.")
    for out in filter(None, (options.annotate, options.html)):
        if out in options.files or options.annotate == options.html:
            raise InputError(f"{out} is named twice: it would be overwritten.", "Name another file to write.")


def read(path: str, place: int, relieve: Callable[[Point], None] | None = None) -> Table:
    """One file's packets. Stderr says what is cut off at the end; InputError for what is no capture."""
    source, table = InFile.open(path), Table(place, relieve=relieve, name=line(os.path.basename(path)))
    try:
        with Progress(source) as progress:
            while count := source.readinto(table.room()):
                table.take(count)
                progress.show()
        table.finish()
    except (ValueError, OSError) as exc:
        reason = f"{exc.strerror}." if isinstance(exc, OSError) else str(exc)
        if not table.frames:
            raise InputError(f"{source.name}: {reason}", "Name a pcap or pcapng file.") from exc
        sys.stderr.write(f"{line(source.name)}: {line(reason)} The {table.frames} packets before that are judged.\n")
    finally:
        source.close()
    return table


def _annotate(files: Sequence[str], found: Report, path: str) -> None:
    out = OutFile(path)
    try:
        sink = out.open()
        try:
            for place, file in enumerate(files):
                made = Annotator(comments(found.findings, place), f"vpcshark {__version__}")
                for piece in _again(file):
                    for block in made.feed(piece):
                        sink.write(block)
        finally:
            sink.close()
        out.keep()
    finally:
        out.drop()


def _pieces(source: InFile) -> Iterator[bytes]:
    """The file's bytes, as far as they can be read: that it is cut off was said before."""
    room = bytearray(_PIECE)
    try:
        while count := source.readinto(memoryview(room)):
            yield bytes(room[:count])
    except ValueError:
        pass
    finally:
        source.close()


def _again(path: str) -> Iterator[bytes]:
    return _pieces(InFile.open(path))
