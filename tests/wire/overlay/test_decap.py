"""Outer capture files to inner ones: as scapy and tshark see them, and the same whichever way it is done."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outer import SHAPES, WORKERS, ethernet, ipv4, ipv6, pcap_file, pcapng_head, pcapng_packet, stream, udp, vxlan
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw
from scapy.utils import PcapNgReader, PcapReader

from vpcshark.wire.bpf.libpcap import Matcher, compile_filter
from vpcshark.wire.capture_files.pcapng import INTERFACE, PACKET, read_blocks
from vpcshark.wire.overlay.decap import Decapsulator

MAC = bytes.fromhex("0a0000000001")
UDP_FRAME = ethernet(0x0800, ipv4(udp(b"x" * 58, 53)))
OUTER = SHAPES["ipv4"](UDP_FRAME, 7)
ROT = b"\6\0\0\0\7\0\0\0" + bytes(9)


def packets(data: bytes) -> list[tuple[int, int, bytes, int, bytes]]:
    """(interface, nanoseconds, data, length, options) of each packet."""
    found = []
    for block in read_blocks(data):
        if block.kind == PACKET:
            interface, high, low, captured, length = struct.unpack_from("<IIIII", block.body)
            options = block.body[20 + (captured + 3 & ~3) :]
            found.append((interface, high << 32 | low, block.body[20 : 20 + captured], length, options))
    return found


def lab_like_frames() -> list[bytes]:
    """Outer frames of every shape around inner ones of many sizes, and things that are no VXLAN."""
    chance = random.Random(5)
    frames = []
    for _ in range(700):
        inner = bytes(Ether() / IP() / chance.choice([TCP(), UDP()]) / Raw(b"y" * chance.randrange(1400)))
        inner = chance.choice([inner, inner, bytes(Ether() / Dot1Q(vlan=3) / IP() / TCP()), inner[:40], b"", b"z" * 30])
        name = chance.choice(["ipv4", "ipv4", "ipv4", "ipv6", *SHAPES])
        outer = SHAPES[name](inner, chance.choice([77, 77, 78, 0, 2**24 - 1]))
        frames.append(chance.choice([outer, outer, outer, outer + b"\0\0\0", outer[:-9], UDP_FRAME, b""]))
    return frames


@pytest.mark.thin(12)
def test_what_comes_out_is_what_went_in(worker, file_of):
    """Bytes, times and lengths, in every format of input, one interface per VNI."""
    inners = [bytes(Ether() / IP() / UDP() / Raw(b"x" * (n % 90))) for n in range(600)]
    outers = [SHAPES["ipv4" if n % 3 else "ipv6"](inner, 77 + n % 2) for n, inner in enumerate(inners)]
    data, complaint = stream(file_of(outers), worker(Decapsulator()))
    assert complaint == ""
    assert [packet[2] for packet in packets(data)] == inners
    assert [packet[3] for packet in packets(data)] == [len(inner) for inner in inners]
    assert [packet[0] for packet in packets(data)] == [n % 2 for n in range(600)]
    tick = 1 if struct.unpack_from("<I", file_of([])) == (0xA1B23C4D,) else 1000
    assert [packet[1] for packet in packets(data)] == [10**18 + n * tick for n in range(600)]


def test_equal_frames_are_done_as_a_table(file_of):
    """The fastest way, where nothing differs in length, also across the ends of the buffer."""
    inner = bytes(Ether() / IP() / UDP() / Raw(b"x" * 57))
    outers = [SHAPES["ipv4"](inner, 77)] * 3000
    data, complaint = stream(file_of(outers), WORKERS["table"](Decapsulator()))
    assert (complaint, [packet[2] for packet in packets(data)]) == ("", [inner] * 3000)
    assert data == stream(file_of(outers), Decapsulator())[0]


@pytest.mark.thin(12)
def test_inner_frames_are_those_of_tshark_and_scapy(worker, tmp_path: Path):
    """Wireshark's VXLAN dissector and scapy's layer over the same file, frame by frame, times too."""
    inners = [bytes(Ether() / IP() / UDP() / Raw(b"x" * n)) for n in range(1, 400)]
    outers = [
        bytes(Ether() / IP() / UDP(sport=n, dport=4789, chksum=0xDEAD if n % 7 else None) / VXLAN(vni=77) / Raw(inner))
        for n, inner in enumerate(inners, 1)
    ]
    outer_path, inner_path = tmp_path / "outer.pcap", tmp_path / "inner.pcapng"
    outer_path.write_bytes(pcap_file(outers))
    inner_path.write_bytes(stream(outer_path.read_bytes(), worker(Decapsulator()))[0])
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "udp.payload", "-E", "occurrence=f"]
    theirs = subprocess.run(
        ["tshark", "-r", str(outer_path), *fields], capture_output=True, text=True, check=True
    ).stdout
    with PcapNgReader(str(inner_path)) as reader:
        ours = [(packet.time, bytes(packet)) for packet in reader]
    with PcapReader(str(outer_path)) as reader:
        assert ours == [(packet.time, bytes(VXLAN(packet.original[42:]).payload)) for packet in reader]
    for (time, frame), line in zip(ours, theirs.splitlines(), strict=True):
        stamp, payload = line.split("\t")
        assert (f"{time:.9f}", frame) == (stamp, bytes.fromhex(payload)[8:])


@pytest.mark.thin(10)
@pytest.mark.parametrize(
    "options", [{}, {"vnis": [77]}, {"macs": [MAC]}, {"macs": [b"\x0a\0\0\0\x0b\1", MAC]}, {"filter": "udp"}]
)
def test_both_ways_give_the_same_bytes(file_of, options):
    """Mixed shapes, mixed VNIs, cut frames and rubbish: order, counts and comments too."""
    data = file_of(lab_like_frames())
    results = []
    for name in sorted(WORKERS):
        given = {key: value for key, value in options.items() if key != "filter"}
        wanted = Matcher(compile_filter("udp")) if "filter" in options else None
        engine = Decapsulator(**given, wanted=wanted)
        made = stream(data, WORKERS[name](engine), chunk=8192)
        results.append((made, vars(engine.counts), engine.interfaces))
    assert results[0] == results[1]
    assert len(packets(results[0][0][0])) > 50


@pytest.mark.parametrize("shape", ["ipv4", "ipv6"])
def test_both_ways_see_every_bit_of_the_headers(file_of, shape):
    """Each one flipped in turn, each length that a frame can be cut to; within a run of common frames."""
    six, silent = (ethernet(0x86DD, ipv6(payload)) for payload in (udp(b"x" * 58, 53), b""))
    common = [SHAPES[shape](frame, 7) for frame in (UDP_FRAME, six, silent[:40])]
    frames = []
    for frame in common:
        for bit in range(8 * 90):
            spoilt = bytearray(frame)
            spoilt[bit // 8] ^= 1 << bit % 8
            frames += [bytes(spoilt), frame]
        frames += [frame[:length] for length in range(len(frame))]
    results = []
    for name in sorted(WORKERS):
        engine = Decapsulator(macs=[MAC])
        results.append((stream(file_of(frames), WORKERS[name](engine)), vars(engine.counts), engine.interfaces))
    assert results[0] == results[1]
    assert len(packets(results[0][0][0])) > len(frames) / 2


@pytest.mark.thin(12)
@pytest.mark.parametrize("shape", ["ipv4", "ipv6"])
@pytest.mark.parametrize("inner", [UDP_FRAME, ethernet(0x86DD, ipv6(udp(b"x" * 58, 53)))], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("options", [{}, {"vnis": [7]}, {"macs": [MAC, UDP_FRAME[:6]]}])
def test_one_bit_of_one_frame_in_a_run_of_equals_is_seen(shape, inner, options):
    """Where all others of a run are alike, so that the first one's fate could be taken for all."""
    frame = SHAPES[shape](inner, 7)
    for bit in range(8 * (len(frame) - len(inner) + 22)):
        spoilt = bytearray(frame)
        spoilt[bit // 8] ^= 1 << bit % 8
        data, results = pcap_file([*[frame] * 270, bytes(spoilt), *[frame] * 10]), []
        for name in sorted(WORKERS):
            engine = Decapsulator(**options)
            results.append((stream(data, WORKERS[name](engine)), vars(engine.counts), engine.interfaces))
        assert results[0] == results[1], bit


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_both_ways_give_the_same_bytes_for_spoilt_files(data):
    """Any byte may be any other, the file may end anywhere and come in pieces of any size."""
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    frames = [
        SHAPES[chance.choice(["ipv4", "ipv4", "ipv6", "vlan"])](UDP_FRAME[: chance.randrange(18, 99)], 7)
        for _ in range(40)
    ]
    kind = data.draw(st.sampled_from(["<", ">", "ng<", "ng>"]))
    order = kind[-1]
    if kind in "<>":
        spoilt = bytearray(pcap_file(frames, order))
    else:
        spoilt = bytearray(pcapng_head(order) + b"".join(pcapng_packet(frame, 5, order) for frame in frames))
    for _ in range(chance.randrange(30)):
        spoilt[chance.randrange(24, len(spoilt))] = chance.choice([0, 1, 8, 0x81, 0xFF, chance.randrange(256)])
    cut = bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])
    results = []
    for name in sorted(WORKERS):
        engine = Decapsulator(macs=[MAC])
        results.append((stream(cut, WORKERS[name](engine), data.draw(st.integers(1, 5000)), 512), vars(engine.counts)))
    assert results[0] == results[1]
    if results[0][0][0]:
        read_blocks(results[0][0][0])


def test_only_the_vnis_that_are_asked_for(worker):
    """The others are counted, and some are remembered."""
    frames = [SHAPES["ipv4"](UDP_FRAME, vni) for vni in (1, 2, 3) * 20]
    engine = Decapsulator(vnis=[2, 9])
    data, _ = stream(pcap_file(frames), worker(engine))
    assert len(packets(data)) == engine.counts.taken == 20
    assert (engine.counts.foreign, bool(engine.foreign_vnis & {1, 3})) == (40, True)
    assert [block.body[12:17] for block in read_blocks(data) if block.kind == INTERFACE] == [b"VNI 2"]


def test_a_filter_is_over_inner_frames(worker, tmp_path: Path):
    """As tcpdump filters the file that comes out without one, lengths of cut frames included."""
    frames = lab_like_frames()
    all_path = tmp_path / "all.pcapng"
    everything = stream(pcap_file(frames), worker(Decapsulator(vnis=[77])))[0]
    all_path.write_bytes(everything)
    for text in ("udp", "greater 700", "tcp port 80 and less 300", "not ip"):
        engine = Decapsulator(vnis=[77], wanted=Matcher(compile_filter(text)), filter_text=text)
        data, _ = stream(pcap_file(frames), worker(engine))
        tcpdump = ["tcpdump", "-r", str(all_path), "--count", text]
        count = subprocess.run(tcpdump, capture_output=True, text=True, check=True).stdout.split()[0]
        assert (len(packets(data)), engine.counts.taken) == (int(count), int(count))
        assert engine.counts.taken + engine.counts.refused == len(packets(everything))


def test_directions_come_from_the_sources_address(worker):
    """epb_flags: 1 inbound, 2 outbound; nothing where it is neither."""
    ends = [(b"\x0a\0\0\0\0\2", MAC), (MAC, b"\x0a\0\0\0\0\2"), (bytes(6), bytes(6))]
    inners = [to + by + UDP_FRAME[12:] for to, by in ends * 10]
    data, _ = stream(pcap_file(SHAPES["ipv4"](inner, 7) for inner in inners), worker(Decapsulator(macs=[MAC])))
    outbound, inbound = (struct.pack("<HHII", 2, 4, way, 0) for way in (2, 1))
    assert [packet[4] for packet in packets(data)][1:] == ([outbound, inbound, b""] * 10)[1:]


def test_a_cut_frame_keeps_its_length_and_the_first_says_so(worker):
    """Cut by the mirror's packet length: the inner headers tell. Cut by tcpdump's snap length: the outer ones do."""
    whole = bytes(Ether() / IP() / UDP() / Raw(b"x" * 900))
    frames = [SHAPES["ipv4"](whole[:100], 7)] * 30 + [SHAPES["ipv4"](whole, 7)[:250]] * 30
    data, _ = stream(pcap_file(frames), worker(Decapsulator()))
    assert [(len(packet[2]), packet[3]) for packet in packets(data)] == [(100, 942)] * 30 + [(200, 942)] * 30
    assert [n for n, packet in enumerate(packets(data)) if b"cut to" in packet[4]] == [0]


@pytest.mark.parametrize(("link", "header"), [
    (1, ethernet(0x0800, b"")), (101, b""), (228, b""), (113, bytes(14) + b"\x08\x00"), (276, b"\x08\x00" + bytes(18)),
])  # fmt: skip
def test_link_types_that_tcpdump_writes(worker, link, header):
    """Ethernet, bare IP, and both forms of Linux's cooked header (tcpdump -i any)."""
    packet = header + ipv4(udp(vxlan(UDP_FRAME, 5)))
    data, complaint = stream(pcap_file([packet] * 20, link=link), worker(Decapsulator()))
    assert ([packet[2] for packet in packets(data)], complaint) == ([UDP_FRAME] * 20, "")


def test_ipv6_in_a_cooked_header(worker):
    """And a frame that is shorter than that header."""
    packet = bytes(14) + b"\x86\xdd" + ipv6(udp(vxlan(UDP_FRAME, 5)))
    engine = Decapsulator()
    data, _ = stream(pcap_file([packet, packet[:15]], link=113), worker(engine))
    assert ([packet[2] for packet in packets(data)], engine.counts.others.total()) == ([UDP_FRAME], 1)


@pytest.mark.parametrize(("data", "complaint", "kept"), [
    (b"", "It is no capture: it has 0 bytes.", 0),
    (b"\xd4\xc3", "It is no capture: it has 2 bytes.", 0),
    (b"PK\x03\x04....", "At byte 0 neither a pcap nor a pcapng file begins.", 0),
    (pcap_file([])[:20], "It is cut off: what begins at byte 0 is not whole.", 0),
    (pcap_file([], link=147), "At byte 20 it has link type 147, not Ethernet, IP or Linux cooked.", 0),
    (pcap_file([OUTER] * 9)[:-1], "It is cut off: what begins at byte 1352 is not whole.", 8),
    (pcap_file([OUTER]) + b"\xff" * 40, "At byte 190 no packet record begins: it would hold 4294967295 bytes.", 1),
    (pcapng_head() + pcapng_packet(OUTER, 1) + ROT, "At byte 232 no pcapng block begins: its length would be 7.", 1),
], ids=["empty", "two bytes", "zip", "half a header", "link type", "cut", "rotten pcap", "rotten pcapng"])  # fmt: skip
def test_bad_files_are_told_by_the_byte(worker, data, complaint, kept):
    """In a sentence; what was good before is kept."""
    engine = Decapsulator()
    made, said = stream(data, worker(engine))
    assert (said, engine.counts.taken) == (complaint, kept)
    assert len(packets(made)) == kept if made else not kept


def test_a_snap_length_of_nothing_is_no_limit(worker):
    """As Wireshark takes it; it is worth a remark."""
    from vpcshark.wire.overlay.decap_stream import Stream

    running = Stream(worker(Decapsulator()))
    data = pcap_file([OUTER], snaplen=0)
    running.room()[: len(data)] = data
    assert len(packets(b"".join(running.take(len(data))))) == 1
    assert running.remarks == ["The snap length at byte 16 is 0, which is taken for no limit."]


def test_frames_of_unknown_link_types_in_pcapng_are_counted(worker):
    """Other interfaces of the same file are of use."""
    mixed = (
        pcapng_head(link=147)
        + pcapng_head()[28:]
        + b"".join(pcapng_packet(OUTER, 1, interface=n % 3) for n in range(30))
    )
    engine = Decapsulator()
    data, complaint = stream(mixed, worker(engine))
    assert (complaint, len(packets(data)), engine.counts.others.total()) == ("", 10, 20)


@given(st.binary(max_size=300), st.integers(1, 300))
def test_any_bytes_are_taken(data, piece):
    """ValueError in a sentence at most, whatever the file begins with."""
    for head in (b"", pcap_file([]), pcapng_head(), pcapng_head(">")):
        for make in WORKERS.values():
            _, complaint = stream(head + data, make(Decapsulator()), piece, 64)
            assert complaint == "" or complaint.endswith(".")
