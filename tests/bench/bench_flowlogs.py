"""How fast flow log records are read, beside programs that do the same; ratios of processor time, every
pair in one run.

    python tests/bench/bench_flowlogs.py [--records 1000000] [--megabytes 2000]

One flow is looked for among records of many. flowlogs-reader parses the lines as its own reader of files in S3 does.
scapy makes the frames of some records, and its time is scaled; text2pcap gets the hex dump ready made, so it neither
parses nor filters, nor writes a comment. Exit status 1 if a limit is not kept.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from vpcshark.flowlogs import frames, logformat, match, records
from vpcshark.flowlogs.scan import Scan

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
FLOW = ("10.7.7.7", "10.8.8.8", "49999", "8000")
EVERY = 10_000
"""One record in so many is of the flow."""
SCAPY = 20_000
BLOCK = 1 << 20


def write(path: Path, count: int) -> None:
    """Records of many flows."""
    chosen = random.Random(1)
    address = [f"10.{chosen.randrange(4)}.{chosen.randrange(256)}.{chosen.randrange(1, 255)}" for _ in range(4000)]
    with path.open("w") as file:
        file.write(HEADER + "\n")
        for number in range(count):
            ends = (*chosen.sample(address, 2), str(chosen.randrange(1024, 65536)), str(chosen.choice([80, 443, 8000])))
            source, target, sport, dport = FLOW if number % EVERY == 0 else ends
            start = 1_700_000_000 + number // 1000
            size = chosen.randrange(40, 100_000)
            file.write(
                f"2 123456789010 eni-0{chosen.randrange(50):016x} {source} {target} {sport} {dport} 6 "
                f"{1 + size // 900} {size} {start} {start + 60} ACCEPT OK\n"
            )


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """(seconds of processor time, that of processes started too, and what it gave)."""
    before = sum(os.times()[:4])
    found = work()
    return sum(os.times()[:4]) - before, found


def ours(path: Path) -> int:
    """Typed records of the flow."""
    flow = match.parse(f"{FLOW[0]}:{FLOW[2]}->{FLOW[1]}:{FLOW[3]}/tcp")
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(BLOCK), b"")
        return sum(1 for kind, row in Scan("it", None, flow).rows(blocks) if records.typed(kind, row))


def ours_all(path: Path) -> int:
    """Each record typed, and looked at afterwards, as who wants several flows would."""
    with path.open("rb") as file:
        rows = Scan("it").rows(iter(lambda: file.read(BLOCK), b""))
        made = (records.typed(kind, row) for kind, row in rows)
        return sum(each["srcaddr"] == FLOW[0] and each["srcport"] == 49999 for each in made)


def theirs(path: Path) -> int:
    """flowlogs-reader."""
    from flowlogs_reader import FlowRecord

    with path.open() as file:
        reader = csv.DictReader(file, delimiter=" ")
        reader.fieldnames = [name.replace("-", "_") for name in reader.fieldnames or []]
        made = (FlowRecord(each) for each in reader)
        return sum((r.srcaddr, r.dstaddr, str(r.srcport), str(r.dstport)) == FLOW for r in made)


def our_frames(path: Path, out: Path, flow: match.Flow | None = None) -> int:
    """Every record as a frame."""
    made, count = frames.Frames(), 0
    with path.open("rb") as file, out.open("wb") as to:
        to.write(made.begin())
        for kind, row in Scan("it", None, flow).rows(iter(lambda: file.read(BLOCK), b"")):
            to.write(made.of(kind, row))
            count += 1
        to.write(made.end())
    return count


def scapy_frames(path: Path, out: Path, count: int) -> int:
    """The same of the first ``count``, with the record as comment."""
    from scapy.layers.inet import IP, TCP
    from scapy.utils import PcapNgWriter

    writer = PcapNgWriter(str(out))
    with path.open() as file:
        names = file.readline().split()
        for _, line in zip(range(count), file, strict=False):
            record = dict(zip(names, line.split(), strict=True))
            frame = IP(src=record["srcaddr"], dst=record["dstaddr"]) / TCP(
                sport=int(record["srcport"]), dport=int(record["dstport"]), flags=0
            )
            frame.time, frame.wirelen = int(record["start"]), int(record["bytes"])
            frame.comment = " ".join(f"{name}={value}" for name, value in record.items())
            writer.write(frame)
    writer.close()
    return count


def hex_dump(path: Path, out: Path) -> None:
    """What text2pcap takes: our own frames, as hex."""
    made = frames.Frames()
    with path.open("rb") as file, out.open("w") as to:
        for kind, row in Scan("it").rows(iter(lambda: file.read(BLOCK), b"")):
            block = made.of(kind, row)
            at = block.index(b"\x45\x00\x00\x28")
            to.write("0000 " + block[at : at + 40].hex(" ") + "\n")


def peak(megabytes: int, *arguments: str) -> int:
    """KiB that the command takes at most, of so much input that is streamed."""
    script = (
        "import sys, resource; from vpcshark.cli.main import run; run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    line = (
        b"2 123456789010 eni-00000000000000001 10.0.0.1 10.0.0.2 4000 443 6 20 4249 1418530010 1418530070 ACCEPT OK\n"
    )
    piece = line * (1_000_000 // len(line))
    child = subprocess.Popen(
        [sys.executable, "-c", script, "flowlogs", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stdin
    assert child.stderr
    for _ in range(megabytes):
        child.stdin.write(piece)
    child.stdin.close()
    said = child.stderr.read().decode().split()
    child.wait()
    return int(said[-1])


def row(what: str, ours: float, others: float, limit: float) -> bool:
    """One line of the table; whether the limit is kept. Both are seconds."""
    ratio = others / ours
    print(f"{what:58} {ours:8.2f} s {others:8.2f} s  {ratio:8.2f}x   {f'at least {limit}' if limit else ''}")  # noqa: T201
    return ratio >= limit


def speeds(folder: Path, count: int) -> list[bool]:
    """The table."""
    text, packed, dump = folder / "flows.log", folder / "flows.log.gz", folder / "dump"
    write(text, count)
    packed.write_bytes(gzip.compress(text.read_bytes(), 6))
    wanted = count // EVERY
    fast, found = timed(lambda: ours(text))
    whole, again = timed(lambda: ours_all(text))
    slow, their = timed(lambda: theirs(text))
    assert (found, again, their) == (wanted, wanted, wanted)
    kept = [row("parsed and filtered by one flow / flowlogs-reader", fast, slow, 10)]
    row("each record typed, then filtered / flowlogs-reader", whole, slow, 0)
    flow = match.parse(f"{FLOW[0]}:{FLOW[2]}->{FLOW[1]}:{FLOW[3]}/tcp")
    one, _ = timed(lambda: our_frames(text, folder / "one.pcapng", flow))
    every, _ = timed(lambda: our_frames(text, folder / "ours.pcapng"))
    scapy, _ = timed(lambda: scapy_frames(text, folder / "scapy.pcapng", SCAPY))
    kept.append(row("all to pcapng / scapy", every, scapy * count / SCAPY, 20))
    hex_dump(text, dump)
    command = ["text2pcap", "-q", "-l", "101", str(dump), str(folder / "text.pcapng")]
    theirs_c, _ = timed(lambda: subprocess.run(command, check=True, stderr=subprocess.DEVNULL))
    row("all to pcapng / text2pcap (frames alone, from hex)", every, theirs_c, 0)
    kept.append(row("one flow to pcapng / text2pcap (frames alone, from hex)", one, theirs_c, 0))
    return [*kept, packed_row(packed)]


def packed_row(packed: Path) -> bool:
    """gzip in, on one core: the whole command, its start too, beside zcat | grep."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    flow = f"{FLOW[0]}:{FLOW[2]}->{FLOW[1]}:{FLOW[3]}/tcp"
    mine = [sys.executable, "-m", "vpcshark", "flowlogs", "show", str(packed), "--json", "--match", flow]
    grep = f"zcat {packed} | grep ' {' '.join(FLOW)} 6 '"
    fast, _ = timed(lambda: subprocess.run(mine, check=True, stdout=subprocess.DEVNULL))
    other, _ = timed(lambda: subprocess.run(grep, shell=True, check=True, stdout=subprocess.DEVNULL))
    return row("gzip, one flow / zcat | grep", fast, other, 0.5)


def memory(megabytes: int) -> list[bool]:
    """The peak does not grow with the input."""
    kept = []
    for name, arguments in {
        "show --match": ["show", "-", "--json", "--match", "10.0.0.9:1->10.0.0.2:443/tcp"],
        "pcap": ["pcap", "-", "-w", "/dev/null"],
    }.items():
        size = megabytes if "--match" in arguments else megabytes // 10
        little, much = peak(10, *arguments), peak(size, *arguments)
        kept.append(much < 1.2 * little)
        print(f"{name}: {little:,} KiB at 10 MB, {much:,} KiB at {size:,} MB; at most 20 % more")  # noqa: T201
    return kept


def main() -> int:
    """Both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=2_000)
    options = parser.parse_args()
    assert logformat.header(HEADER.encode())
    with TemporaryDirectory(dir="/var/tmp") as place:
        kept = memory(options.megabytes) + speeds(Path(place), options.records)
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
