"""What a fuzzer does with bytes: each target gives them to a parser of wire, whole and in pieces, and checks what must
hold for any. A target raises only if the product is wrong.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterable, Iterator

from outer import SHAPES, ethernet, ipv4, udp

from vpcshark.diagnose import report
from vpcshark.diagnose import table as diagnose_table
from vpcshark.diagnose.annotate import Annotator
from vpcshark.diagnose.excerpt import Excerpt
from vpcshark.diagnose.running import Live
from vpcshark.traffic_mirroring import MAX_RULES
from vpcshark.wire.bpf import kernel_filter
from vpcshark.wire.bpf.libpcap import compile_filter
from vpcshark.wire.capture_files import pcapng
from vpcshark.wire.capture_files.merge import Merger
from vpcshark.wire.capture_files.records import SLACK
from vpcshark.wire.mirror_rules import translation as mirror_rules_translation
from vpcshark.wire.overlay import tcpdump_stream, vxlan
from vpcshark.wire.overlay.decap import Decapsulator
from vpcshark.wire.overlay.decap_stream import Stream, Worker
from vpcshark.wire.overlay.decap_table import Table

MAC = bytes.fromhex("0a0000000001")
FILTERS = ("", "tcp port 80", "ip6 or vlan", "udp[4:2] > 50 and not host 10.0.0.1", "tcp[13] & 2 != 0", "greater 100")
SMALLEST_BUFFER = 64
SMALL = 1 << 16
"""Room for a fuzzer's captures: what clears two megabytes for each tries half as many."""


def pieces(data: bytes) -> Iterator[bytes]:
    """``data`` split at places that it says itself: its first bytes are the lengths of the pieces."""
    lengths, data, at = data[:8], data[8:], 0
    for length in lengths:
        yield data[at : at + length]
        at += length
    yield data[at:]


def frames(data: bytes) -> None:
    """Any bytes as an outer frame: what is found lies within them."""
    for unwrap in (vxlan.unwrap, vxlan.unwrap_ip, lambda d, s, e: vxlan.unwrap_vxlan(d, s, e, e)):
        found = unwrap(data, 0, len(data))
        assert found is None or (0 <= found.start <= found.end <= len(data) and 0 <= found.vni < 1 << 24)
    assert vxlan.original_length(data, 0, len(data)) >= len(data)
    assert vxlan.direction(data, 0, len(data), MAC) in (0, 1, 2)


def blocks(data: bytes) -> None:
    """Any bytes as pcapng: the same blocks and the same complaint, however they come."""

    def read(parts: list[bytes]) -> tuple[list[pcapng.Block], str]:
        reader, found = pcapng.Reader(), []
        try:
            for part in parts:
                for block in reader.feed(part):
                    found.append(block)
            reader.finish()
        except ValueError as exc:
            return found, str(exc)
        return found, ""

    assert read(list(pieces(data))) == read([data[8:]])
    with contextlib.suppress(ValueError):
        assert 0 <= pcapng.whole_blocks(data) <= len(data)


def tcpdump(data: bytes) -> None:
    """Any bytes as tcpdump's output: the same packets, however they come, and whole blocks."""

    def convert(parts: list[bytes]) -> tuple[bytes, str]:
        converter, made = tcpdump_stream.Converter(MAC, decapsulate=True), b""
        try:
            for part in parts:
                made += converter.feed(part)
        except ValueError as exc:
            return made, str(exc)
        return made, ""

    parts = list(pieces(data))
    made, complaint = convert(parts)
    whole, same = convert([b"".join(parts)])
    assert complaint == same
    assert made == whole or complaint
    assert pcapng.whole_blocks(made) == len(made)


def capture_files(data: bytes) -> None:
    """Any bytes as a capture file: both ways make the same of it, which is pcapng; the buffer stays in bounds."""
    made = [_decapsulate(data, make) for make in (lambda engine: engine, Table)]
    assert made[0] == made[1]
    if made[0][0]:
        pcapng.read_blocks(made[0][0])


def _decapsulate(data: bytes, make: Callable[[Decapsulator], Worker]) -> tuple[bytes, str, dict[str, int]]:
    engine = Decapsulator(macs=[MAC])
    running, made, complaint = Stream(make(engine), chunk=SMALLEST_BUFFER), b"", ""
    try:
        for part in pieces(data):
            at = 0
            while at < len(part):
                room = running.room()
                assert 0 < len(room) <= 2 * len(data) + SMALLEST_BUFFER + SLACK
                count = min(len(room), len(part) - at)
                room[:count] = part[at : at + count]
                made += b"".join(running.take(count))
                at += count
        running.finish()
    except ValueError as exc:
        complaint = str(exc)
        assert complaint.endswith(".")
    return made, complaint, vars(engine.counts)


def filters(data: bytes) -> None:
    """Any text as a capture filter: at most ten rules, or less than all said."""
    translation = mirror_rules_translation.translate(data.decode("utf-8", "replace"))
    assert len(translation.rules) <= MAX_RULES


def programs(data: bytes) -> None:
    """Any bytes as an inner frame: a filter gives the same verdict where the frame lies inside an outer one."""
    if not data:
        return
    inner = data[1:1400]
    program, moved = _PROGRAMS[data[0] % len(_PROGRAMS)]
    assert bool(kernel_filter.run(moved, SHAPES["ipv4"](inner, 77))) == bool(kernel_filter.run(program, inner))


def merged(data: bytes) -> None:
    """Any bytes from several receivers: blocks as long as they say, none twice, nothing held once all has ended."""
    merger, made, taken = Merger(3, most_bytes=len(data) // 4), b"", 0
    for number, piece in enumerate(pieces(data)):
        taken += len(piece)
        try:
            merger.feed(number % 3, piece, number / 10)
        except ValueError:
            merger.end(number % 3, "It is lost.")
        assert 0 <= merger.held <= taken
        made += merger.take(number / 10)
    made += merger.finish()
    assert merger.held == 0
    at = 0
    while at < len(made):
        _, length = struct.unpack_from("<II", made, at)
        assert length >= 12
        at += length
    assert at == len(made)


def diagnosed(data: bytes) -> None:
    """Any bytes as a capture: read in columns and one by one it holds the same, and verdicts come of it, also of two
    points; what is annotated, cut out or watched while it runs ends in no error but at what is no capture."""
    chosen = data[7] if len(data) > 7 else 0
    reports = []
    for in_columns in (False, True):
        parts = (pieces(data), [data[8:-1]]) if chosen & 1 else (pieces(data),)
        tables = [_table(part, place, in_columns) for place, part in enumerate(parts)]
        points = [point for table in tables for point in table.points.values()]
        reports.append(report.as_json(report.examine(points), ["a", "b"]))
    assert reports[0] == reports[1]
    for copier in (Annotator({1: "it", 3: "so"}), Excerpt({2})) if chosen & 2 else ():
        with contextlib.suppress(ValueError):
            for piece in pieces(data):
                assert all(isinstance(block, bytes) for block in copier.feed(piece))
    if chosen & 4:
        _watched(data)


def _watched(data: bytes) -> None:
    live = Live(SMALL)
    with contextlib.suppress(ValueError):
        live.begin(b"", 0)
        for piece in pieces(data):
            live.feed(piece)
            assert all(finding.sentence for finding in live.news())
    assert all(finding.sentence for finding in live.all())


def _table(parts: Iterable[bytes], place: int, in_columns: bool) -> diagnose_table.Table:
    table = diagnose_table.Table(place, in_columns=in_columns, chunk=SMALL)
    try:
        for part in parts:
            room = table.room()
            assert len(part) <= len(room)
            room[: len(part)] = part
            room.release()
            table.take(len(part))
        table.finish()
    except ValueError:
        pass
    return table


def conversed(data: bytes) -> None:
    """Any bytes as the packets of a few connections, in a capture that is one: verdicts, as above."""
    made: list[bytes] = []
    at, now = 0, 1_700_000_000_000_000_000
    while at + 4 <= len(data) and len(made) < 60:
        shape, size, step, flip = data[at : at + 4]
        inner = bytearray(_TALKS[shape % len(_TALKS)] + data[at + 4 : at + 4 + size])
        if shape < 128 and inner[12:14] == b"\x08\0":
            inner[16:18] = (len(inner) - 14).to_bytes(2, "big")
        if flip > 127:
            inner[flip % len(inner)] ^= size
        now += step * step * 1_000_000
        made.append(pcapng.enhanced_packet(0, now, bytes(inner), len(inner) + (step & 1) * 500))
        at += 4 + size
    diagnosed(
        bytes(7) + data[:1] + pcapng.section_header() + pcapng.interface_description("e", "e", "") + b"".join(made)
    )


def _talks() -> list[bytes]:
    """Frames to begin with: TCP in its states, DNS, RTP, ICMP about one, and tunnels of all shapes."""

    def tcp(flags: int, seq: int, ack: int, *, back: bool = False) -> bytes:
        ports = (80, 40000) if back else (40000, 80)
        packet = ipv4(struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 100, 0, 0), protocol=6)
        return packet[:12] + packet[16:20] + packet[12:16] + packet[20:] if back else packet

    one = [
        *(tcp(2, 100, 0), tcp(0x12, 900, 101, back=True), tcp(0x10, 101, 901), tcp(0x18, 101, 901)),
        *(tcp(0x18, 901, 101, back=True), tcp(0x11, 101, 901), tcp(4, 901, 0, back=True)),
        *(ipv4(udp(b"", port)) for port in (53, 5004, 4789)),
        ipv4(b"\x03\x04\0\0\0\0\x02\0" + tcp(0x18, 101, 901), protocol=1),
    ]
    frames = [ethernet(0x0800, each) for each in one]
    return frames + [SHAPES[shape](frames[3], 77) for shape in sorted(SHAPES)]


_TALKS = _talks()
_PROGRAMS = [(program, kernel_filter.relocate_frames(program, [77])) for program in map(compile_filter, FILTERS)]

TARGETS: dict[str, Callable[[bytes], None]] = {
    "frames": frames,
    "blocks": blocks,
    "tcpdump": tcpdump,
    "capture_files": capture_files,
    "filters": filters,
    "programs": programs,
    "merged": merged,
    "diagnosed": diagnosed,
    "conversed": conversed,
}
"""In the order of the numbers that corpus files begin with: append only."""


IN_TURNS: dict[str, tuple[str, ...]] = {"": tuple(TARGETS), "diagnose": ("conversed", "diagnosed")}
"""Several targets under one name; the first byte of a case chooses, so that those of the corpus find their own."""


def target(name: str) -> Callable[[bytes], None]:
    """What a fuzzer calls: one target, or several in turns ("": all)."""
    return in_turns([TARGETS[each] for each in IN_TURNS[name]]) if name in IN_TURNS else TARGETS[name]


def in_turns(targets: list[Callable[[bytes], None]]) -> Callable[[bytes], None]:
    """The first byte chooses the target."""

    def one(data: bytes) -> None:
        if data:
            targets[data[0] % len(targets)](data[1:])

    return one


one_input = target("")
