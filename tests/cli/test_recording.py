"""What ``vpcshark capture`` writes: limits and files as dumpcap has them, as Wireshark's own tools read them."""

from __future__ import annotations

import argparse
import os
import re
import select
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpcshark import threads
from vpcshark.capture.contract.sink import FileSink, SinkClosed
from vpcshark.capture.contract.stop import Stop
from vpcshark.capture.tcpdump.counts import CountsInFile
from vpcshark.cli import limits
from vpcshark.cli.limits import Limits
from vpcshark.cli.recording import Form, PcapForm, Recorder, open_file
from vpcshark.errors import InputError, OutputError
from vpcshark.wire.capture_files import pcapng

KEY_LINE = b"CLIENT_RANDOM " + b"a" * 64 + b" " + b"b" * 96 + b"\n"


class Ticking:
    """A clock that its test sets."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def head() -> bytes:
    names = pcapng.name_resolution([("10.0.0.1", "web-1")])
    section = pcapng.section_header(application="vpcshark")
    return (
        section + pcapng.interface_description("eni-1", "web-1", "tcp") + pcapng.interface_description("eni-2") + names
    )


def packet(number: int, size: int = 100) -> bytes:
    nanoseconds = 1_800_000_000_000_000_000 + number * 1_000_001
    return pcapng.enhanced_packet(number % 2, nanoseconds, number.to_bytes(4, "big") + bytes(size - 4), size + 7)


def stream(packets: int, secrets_at: int = -1) -> bytes:
    """A capture of so many packets, with a secret in it, and the counts at its end."""
    parts = [head()]
    for number in range(packets):
        parts += [pcapng.decryption_secrets(KEY_LINE)] if number == secrets_at else []
        parts.append(packet(number))
    return b"".join([*parts, pcapng.interface_statistics(0, 6, received=packets, dropped=0)])


def record(
    path: Path, data: bytes, wanted: Limits, piece: int = 1000, form: Form | None = None
) -> tuple[Recorder, Stop]:
    stop = Stop()
    recorder = Recorder(str(path), stop, wanted, form or Form(), Ticking(), open_file)
    write_all(recorder, data, piece)
    recorder.close()
    return recorder, stop


def write_all(recorder: Recorder, data: bytes, piece: int) -> None:
    for at in range(0, len(data), piece):
        recorder.write(data[at : at + piece])


def numbers(path: str | Path) -> list[int]:
    """Which packets tshark finds in a file, by the number that each has in its first bytes."""
    command = ["tshark", "-r", str(path), "-T", "fields", "-e", "eth.dst"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [int(line.replace(":", "")[:8], 16) for line in lines]


def about(path: str | Path) -> str:
    return subprocess.run(["capinfos", "-cIE", str(path)], capture_output=True, text=True, check=True).stdout


@given(st.integers(0, 9), st.integers(1, 12), st.integers(1, 60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
def test_exactly_so_many_packets_pass_however_the_stream_is_cut(tmp_path, packets: int, enough: int, piece: int):
    """Whole blocks, at most N packets, the counts kept; stop is asked for with the N-th."""
    path = tmp_path / "x.pcapng"
    recorder, stop = record(path, stream(packets), Limits(packets=enough), piece)
    kinds = [block.kind for block in pcapng.read_blocks(path.read_bytes())]
    assert kinds.count(pcapng.PACKET) == recorder.packets == min(packets, enough)
    assert kinds[-1] == pcapng.STATISTICS
    assert stop.requested() == (packets >= enough)


def test_what_another_thread_writes_meanwhile_comes_after(tmp_path):
    """Packets, counts and secrets come by threads of their own: no block is torn by another."""
    path = tmp_path / "x.pcapng"
    recorder = Recorder(str(path), Stop(), Limits(), Form(), Ticking(), open_file)
    recorder.write(head())
    counts = pcapng.interface_statistics(0, 6, received=3, dropped=0)
    threads = [threading.Thread(target=lambda: [recorder.write(each) for each in [packet(1), counts] * 50])]
    threads += [threading.Thread(target=lambda: [recorder.write(packet(2)) for _ in range(100)])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    assert (recorder.packets, len(numbers(path))) == (150, 150)


TURNS = [
    (Limits(turn_packets=10), [10, 10, 5]),
    (Limits(turn_size=1000), None),
    (Limits(turn_packets=10, files=2), [10, 10]),
    (Limits(turn_packets=10, kept=2), [10, 5]),
    (Limits(turn_packets=10, packets=13), [10, 3]),
]


@pytest.mark.thin(4)
@pytest.mark.parametrize(("wanted", "counts"), TURNS)
@pytest.mark.parametrize("piece", [50, 100_000])
def test_every_file_has_all_that_is_known(tmp_path, wanted, counts, piece):
    """Interfaces, names, and the secrets of all that came before; each can be read alone, and no packet is missing."""
    recorder, _ = record(tmp_path / "x.pcapng", stream(25, secrets_at=3), wanted, piece)
    assert sorted(map(str, tmp_path.iterdir())) == recorder.paths
    found = [numbers(path) for path in recorder.paths]
    assert counts is None or [len(each) for each in found] == counts
    assert len(found) > 1
    kept = [number for each in found for number in each]
    assert kept == list(range(kept[0], kept[0] + len(kept)))
    for number, path in enumerate(recorder.paths, 1 if not wanted.kept else 2):
        assert re.fullmatch(rf"x_{number:05}_20\d{{12}}\.pcapng", Path(path).name), "dumpcap's names"
        kinds = [block.kind for block in pcapng.read_blocks(Path(path).read_bytes())]
        assert kinds[:4] == [pcapng.SECTION, pcapng.INTERFACE, pcapng.INTERFACE, pcapng.NAMES]
        assert kinds.count(pcapng.SECRETS) == 1
        assert "Name = eni-1" in about(path)
        assert "Name = eni-2" in about(path)


@pytest.mark.thin(2)
@pytest.mark.parametrize(("wanted", "times", "files"), [
    (Limits(turn_duration=10), [0, 9, 10, 11, 25], [2, 2, 1]),
    (Limits(turn_interval=60), [0, 59, 60, 61, 180], [2, 2, 1]),
])  # fmt: skip
def test_files_turn_by_the_clock(tmp_path, wanted, times, files):
    """After so many seconds, and at whole multiples of them."""
    clock = Ticking()
    begun = clock.time
    recorder = Recorder(str(tmp_path / "x.pcapng"), Stop(), wanted, Form(), clock, open_file)
    recorder.write(head())
    for number, seconds in enumerate(times):
        clock.time = begun + seconds
        recorder.write(packet(number))
    recorder.close()
    assert [len(numbers(path)) for path in recorder.paths] == files


def test_a_file_of_a_size_ends_there(tmp_path):
    """-a filesize:1: the packet that reaches it is the last."""
    recorder, stop = record(tmp_path / "x.pcapng", stream(50), Limits(size=3000))
    assert stop.requested()
    assert 3000 <= (tmp_path / "x.pcapng").stat().st_size < 3000 + 150 + 100
    assert len(numbers(tmp_path / "x.pcapng")) == recorder.packets < 25


@pytest.mark.thin(4)
@pytest.mark.parametrize(("name", "shown"), [("pcap", "pcap"), ("nsecpcap", "nanosecond libpcap")])
@pytest.mark.parametrize("wanted", [Limits(), Limits(turn_packets=4)])
def test_pcap_has_the_same_packets(tmp_path, name, shown, wanted):
    """Bytes, times and lengths, as tshark reads them from both."""
    fields = [word for field in ("frame.time_epoch", "frame.len", "frame.cap_len", "eth.dst") for word in ("-e", field)]

    def told(recorder: Recorder) -> list[str]:
        runs = [["tshark", "-r", path, "-T", "fields", *fields] for path in recorder.paths]
        return "".join(
            subprocess.run(run, capture_output=True, text=True, check=True).stdout for run in runs
        ).splitlines()

    plain = told(record(tmp_path / "x.pcapng", stream(9), Limits())[0])
    recorder, _ = record(tmp_path / "x.pcap", stream(9), wanted, form=PcapForm(name))
    found = told(recorder)
    unit = Decimal("1e-9" if name == "nsecpcap" else "1e-6")
    times = [[Decimal(line.split("\t")[0]).quantize(unit, ROUND_DOWN) for line in each] for each in (plain, found)]
    assert times[0] == times[1]
    assert [line.split("\t")[1:] for line in found] == [line.split("\t")[1:] for line in plain]
    assert "Ethernet" in about(recorder.paths[0])


# The command line


def parsed(*words: str, file: str | None = None) -> Limits:
    parser = argparse.ArgumentParser()
    limits.add(parser)
    options = parser.parse_args(words)
    options.file = file
    return limits.of(options)


def test_limits_are_said_as_to_dumpcap():
    """Several at once; of -c and -a packets the smaller counts."""
    assert parsed("-a", "duration:1.5", "-a", "packets:9", "-c", "7") == Limits(duration=1.5, packets=7)
    assert parsed("-a", "filesize:5") == Limits(size=5000)
    assert parsed("-b", "filesize:5", "-b", "files:3", "-a", "files:9") == Limits(turn_size=5000, kept=3, files=9)
    assert parsed("-b", "interval:60", "-a", "filesize:7") == Limits(turn_interval=60, turn_size=7000)


@pytest.mark.parametrize("words", [
    ["-a", "duration"], ["-a", "duration:0"], ["-a", "interval:4"], ["-a", "packets:1.5"], ["-a", "filesize:2147484"],
    ["-b", "files:100001"], ["-b", "printname:x"], ["-c", "0"], ["-a", "duration:x"], ["-F", "erf"],
])  # fmt: skip
def test_limits_that_cannot_be(words, capsys):
    """argparse says which."""
    with pytest.raises(SystemExit):
        parsed(*words)
    assert words[1] in capsys.readouterr().err


@pytest.mark.parametrize(("words", "file"), [
    (["-b", "files:4"], None), (["-a", "files:4"], None), (["-b", "filesize:4"], "-"),
])  # fmt: skip
def test_limits_that_do_not_fit_together(words, file):
    """A ring without a turn; several files on standard output."""
    with pytest.raises(InputError):
        parsed(*words, file=file)


# A full disk


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    folder.mkdir()
    options = f"size={kilobytes}k,mode=777"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.root
@pytest.mark.thin(4)
@pytest.mark.parametrize("size", [60, 999, 9000])
@pytest.mark.parametrize("piece", [777, 65536])
@pytest.mark.parametrize("form", [Form(), PcapForm("pcap")], ids=["pcapng", "pcap"])
def test_a_disk_that_fills_in_mid_capture(tmp_path, size, piece, form):
    """The last block is whole, the packets that are safe are counted as tshark counts them; it is told once."""
    data = b"".join([head(), *(packet(number, size) for number in range(200_000 // size))])
    with small_disk(tmp_path / "disk", 64) as disk:
        recorder = Recorder(str(disk / "x.pcapng"), Stop(), Limits(), form, Ticking(), open_file)
        with pytest.raises(OutputError) as told:
            write_all(recorder, data, piece)
        with pytest.raises(SinkClosed):
            recorder.write(packet(1))
        recorder.close()
        with pytest.raises(OutputError, match="No space left on device"):
            recorder.check()
        found = numbers(disk / "x.pcapng")
        assert found == list(range(len(found)))
        assert recorder.packets == len(found) > 0
        assert "No space left on device" in told.value.problem
        assert f"{len(found)} packets are safe in {disk / 'x.pcapng'}" in told.value.remedy


class Full:
    """A file on a disk that has no room behind the first ``room`` bytes."""

    def __init__(self, room: int) -> None:
        self.size, self._room = 0, room

    def write(self, data: bytes | memoryview) -> None:
        if self.size + len(data) > self._room:
            raise OutputError("x.pcapng can't be written: No space left on device.", "Make room for it.")
        self.size += len(data)

    def cut(self, size: int) -> None: ...

    def close(self) -> None: ...


def test_a_full_disk_that_no_packet_meets_ends_the_capture_and_is_told(clock):
    """On a quiet source the counts come first: who writes them has nobody to tell."""
    stop = Stop()
    recorder = Recorder("x.pcapng", stop, Limits(), Form(), clock, lambda path: Full(len(head()) + 10))
    counts = CountsInFile(clock)
    counts.begin(recorder)
    recorder.write(head())
    counts.share()(1, 0)
    assert stop.reason == "x.pcapng can't be written: No space left on device"
    recorder.close()
    with pytest.raises(OutputError, match="No space left on device"):
        recorder.check()


def test_a_next_file_that_cannot_be_made_ends_the_capture_and_tells_what_is_safe(tmp_path):
    """Its folder has gone, or the disk has no room for a name: the packets before it are no mistake of the user's."""
    folder, away = tmp_path / "there", tmp_path / "away"
    folder.mkdir()
    stop = Stop()
    wanted = Limits(turn_packets=2)
    recorder = Recorder(str(folder / "out.pcapng"), stop, wanted, Form(), Ticking(), open_file)
    recorder.write(b"".join([head(), packet(0), packet(1)]))
    [first] = recorder.paths
    folder.rename(away)
    with pytest.raises(OutputError, match="can't be written") as told:
        recorder.write(packet(2))
    assert told.value.remedy == f"2 packets are safe in {first}; what came after is lost."
    assert stop.requested()
    with pytest.raises(SinkClosed):
        recorder.write(packet(3))
    recorder.close()
    with pytest.raises(OutputError):
        recorder.check()
    assert (recorder.paths, recorder.packets) == ([first], 2)
    assert numbers(away / Path(first).name) == [0, 1]


def test_a_reader_that_takes_nothing_holds_no_stop_up():
    """``-w - | …`` whose reader hangs: the capture ends all the same, and says so; nobody waits twice."""
    reading, writing = os.pipe()
    file = FileSink(os.fdopen(writing, "wb", buffering=0), "standard output")
    recorder = Recorder("-", Stop(), Limits(), Form(), Ticking(), lambda path: file)
    writer = threads.start(recorder.write, head() + packet(1, 1 << 20))
    assert select.select([reading], [], [], 180)[0]
    recorder.close(patience=0.2)
    with pytest.raises(OutputError, match=r"Standard output took nothing for 0\.2 seconds"):
        recorder.check()
    recorder.close()
    assert not writer.done()
    os.close(reading)
    with pytest.raises(SinkClosed):
        writer.result(180)
    file.close()
