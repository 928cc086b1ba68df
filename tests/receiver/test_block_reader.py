"""Reading ring memory: the fast way gives what the slow one gives, for any frames and times."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples

from vpcshark.receiver import kernel
from vpcshark.receiver.frames import Frames, Source
from vpcshark.receiver.ring import BlockReader
from vpcshark.wire.bpf import kernel_filter
from vpcshark.wire.overlay.vxlan import Ports

MAC, OTHER = bytes.fromhex("0a0000000001"), bytes.fromhex("0a0000000002")
WRAP = 2**32 * 400_000_000
"""A time, in ns, at which the lower word of a pcapng time begins anew."""

times = st.integers(WRAP - 3 * 10**9, WRAP + 3 * 10**9) | st.integers(0, 2**32 * 10**9 - 1)
addresses = st.permutations([MAC, OTHER]).map(b"".join)
kinds = st.sampled_from([b"\x08\x00", b"\x86\xdd", b"\x08\x06", b"\x81\x00\x00\x05\x08\x00", b"\x88\xa8"])
rests = st.binary(max_size=120)
lengths = st.integers(0, 160)
ipv4 = st.builds(lambda length, rest: b"\x08\x00" + struct.pack(">BBH", 0x45, 0, length) + rest, lengths, rests)
ipv6 = st.builds(lambda length, rest: b"\x86\xdd" + struct.pack(">IH", 6 << 28, length) + rest, lengths, rests)
anything = st.builds(lambda kind, rest: kind + rest, kinds, rests)
inners = st.builds(lambda ends, rest: ends + rest, addresses, ipv4 | ipv6 | anything) | st.binary(max_size=30)


@st.composite
def outers(draw: st.DrawFn) -> bytes:
    """What the guard lets in: VXLAN of some VNI over IPv4 or IPv6, plain or not, whole, padded or cut."""
    inner = draw(inners)
    datagram = struct.pack(">BxxxI", 8, draw(st.sampled_from([77, 77, 0xABCDEF, 5])) << 8) + inner
    udp = struct.pack(">HHHH", 50000, 4789, 8 + len(datagram), 0) + datagram
    options = draw(st.sampled_from([b"", b"", bytes(4)]))
    if draw(st.booleans()):
        head = (
            struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(udp), 1, 0, 64, 17, 0) + bytes(8) + options
        )
        frame = bytes(12) + b"\x08\x00" + head + udp
    else:
        extension = b"\x11" + bytes(7) if options else b""
        head = (
            struct.pack(">IHBB", 6 << 28, len(extension) + len(udp), 60 if extension else 17, 64)
            + bytes(32)
            + extension
        )
        frame = bytes(12) + b"\x86\xdd" + head + udp
    change = draw(st.sampled_from([0, 0, 0, 4, -4]))
    return frame + bytes(change) if change >= 0 else frame[:change]


def block(entries: list[tuple[int, bytes]]) -> bytes:
    """tpacket3_hdr, sockaddr_ll and frame, one behind the other, as the kernel lays them out."""
    memory = b""
    for stamp, frame in entries:
        size = (82 + len(frame) + 15) & ~15
        head = struct.pack("<IIIIIIHH", size, stamp // 10**9, stamp % 10**9, len(frame), len(frame), 1, 82, 96)
        memory += (head.ljust(82, b"\xff") + frame).ljust(size, b"\xff")
    return memory


def reader(memory: bytes, snaplen: int) -> tuple[BlockReader, Frames]:
    frames = Frames([Source(77, 0, MAC), Source(0xABCDEF, 3, OTHER)], snaplen, Ports())
    return BlockReader(frames, memoryview(memory)), frames


@settings(max_examples=examples(500), deadline=None)
@given(st.lists(st.tuples(times, outers()), max_size=6), st.sampled_from([262144, 60]))
def test_fast_and_slow_agree(entries, snaplen):
    """Bytes, times, directions, lengths, comments and counts."""
    memory = block(entries)
    fast, fast_frames = reader(memory, snaplen)
    slow, slow_frames = reader(memory, snaplen)
    assert b"".join(fast.fast(0, len(entries)) if entries else []) == b"".join(slow.slow(0, len(entries)))
    assert fast_frames.foreign == slow_frames.foreign
    assert fast_frames.other == slow_frames.other
    assert fast_frames.taken == slow_frames.taken == len(entries)


def test_what_leaves_this_machine_is_refused_whatever_the_kernel_does_of_itself():
    """Loopback shows each frame twice; before Linux 4.20 only the filter tells them apart."""
    program = kernel.arriving([(6, 0, 0, 9)], [])
    assert kernel_filter.run(program, b"x") == 9
    assert kernel_filter.run(program, b"x", outgoing=True) == 0
