"""``vpcshark decap`` over the files that Wireshark's tools read: what those say of a file must hold after it, too."""

from __future__ import annotations

import gzip
import random
import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from decapping import INNER, decapsulate, told
from outer import FILES, SHAPES, ethernet, ipv4, ipv6, pcap_file, pcapng_block, pcapng_head, pcapng_packet, udp, vxlan
from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from vpcshark.cli.unpack import packing_of
from vpcshark.errors import InputError

ORDERS = pytest.mark.parametrize("order", ["<", ">"])
KEY_LINE = b"CLIENT_RANDOM " + b"a" * 64 + b" " + b"b" * 96 + b"\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.pcapng"


def run(*command: object) -> str:
    """What one of Wireshark's tools prints."""
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout


# What the header says


def gpe(protocol: int, payload: bytes, vni: int = 33) -> bytes:
    return struct.pack(">BxxBI", 0x0C, protocol, vni << 8) + payload


@pytest.mark.parametrize("port", [4789, 4790])
def test_a_header_is_asked_what_it_carries(source, out, port, capfd):
    """VXLAN-GPE: Ethernet, IPv4 and IPv6 come out as what they are, on either port; what is none of these is named."""
    carried = [(3, INNER), (1, ipv4(udp(b"x", 53))), (2, ipv6(udp(b"y", 53))), (4, bytes(40)), (9, bytes(40))]
    source.write_bytes(pcap_file([ethernet(0x0800, ipv4(udp(gpe(*each), port))) for each in carried] * 5))
    assert decapsulate(source, out) == 0
    assert (
        told(out, "frame.protocols", "udp.dstport")
        == [
            "eth:ethertype:ip:udp:dns\t53",
            "eth:ethertype:ip:udp:dns\t53",
            "eth:ethertype:ipv6:udp:dns\t53",
        ]
        * 5
    )
    err = capfd.readouterr().err
    assert "15 frames of VNI 33 from 25 packets; 5 with NSH in VXLAN-GPE; 5 with protocol 9 in VXLAN-GPE" in err


def test_a_frame_of_no_bytes_is_no_frame(source, out, capfd):
    """A header that nothing follows, and a capture that was cut behind the header."""
    outers = [SHAPES["ipv4"](b"", 7), SHAPES["ipv6"](b"", 7), SHAPES["ipv4"](INNER, 7)[:50], SHAPES["ipv4"](INNER, 7)]
    source.write_bytes(pcap_file(outers * 10))
    assert decapsulate(source, out) == 0
    assert told(out, "frame.len") == ["100"] * 10
    assert "30 with a frame of no bytes" in capfd.readouterr().err


# What the file says besides packets


def texts(order: str, *pairs: tuple[int, bytes]) -> bytes:
    return b"".join(
        struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in pairs
    ) + bytes(4)


def telling_file(order: str, key_log: bytes = KEY_LINE) -> bytes:
    """Everything that Wireshark's tools write and show, in one file."""

    def made(kind: int, body: bytes) -> bytes:
        return pcapng_block(kind, body, order)

    def packet(ticks: int, comment: bytes) -> bytes:
        outer = SHAPES["ipv4"](INNER, 7)
        head = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(outer), len(outer))
        return made(6, head + outer + bytes(-len(outer) % 4) + texts(order, (1, comment)))

    said = texts(order, (1, b"of the file"), (2, b"a VAX"), (3, b"VMS"), (4, b"Dumpcap 0.1"))
    spoken = texts(order, (1, b"of ens5"), (2, b"ens5"), (3, b"the uplink"), (11, b"\0udp port 4789"), (12, b"Linux"))
    name = texts(order, (1, bytes([10, 0, 0, 1]) + b"web-1\0"))
    count = struct.Struct(order + "Q").pack
    started = struct.pack(order + "II", 10**15 >> 32, 10**15 & 0xFFFFFFFF)
    counts = texts(order, (1, b"of the end"), (2, started), (4, count(42)), (5, count(3)))
    return b"".join([
        made(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + said),
        made(1, struct.pack(order + "HHI", 113, 0, 512) + texts(order, (2, b"any"))),
        made(1, struct.pack(order + "HHI", 1, 0, 262144) + spoken),
        made(10, struct.pack(order + "II", 0x544C534B, len(key_log)) + key_log + bytes(-len(key_log) % 4)),
        made(4, name),
        packet(10**15, b"of a packet"),
        *(pcapng_packet(SHAPES["ipv4"](INNER, 7), 10**15 + n, order, 1) for n in range(1, 300)),
        made(5, struct.pack(order + "III", 1, 10**15 >> 32, 10**15 & 0xFFFFFFFF) + counts),
    ])  # fmt: skip


def facts(path: Path) -> list[str]:
    """What capinfos and tshark say of a file apart from its packets."""
    shown = run("capinfos", "-k", "-I", path).splitlines()
    kept = (
        "Name",
        "Description",
        "Comment",
        "Capture comment",
        "Capture filter",
        "Capture hardware",
        "Operating system",
    )
    lines = [line.strip() for line in shown if line.strip().startswith(kept)]
    lines += [
        line for line in run("tshark", "-r", path, "-q", "-z", "hosts").splitlines() if line and line[0].isdigit()
    ]
    return lines


@pytest.mark.thin(2)
@ORDERS
def test_what_a_file_says_is_kept(source, out, order, capfd):
    """Comments, interfaces, names and secrets, as its own tools tell them; nothing is left out unsaid."""
    source.write_bytes(telling_file(order))
    assert decapsulate(source, out) == 0
    was, found = facts(source), facts(out)
    assert len(was) >= 7, "the file says something"
    assert key_log(out) == KEY_LINE
    assert any("had link type 113 and a snap length of 512 bytes" in fact for fact in found)
    assert [fact for fact in was if fact not in found] == []
    assert "Left out" not in capfd.readouterr().err
    assert len(told(out, "frame.len")) == 299, "the first packet is of the cooked interface"


@ORDERS
def test_comments_of_packets_stay_with_their_frames(source, out, order, capfd):
    """Also those of frames in a run of equal ones; those of packets that give no frame are counted."""

    def commented(frame: bytes, comment: bytes) -> bytes:
        head = struct.pack(order + "IIIII", 0, 1, 1, len(frame), len(frame)) + frame + bytes(-len(frame) % 4)
        return pcapng_block(6, head + texts(order, (1, comment), (1, b"again"), (2, bytes(4))), order)

    outer = SHAPES["ipv4"](INNER, 7)
    plain = [pcapng_packet(outer, n, order) for n in range(400)]
    plain[300] = commented(outer, b"look")
    plain[10] = commented(INNER, b"lost")
    source.write_bytes(pcapng_head(order) + b"".join(plain))
    assert decapsulate(source, out) == 0
    shown = told(out, "frame.comment")
    assert (len(shown), [(n, each) for n, each in enumerate(shown) if each]) == (399, [(299, "look,again")])
    err = capfd.readouterr().err
    assert "2 comments of packets that gave no frame" in err
    assert "Left out, as it has no place in the output: flags (2)." in err


@ORDERS
def test_statistics_keep_their_interface_and_their_time(source, out, order):
    """What was lost, was lost on the interface of the input."""
    source.write_bytes(telling_file(order))
    decapsulate(source, out)
    named = [body for kind, body in cut_blocks(out.read_bytes()) if kind == 1]
    (body,) = [body for kind, body in cut_blocks(out.read_bytes()) if kind == 5]
    which, high, low = struct.unpack_from("<III", body)
    assert b"ens5" in named[which]
    assert (high << 32 | low) == 10**18, "in nanoseconds, as the interface says"
    assert struct.pack("<HHQHHQ", 4, 8, 42, 5, 8, 3) in body


def cut_blocks(data: bytes) -> list[tuple[int, bytes]]:
    """(type, body) of each little-endian block: by the lengths alone."""
    found, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        found.append((kind, data[at + 8 : at + length - 4]))
        at += length
    return found


def key_log(path: Path) -> bytes:
    """The secrets of all blocks, one after the other."""
    bodies = [body for kind, body in cut_blocks(path.read_bytes()) if kind == 10]
    return b"".join(body[8 : 8 + struct.unpack_from("<II", body)[1]] for body in bodies)


def test_a_key_log_of_any_length_is_kept(source, out):
    """Longer than libpcap's 16 MiB for a block: it comes in several, so that tcpdump reads the output, too."""
    source.write_bytes(telling_file("<", KEY_LINE * 110_000))
    decapsulate(source, out)
    assert key_log(out) == KEY_LINE * 110_000
    run("tcpdump", "-r", out, "-c", "1")


# Fragments


def outer_of(version: int, size: int, number: int) -> Packet:
    head = {4: IP(src="10.0.0.1", dst="10.0.0.2", id=number), 6: IPv6(src="fd00::1", dst="fd00::2")}[version]
    if version == 6:
        head = head / IPv6ExtHdrFragment(id=number)
    return head / UDP(sport=9, dport=4789, chksum=0xDEAD) / VXLAN(vni=7) / ethernet(0x0800, ipv4(udp(bytes(size))))


@pytest.mark.thin(4)
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("seed", range(4))
def test_fragments_are_joined_whatever_their_order(source, out, version, seed, capfd):
    """Fragments of scapy's making, of several packets at once; what misses a part is counted as fragments."""
    chance = random.Random(seed)
    pieces: list[bytes] = []
    sizes = [chance.randrange(1200, 8000) for _ in range(12)]
    for number, size in enumerate(sizes):
        cut = fragment(outer_of(4, size, number), 1000) if version == 4 else fragment6(outer_of(6, size, number), 1000)
        if number == 3:
            cut = cut[:-1]
        pieces += [bytes(Ether(src="0a:00:00:00:00:01", dst="0a:00:00:00:00:02") / each) for each in cut]
    chance.shuffle(pieces)
    source.write_bytes(pcap_file(pieces))
    assert decapsulate(source, out) == 0
    wanted = sorted(str(14 + 20 + 8 + size) for number, size in enumerate(sizes) if number != 3)
    assert sorted(told(out, "frame.len")) == wanted
    assert set(told(out, "frame.comment")) == {""}, "nothing is called cut"
    err = capfd.readouterr().err
    assert f"from {len(pieces)} packets" in err
    assert "that are fragments of outer packets whose other parts are not there" in err


@pytest.mark.parametrize("cut", [60, 300, 1400])
def test_a_guess_is_no_fact(source, out, cut):
    """A frame that ends early is said to end early; why, the file does not say."""
    source.write_bytes(pcap_file([SHAPES["ipv4"](ethernet(0x0800, ipv4(udp(bytes(3000)))), 7)[: 50 + cut]]))
    decapsulate(source, out)
    (comment,) = told(out, "frame.comment")
    assert f"is cut to {cut} bytes" in comment
    assert "no header says" in comment


# Formats


def packed_by(*command: str) -> Callable[[bytes], bytes]:
    return lambda data: subprocess.run(command, input=data, capture_output=True, check=True).stdout


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": packed_by("zstd", "-c"),
    "lz4": packed_by("lz4", "-c"),
    "zstd, two frames": lambda data: packed_by("zstd", "-c")(data[:999]) + packed_by("zstd", "-c")(data[999:]),
    "lz4, two frames": lambda data: packed_by("lz4", "-c")(data[:999]) + packed_by("lz4", "-c")(data[999:]),
}
OUTERS = [SHAPES["ipv4"](ethernet(0x0800, ipv4(udp(bytes([n % 251]) * 400, 53))), 77) for n in range(9000)]


@pytest.mark.thin(4)
@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", FILES)
def test_what_wireshark_reads_is_read(source, out, name, packing):
    """Every format in every packing, as the packers' own programs make them: the same as unpacked."""
    plain = out.with_suffix(".plain")
    source.write_bytes(FILES[name](OUTERS[:900]))
    decapsulate(source, plain)
    assert len(told(plain, "frame.len")) == 900
    source.write_bytes(PACKINGS[packing](source.read_bytes()))
    decapsulate(source, out)
    assert out.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("packing", ["zstd", "lz4"])
def test_packed_files_of_many_pieces(source, out, packing):
    """More than one piece of the input, and of the output."""
    chance = random.Random(1)
    data = pcap_file([SHAPES["ipv4"](ethernet(0x0800, ipv4(udp(chance.randbytes(900)))), 7) for _ in range(4000)])
    source.write_bytes(PACKINGS[packing](data))
    decapsulate(source, out)
    assert len(told(out, "frame.len")) == 4000


@pytest.mark.parametrize("packing", ["zstd", "lz4"])
def test_packed_data_that_end_or_rot_are_told(source, out, packing):
    """In a sentence."""
    whole = PACKINGS[packing](pcap_file(OUTERS[:300]))
    for data, message in (
        (whole[:-9], "data are cut off at byte"),
        (whole[:-1] + bytes([~whole[-1] & 255]), "are rotten"),
    ):
        source.write_bytes(data)
        with pytest.raises(InputError, match=message):
            decapsulate(source, out)


@pytest.mark.parametrize("packing", ["zstd", "lz4"])
def test_without_its_library_the_command_is_named(packing):
    """What to install, or how to do without."""

    def nothing(name: str) -> None:
        raise ImportError(name)

    with pytest.raises(InputError, match=rf"Run: .*lz4.* Or .*: {packing} -dc FILE \| vpcshark decap - OUT"):
        packing_of(PACKINGS[packing](b"x")[:4], "FILE", nothing)


# Ports


@pytest.mark.parametrize(("ports", "options", "frames"), [
    ([4789, 8472], [], 1),
    ([4789, 8472], ["--port", 4789, "--port", 8472], 2),
    ([8472, 8472, 9000, 4790], ["--port", 8472], 2),
    ([8472, 8472, 9000, 4790], ["--port", 9000, "--port", 4790, "--port", 8472], 4),
])  # fmt: skip
def test_ports_that_look_like_vxlan_are_named(source, out, ports, options, frames, capfd):
    """And ``--port`` takes several; what looks like nothing is not named."""
    outers = [ethernet(0x0800, ipv4(udp(vxlan(INNER, 7), port))) for port in ports]
    outers += [ethernet(0x0800, ipv4(udp(bytes(200), 12345)))]
    source.write_bytes(pcap_file(outers * 40))
    decapsulate(*options, source, out)
    assert len(told(out, "frame.len")) == frames * 40
    err = capfd.readouterr().err
    missing = set(ports) - set(options[1::2] or [4789, 4790])
    assert all(f"--port {port}" in err for port in missing)
    assert ("looks like VXLAN" in err) == bool(missing)
    assert "12345" not in err


# The output


BROKEN: Sequence[tuple[str, bytes, int]] = (
    ("empty", b"", 0),
    ("text", b"hello, world", 0),
    ("no VXLAN", pcap_file([INNER] * 9), 0),
    ("cut", pcap_file(OUTERS[:50])[:-7], 49),
    ("rot", FILES["pcapng"](OUTERS[:50]) + bytes(40), 50),
    ("cut gzip", gzip.compress(pcap_file(OUTERS[:400]))[:-4], 400),
    ("no interface", pcapng_head()[:28] + pcapng_packet(OUTERS[0], 1), 0),
)


@pytest.mark.thin(4)
@pytest.mark.parametrize("was", [None, b"the work of weeks"], ids=["new", "old"])
@pytest.mark.parametrize(("data", "frames"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_a_failing_input_leaves_the_output_as_it_was(tmp_path, source, out, data, frames, was):
    """What was good is saved: in its place if that is free, else beside it; nothing else stays in the folder."""
    source.write_bytes(data)
    if was is not None:
        out.write_bytes(was)
    with pytest.raises(InputError) as error:
        decapsulate(source, out)
    saved = out if was is None else out.with_name("out.pcapng.part")
    if was is not None:
        assert out.read_bytes() == was
    assert saved.exists() == bool(frames)
    if frames:
        assert len(told(saved, "frame.len")) == frames
        assert str(saved) in str(error.value)
    assert set(tmp_path.iterdir()) == {source, *([out] if was else []), *([saved] if frames else [])}


@pytest.mark.parametrize("interfaces", [0, 1])
def test_an_interface_that_is_not_there_is_named_as_that(source, out, interfaces, capfd):
    """Not as a link type; tshark gives up at the first such packet."""
    head = pcapng_head() if interfaces else pcapng_head()[:28]
    good = [pcapng_packet(OUTERS[0], n) for n in range(20 * interfaces)]
    source.write_bytes(head + b"".join(good) + pcapng_packet(OUTERS[0], 1, interface=interfaces) * 20)
    if not interfaces:
        with pytest.raises(InputError, match=r"\(20 of interfaces that the file does not describe\)"):
            decapsulate(source, out)
        return
    decapsulate(source, out)
    assert "20 frames of VNI 77 from 40 packets; 20 of interfaces that" in capfd.readouterr().err
