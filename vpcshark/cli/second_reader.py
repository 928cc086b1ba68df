"""tshark, where it is there, run once over the packets of suspicious connections. Must not know what its words mean.

Whatever it does (it is missing, too old, crashes, hangs, says too much), the report is told; what failed is a remark.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from vpcshark.diagnose import second
from vpcshark.diagnose.excerpt import Excerpt
from vpcshark.diagnose.finding import Frame
from vpcshark.diagnose.flows import Flow, flow_of
from vpcshark.diagnose.report import Report
from vpcshark.diagnose.table import Point, Table
from vpcshark.text import cut, line

MOST_BYTES, MOST_SAID, SECONDS = 20_000_000, 50_000_000, 20.0
Pieces = Callable[[str], Iterator[bytes]]


class TsharkError(Exception):
    """Why it said nothing, as the end of a sentence."""


class Tshark:
    """The program. ``seconds`` bounds a call, ``most`` what it may say."""

    def __init__(self, program: str | None, seconds: float = SECONDS, most: int = MOST_SAID) -> None:
        self._program, self._seconds, self._most = program, seconds, most

    @classmethod
    def here(cls) -> Tshark:
        """That of the PATH."""
        return cls(shutil.which("tshark"))

    @property
    def is_there(self) -> bool:
        """Is there one?"""
        return self._program is not None

    def read(self, file: Path, folder: Path) -> str:
        """Its columns of ``file``. It has ``folder`` in place of the user's: no settings, no scripts, no extcaps."""
        assert self._program is not None
        own = {"WIRESHARK_CONFIG_DIR": str(folder), "WIRESHARK_EXTCAP_DIR": str(folder), "HOME": str(folder)}
        out = folder / "said"
        with out.open("wb") as said:
            try:
                running = subprocess.Popen(
                    [self._program, *second.arguments(str(file))],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.PIPE,
                    env={**os.environ, **own},
                    start_new_session=True,
                )
            except OSError as error:
                raise TsharkError(f"it could not be started: {error.strerror}") from error
            self._wait(running)
        return out.read_bytes()[: self._most].decode("utf-8", "replace")

    def _wait(self, running: subprocess.Popen[bytes]) -> None:
        try:
            _, errors = running.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired as error:
            with suppress(ProcessLookupError):
                running.kill()
            running.communicate()
            raise TsharkError(f"it did not end within {self._seconds:g} seconds") from error
        if running.returncode < 0:
            raise TsharkError(f"it crashed (signal {-running.returncode})")
        if running.returncode:
            last = line(errors.decode("utf-8", "replace").strip().rpartition("\n")[2])
            raise TsharkError(f"it ended with status {running.returncode}: {cut(last, 160)}")


def ask(report: Report, tables: Sequence[Table], files: Sequence[str], pieces: Pieces, tshark: Tshark) -> Report:
    """The report with what tshark reads beside it. ``pieces`` gives a file's bytes again."""
    flows = second.suspicious(report)
    if not flows or not tshark.is_there or "-" in files:
        return report
    chosen = _frames(flows, tables)
    try:
        with TemporaryDirectory(prefix="vpcshark-") as place:
            folder = Path(place)
            kept = _excerpt(folder / "some.pcapng", files, chosen, pieces)
            read = {
                kept[row.number - 1]: row
                for row in second.rows(tshark.read(folder / "some.pcapng", folder))
                if 0 < row.number <= len(kept)
            }
    except (TsharkError, OSError, ValueError) as error:
        why = f"{error.strerror}" if isinstance(error, OSError) else line(str(error)).removesuffix(".")
        remark = f"tshark read nothing of the application layer: {why}; what our own readers know is told"
        return Report(report.findings, (*report.remarks, remark))
    return second.joined(report, read, chosen, "tshark")


def _frames(flows: Sequence[Flow], tables: Sequence[Table]) -> dict[Frame, Flow]:
    """The packets of these connections that are in the tables."""
    wanted = {second.ends_of(flow) for flow in flows}
    found: dict[Frame, Flow] = {}
    for table in tables:
        for point in table.points.values():
            found.update(_of_point(point, flows, wanted))
    return found


def _of_point(point: Point, flows: Sequence[Flow], wanted: set[second.Ends]) -> Iterator[tuple[Frame, Flow]]:
    packets = point.columns.packets_of(flows) if point.columns is not None else []
    for packet in (*packets, *point.others):
        flow = flow_of(packet)
        if second.ends_of(flow) in wanted:
            yield Frame(point.file, packet.number), flow


def _excerpt(path: Path, files: Sequence[str], chosen: Mapping[Frame, Flow], pieces: Pieces) -> list[Frame]:
    """Write these packets, each file as a section; in order, as far as there is room."""
    kept, size = [], 0
    with path.open("wb") as capture:
        for place, file in enumerate(files):
            numbers = {frame.number for frame in chosen if frame.file == place}
            if not numbers or size >= MOST_BYTES:
                continue
            excerpt = Excerpt(numbers)
            for piece in pieces(file):
                for block in excerpt.feed(piece):
                    capture.write(block)
                    size += len(block)
                if size >= MOST_BYTES:
                    break
            kept += [Frame(place, number) for number in sorted(numbers)]
    return kept
