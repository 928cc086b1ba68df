"""How fast the capture engine is, beside programs that do the same; ratios of medians, every pair in one run.

    python tests/bench/bench_engine.py [--runs 5] [--frames 1000000] [--folder DIR] [--disk DIR]
                                       [--only decap,path,receiver]

Linux; the path and the receiver need root (network namespaces of their own). Each pair is measured in turns, so that
what else the machine does meets both. Exit status 1 if a limit is not kept; rows without a limit are for information.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "receiver"), str(TESTS / "support")]

import bench_receiver  # noqa: E402
from conftest import Namespaces, make_config  # noqa: E402
from outer import SHAPES, ethernet, ipv4, pcap_file, udp  # noqa: E402

VPCSHARK = [sys.executable, "-m", "vpcshark"]
EDITCAP = ["editcap", "-C", "0:50"]
SIZE = 500
SCAPY_FRAMES = 3000
OFFERED_FASTER = 1.05
"""On the path frames are offered this much faster than dumpcap takes ready ones: then it is never without work."""
SECOND = 100_000
"""Frames to the second, in files."""


def inner_frame(size: int) -> bytes:
    return ethernet(0x0800, ipv4(udp(b"x" * (size - 42), 53)))


def write_outer(path: Path, frames: int, sizes: Sequence[int]) -> None:
    """A pcap file of outer frames whose inner ones have ``sizes`` in turn."""
    outers = [SHAPES["ipv4"](inner_frame(size), 77) for size in sizes]
    with path.open("wb") as file:
        file.write(pcap_file([]))
        for number in range(frames):
            frame = outers[number % len(outers)]
            stamp = 1_700_000_000 + number // SECOND, number % SECOND * 10
            file.write(struct.pack("<IIII", *stamp, len(frame), len(frame)) + frame)


def mixed_sizes() -> list[int]:
    """Acknowledgements, full segments, and every size between: 4,999 frames, then the same again."""
    return [66 if n * 7919 % 10 < 4 else 1500 if n * 7919 % 10 < 8 else 60 + n * 104_729 % 1440 for n in range(4999)]


def seconds(command: Sequence[str]) -> tuple[float, float]:
    """How long a program runs, and the CPU time that it takes."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def children_cpu() -> float:
    """CPU seconds of all programs that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Rows:
    """What is measured, printed as it comes."""

    def __init__(self) -> None:
        self.failed = False

    def say(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def ratio(self, name: str, ours: Sequence[float], theirs: Sequence[float], other: str, least: float | None) -> None:
        """Rates of both, their medians and the ratio of these."""
        mine, other_rate = statistics.median(ours), statistics.median(theirs)
        found = mine / other_rate
        self.failed |= least is not None and found < least
        limit = f" (at least {least:g}: {'kept' if found >= least else 'NOT KEPT'})" if least is not None else ""
        spread = f"{min(ours):,.0f} to {max(ours):,.0f} against {min(theirs):,.0f} to {max(theirs):,.0f}"
        self.say(
            f"{name}: {mine:,.0f}/s, {other} {other_rate:,.0f}/s, ratio {found:.2f}{limit}; {spread}, {len(ours)} runs"
        )


def bench_decap(rows: Rows, disk: Path, memory: Path, frames: int, runs: int) -> None:
    """File to file, beside editcap, which cuts 50 bytes off without a look; and scapy, which looks at everything.

    Judged where people have their files. In memory (tmpfs) the kernel takes twice as long to take a file in, page by
    page, which both wait for.
    """
    equal = "equal frames of 500 bytes"
    rates = decap_beside_editcap(rows, equal, disk, frames, [SIZE], runs, 1.5)
    scapy = [scapy_rate(disk, [SIZE]) for _ in range(runs)]
    rows.ratio("the same", rates, scapy, "scapy, file to file", 100)
    decap_beside_editcap(rows, "frames of mixed sizes", disk, frames, mixed_sizes(), runs)
    decap_beside_editcap(rows, f"{equal}, in memory", memory, frames, [SIZE], runs)


def decap_beside_editcap(
    rows: Rows, name: str, folder: Path, frames: int, sizes: Sequence[int], runs: int, least: float | None = None
) -> list[float]:
    """Frames per second of decap, for each run."""
    outer, ours, theirs = (folder / name for name in ("outer.pcap", "ours.pcapng", "theirs.pcapng"))
    write_outer(outer, frames, sizes)
    commands = [*VPCSHARK, "decap", str(outer), str(ours)], [*EDITCAP, str(outer), str(theirs)]
    rates: tuple[list[float], list[float]] = ([], [])
    costs: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for place, command in enumerate(commands):
            Path(command[-1]).unlink(missing_ok=True)
            os.sync()  # nobody pays for the other one's file on its way to the disk
            took, cpu = seconds(command)
            rates[place].append(frames / took)
            costs[place].append(frames / cpu)
    assert_same_frames(ours, theirs)
    rows.ratio(f"decap of {name}", rates[0], rates[1], "editcap", least)
    rows.ratio("the same per second of CPU time", costs[0], costs[1], "editcap", None)
    ours.unlink(), theirs.unlink(), outer.unlink()
    return rates[0]


def assert_same_frames(ours: Path, theirs: Path) -> None:
    """Both did the same work: the same frames in the same number."""
    digests = []
    for path in (ours, theirs):
        fields = [word for name in ("frame.cap_len", "eth.src", "ip.len", "udp.payload") for word in ("-e", name)]
        command = ["tshark", "-r", str(path), "-c", "2000", "-T", "fields", *fields]
        shown = subprocess.run(command, capture_output=True, check=True).stdout
        counted = subprocess.run(["capinfos", "-Mc", str(path)], capture_output=True, text=True, check=True).stdout
        digests.append((shown, [line for line in counted.splitlines() if line.startswith("Number")]))
    if digests[0] != digests[1]:
        raise SystemExit("The files of vpcshark and editcap differ: nothing is compared.")


def scapy_rate(folder: Path, sizes: Sequence[int]) -> float:
    """Frames per second of scapy's VXLAN layer; its import is not counted."""
    from scapy.layers import inet, vxlan
    from scapy.utils import PcapNgWriter, PcapReader

    assert inet
    path = folder / "few.pcap"
    write_outer(path, SCAPY_FRAMES, sizes)
    began = time.perf_counter()
    with PcapReader(str(path)) as reader, PcapNgWriter(str(folder / "few.pcapng")) as writer:
        for packet in reader:
            inner = packet[vxlan.VXLAN].payload
            inner.time = packet.time
            writer.write(inner)
    return SCAPY_FRAMES / (time.perf_counter() - began)


class Dumpcap:
    """dumpcap at the reading end of a FIFO, timed from the first byte in that: nobody's start counts."""

    def __init__(self, folder: Path) -> None:
        self.fifo, self.out = folder / "fifo", folder / "dumpcap.pcapng"
        os.mkfifo(self.fifo)
        self.first = 0.0
        # Both ends, so that nobody's opening waits, and to see the first byte without reading it.
        self.peek = os.open(self.fifo, os.O_RDWR | os.O_NONBLOCK)
        command = ["dumpcap", "-q", "-i", str(self.fifo), "-w", str(self.out)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self._is_open():
            time.sleep(0.01)
        self.looking = threading.Thread(target=self._look)
        self.looking.start()

    def _is_open(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit(f"dumpcap ended with status {self.process.returncode}.")
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return any(os.readlink(link) == str(self.fifo) for link in links)

    def _look(self) -> None:
        poll = select.poll()
        poll.register(self.peek, select.POLLIN)
        while self.process.poll() is None and not poll.poll(100):
            pass
        self.first = time.perf_counter()
        os.close(self.peek)

    def rate(self) -> tuple[float, int]:
        """Packets per second once it has read all, and how many packets it wrote."""
        before = children_cpu()
        self.process.wait()
        self.cpu = children_cpu() - before
        took = time.perf_counter() - self.first
        self.looking.join()
        counted = subprocess.run(
            ["capinfos", "-TrMc", str(self.out)], capture_output=True, text=True, check=True
        ).stdout
        packets = int(counted.split()[-1])
        self.out.unlink()
        self.fifo.unlink()
        return packets / took, packets


def bench_path(rows: Rows, folder: Path, frames: int, runs: int) -> None:
    """Everything from frames to dumpcap's file, beside a cat of the ready file, in turns."""
    outer, inner = folder / "outer.pcap", folder / "inner.pcapng"
    write_outer(outer, frames, [SIZE])
    seconds([*VPCSHARK, "decap", str(outer), str(inner)])
    rates: dict[str, list[float]] = {"cat": [], "replayed": [], "ring": [], "beside": []}
    offered, spent = 0.0, []
    for _ in range(runs):
        rates["cat"].append(piped(folder, ["cat", str(inner)], frames))
        rates["replayed"].append(piped(folder, [*VPCSHARK, "decap", str(outer), "-"], frames))
        if os.geteuid() == 0:
            offered = statistics.median(rates["cat"]) * OFFERED_FASTER
            rate, used = through_ring(folder, frames, offered)
            rates["ring"].append(rate)
            spent.append(used)
            rates["beside"].append(beside_sender(folder, inner, frames, offered))
    outer.unlink(), inner.unlink()
    rows.ratio("replayed outer frames -> FIFO -> dumpcap", rates["replayed"], rates["cat"], "cat of inner frames", 0.97)
    if rates["ring"]:
        name = f"ring -> receiver -> FIFO -> dumpcap, offered {offered:,.0f}/s"
        rows.ratio(name, rates["ring"], rates["cat"], "cat of inner frames", 0.97)
        rows.ratio("the same", rates["ring"], rates["beside"], "cat while the same sender sends to nobody", None)
        shares = {key: 1e6 * statistics.median(used[key] for used in spent) / frames for key in spent[0]}
        rows.say("CPU time of it, us a frame offered: " + ", ".join(f"{k} {v:.2f}" for k, v in shares.items()))


def piped(folder: Path, command: Sequence[str], frames: int) -> float:
    """Packets per second that a program gets through dumpcap."""
    dumpcap = Dumpcap(folder)
    with open(dumpcap.fifo, "wb", buffering=0) as fifo:
        subprocess.run(command, stdout=fifo, stderr=subprocess.DEVNULL, check=True)
    rate, packets = dumpcap.rate()
    if packets != frames:
        raise SystemExit(f"{command[0]} brought {packets} packets through dumpcap, not {frames}.")
    return rate


def through_ring(folder: Path, frames: int, rate: float) -> tuple[float, dict[str, float]]:
    """Packets per second of the real path: veth, receiver, a process that does what a capture does, dumpcap. And the
    CPU seconds of each: the sender's are mostly the kernel's, which carries frames across the veth pair and into the
    ring on the sender's account; those of receiver and copying include their start.
    """
    pair = Namespaces()
    try:
        pair.open()
        dumpcap = Dumpcap(folder)
        relay = subprocess.Popen(
            [sys.executable, __file__, "--relay", str(dumpcap.fifo), *pair.within(pair.host)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert relay.stdin
        assert relay.stdout
        relay.stdout.readline()
        with sender(pair) as source:
            dumpcap.looking.join()
            dumpcap.first = time.perf_counter()  # the header was there before the first frame
            before = own_cpu()
            source.send(frames, int(rate))
            used = {"sending": own_cpu() - before}
        counted, _ = relay.communicate("\n")
        found, packets = dumpcap.rate()
        stats: Mapping[str, int] = json.loads(counted)
        if packets != stats["received"] or packets + stats["dropped"] != frames:
            raise SystemExit(f"Of {frames} frames dumpcap has {packets}, and the receiver counts {stats}.")
        return found, {**used, "receiver": stats["receiver"], "copying": stats["copying"], "dumpcap": dumpcap.cpu}
    finally:
        pair.close()


@contextlib.contextmanager
def sender(pair: Namespaces) -> Iterator[bench_receiver.Source]:
    """Outer frames from the source's namespace to the host's."""
    with pair.socket(pair.source, socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        yield bench_receiver.Source(sock, bench_receiver.outer(SIZE, pair.mac(pair.host, "down0"), 4))


def beside_sender(folder: Path, inner: Path, frames: int, rate: float) -> float:
    """Packets per second of cat through dumpcap while frames are sent, at ``rate``, into a ring that nobody reads: what
    a machine that has to send them too has left, for on two cores the sending takes from dumpcap.
    """
    pair = Namespaces()
    try:
        pair.open()
        command = [*pair.within(pair.host), *bench_receiver.receiver.command(sys.executable)]
        receiving = bench_receiver.Receiving(command, make_config(4789, address="10.77.0.2"), reading=False)
        receiving.event("ready")
        receiving.process.send_signal(signal.SIGSTOP)
        dumpcap = Dumpcap(folder)
        with sender(pair) as source, open(dumpcap.fifo, "wb", buffering=0) as fifo:
            cat = subprocess.Popen(["cat", str(inner)], stdout=fifo)
            while cat.poll() is None:
                source.send(16 * bench_receiver.SLOTS, int(rate))  # whole rounds: each call begins at the first slot
        found, packets = dumpcap.rate()
        receiving.kill()
        if packets != frames:
            raise SystemExit(f"cat brought {packets} packets through dumpcap, not {frames}.")
        return found
    finally:
        pair.close()


def relay(fifo: str, prefix: Sequence[str]) -> None:
    """What a capture does between receiver and FIFO, in a process of its own, until a line comes on stdin."""
    from vpcshark.capture.contract.stop import Stop
    from vpcshark.capture.receivers.client import Reception
    from vpcshark.extcap.capture_phase.fifo import open_sink
    from vpcshark.transport.local import LocalTransport
    from vpcshark.wire.capture_files import pcapng

    begun = own_cpu()
    sink = open_sink(fifo, Stop())
    transport = LocalTransport()
    reception = Reception(transport.open([*prefix, *bench_receiver.receiver.command(sys.executable)]), transport)
    sink.write(pcapng.section_header() + pcapng.interface_description("eni-0a"))
    reception.begin(make_config(4789, address="10.77.0.2"), 20.0)
    reception.stream(sink, lambda error: None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    reception.finish(20.0)
    sink.close()
    counts = {"received": reception.stats.received, "dropped": reception.stats.dropped}
    sys.stdout.write(json.dumps({**counts, "copying": own_cpu() - begun, "receiver": children_cpu()}))


@contextlib.contextmanager
def scratch(folder: str | None) -> Iterator[Path]:
    with TemporaryDirectory(prefix="vpcshark-bench-", dir=folder) as path:
        yield Path(path)


def bench_receiver_rows(rows: Rows, runs: int) -> None:
    """Beside what is offered; each run is told whole, as a median would hide a drop."""
    del runs
    if os.geteuid() != 0:
        rows.say("receiver: needs root")
        return
    subprocess.run([sys.executable, bench_receiver.__file__], check=True)


def main() -> int:
    if sys.argv[1:2] == ["--relay"]:
        relay(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--frames", type=int, default=1_000_000)
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    parser.add_argument(
        "--folder", default=memory, help="where the path's files are (default: memory, lest a disk is measured)"
    )
    parser.add_argument("--disk", help="where decap's files are (default: where temporary files are)")
    parser.add_argument("--only", default="decap,path,receiver")
    given = parser.parse_args()
    rows, only = Rows(), given.only.split(",")
    missing = [tool for tool in ("editcap", "dumpcap", "capinfos", "tshark") if not shutil.which(tool)]
    if missing:
        raise SystemExit(f"Not installed: {', '.join(missing)}.")
    with scratch(given.folder) as folder, scratch(given.disk) as disk:
        benches: dict[str, Callable[[], None]] = {
            "decap": lambda: bench_decap(rows, disk, folder, given.frames, given.runs),
            "path": lambda: bench_path(rows, folder, given.frames, given.runs),
            "receiver": lambda: bench_receiver_rows(rows, given.runs),
        }
        for name in only:
            benches[name]()
    return int(rows.failed)


if __name__ == "__main__":
    sys.exit(main())
