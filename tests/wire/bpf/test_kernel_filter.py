"""Relocated filters: the kernel's verdict on the outer frame is libpcap's on the inner one, whatever they are."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outer import GWLB_OPTIONS, ethernet, geneve, ipv4, ipv6, udp, vxlan
from properties import examples

from vpcshark.wire.bpf import kernel_filter
from vpcshark.wire.bpf.libpcap import FilterError, compile_filter
from vpcshark.wire.overlay.vxlan import unwrap

MAC = bytes.fromhex("0a0000000001")
OTHER_MAC = bytes.fromhex("0a0000000002")

addresses = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.1.2.3"])
ports = st.sampled_from([53, 80, 443, 4789])
numbers = st.integers(0, 0xFFFFFFFF) | st.integers(0, 80)
sizes = st.sampled_from(["", ":1", ":2", ":4"])
terms = (
    st.integers(0, 80).map(str)
    | st.just("len")
    | st.builds("{}[{}{}]".format, st.sampled_from(["ether", "ip", "tcp", "udp", "ip6"]), st.integers(0, 40), sizes)
    | st.builds("ether[ether[{}{}]{}]".format, st.integers(0, 40), sizes, sizes)
)
arithmetic = st.builds(
    "({}{}{})".format, terms, st.sampled_from(["+", "-", "*", "&", "|", "^", "<<", ">>", "/", "%"]), terms
)
primitives = st.one_of(
    st.builds("{}host {}".format, st.sampled_from(["", "src ", "dst "]), addresses),
    st.builds("net 10.0.{}.0/24".format, st.integers(0, 2)),
    st.builds("{}port {}".format, st.sampled_from(["", "tcp ", "udp src "]), ports),
    st.builds("portrange {}-{}".format, st.integers(1, 100), st.integers(100, 500)),
    st.sampled_from(
        ["tcp", "udp", "icmp", "icmp6", "arp", "ip", "ip6", "vlan", "vlan 100", "ip6 host fe80::1", "mpls"]
    ),
    st.sampled_from(
        ["ether src 0a:00:00:00:00:01", "tcp[tcpflags] & tcp-syn != 0", "ip[6:2] & 0x1fff = 0", "multicast"]
    ),
    st.builds("{} {}".format, st.sampled_from(["greater", "less"]), st.integers(0, 200)),
    st.builds("{} {} {}".format, terms | arithmetic, st.sampled_from(["=", "!=", "<", ">=", ">"]), numbers),
)
filters = st.recursive(
    primitives,
    lambda inner: (
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=4,
)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Ethernet frames that filters have something to say about, whole, cut short, or of any bytes."""
    kind = draw(st.integers(0, 3))
    payload = draw(st.binary(max_size=60))
    if kind == 0:
        return draw(st.binary(max_size=100))
    ends = struct.pack(">HH", draw(ports), draw(ports))
    if kind == 1:
        octets = [
            draw(st.sampled_from([bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes([10, 1, 2, 3])])) for _ in "sd"
        ]
        options = bytes(4 * draw(st.integers(0, 3)))
        first = 0x45 + len(options) // 4
        fragment = draw(st.sampled_from([0, 0, 0x2000, 0x00B9]))
        protocol = draw(st.sampled_from([6, 17, 1]))
        head = struct.pack(">BBHHHBBH", first, 0, 24 + len(options) + len(payload), 1, fragment, 64, protocol, 0)
        packet, ethertype = head + b"".join(octets) + options + ends + payload, 0x0800
    elif kind == 2:
        head = struct.pack(">IHBB", 6 << 28, 4 + len(payload), draw(st.sampled_from([6, 17, 58, 0])), 64)
        packet, ethertype = head + bytes.fromhex("fe80" + "00" * 13 + "01") * 2 + ends + payload, 0x86DD
    else:
        packet, ethertype = payload, draw(st.sampled_from([0x0806, 0x8847, 0x88CC]))
    tags = draw(st.sampled_from([b"", b"", b"\x81\0\0\x64", b"\x88\xa8\0\x05\x81\0\0\x64"]))
    frame = draw(st.permutations([MAC, OTHER_MAC]))
    whole = b"".join(frame) + tags + struct.pack(">H", ethertype) + packet
    return whole[: draw(st.integers(0, len(whole)) | st.just(len(whole)))]


def compiled(text: str) -> list[kernel_filter.Instruction]:
    """Compile ``text``, by libpcap's optimiser only where it cannot be relocated otherwise; what libpcap itself refuses
    (a constant division by zero, say) becomes "refuse all"."""
    for optimise in (False, True):
        try:
            program = compile_filter(text, optimise=optimise)
            kernel_filter.relocate_frames(program, [77])
        except FilterError:
            continue
        return program
    return [(6, 0, 0, 0)]


@settings(max_examples=examples(400), deadline=None)
@given(filters, frames())
def test_our_interpreter_agrees_with_libpcaps(libpcap_verdict, text, frame):
    """``run`` is what the slow paths and other tests rely on."""
    program = compiled(text)
    assert kernel_filter.run(program, frame) == libpcap_verdict(program, frame)


@settings(max_examples=examples(600), deadline=None)
@given(text=filters, frame=frames(), data=st.data())
def test_relocated_and_plain_programs_agree(libpcap_verdict, kernel, shapes, text, frame, data):
    """For each shape of outer headers the kernel says of the outer frame what libpcap says of the inner one."""
    shape = shapes[data.draw(st.sampled_from(sorted(shapes)))]
    program = compiled(text)
    expected = bool(libpcap_verdict(program, frame))
    assert kernel.accepts(kernel_filter.relocate_frames(program, [77, 0xFFFFFF]), shape(frame, 77)) == expected


@settings(max_examples=examples(300), deadline=None)
@given(text=filters, frame=frames())
def test_the_datagram_form_agrees_too(libpcap_verdict, kernel, text, frame):
    """Without privilege the data begins with the VXLAN header, and the verdict is a socket's index."""
    program = compiled(text)
    moved = kernel_filter.relocate_datagrams(program, [77])
    datagram = struct.pack(">BxxxI", 8, 77 << 8) + frame
    assert kernel.accepts(moved, datagram) == bool(libpcap_verdict(program, frame))
    assert kernel_filter.run(moved, datagram) in (0, 1)


@pytest.mark.parametrize("vni", [0, 1, 77, 2**24 - 1])
def test_only_our_vnis_pass(kernel, shape, vni):
    """The guard compares all 24 bits."""
    program = compile_filter("")
    inner = bytes(60)
    assert kernel.accepts(kernel_filter.relocate_frames(program, [vni]), shape(inner, vni))
    assert kernel.accepts(kernel_filter.relocate_frames(program, []), shape(inner, vni))
    assert not kernel.accepts(kernel_filter.relocate_frames(program, [vni ^ 1, vni ^ 0x800000]), shape(inner, vni))


def test_foreign_vnis_pass_when_they_are_to_be_counted(kernel, shape):
    """With ``foreign`` the filter still decides on our own frames, and other VNIs come through, cut short."""
    program = kernel_filter.relocate_frames(compile_filter("tcp"), [77], foreign=True)
    assert not kernel.accepts(program, shape(bytes(60), 77))
    assert kernel.accepts(program, shape(bytes(60), 78))
    assert kernel_filter.run(program, shape(bytes(60), 78)) < 256


@pytest.mark.parametrize(("text", "source", "wanted"), [
    ("outbound", MAC, True), ("inbound", MAC, False), ("outbound", OTHER_MAC, False), ("inbound", OTHER_MAC, True),
    ("not outbound and udp", OTHER_MAC, True),
])  # fmt: skip
def test_direction_is_the_sources(kernel, shape, text, source, wanted):
    """Inbound and outbound are meant from the mirrored interface's point of view, not from the capture host's."""
    destination = MAC if source == OTHER_MAC else OTHER_MAC
    frame = destination + source + bytes.fromhex("0800 4500001c00010000 40110000 0a000001 0a000002 0035 0035 0008 0000")
    sources = {77: MAC, 78: OTHER_MAC}
    assert kernel.accepts(kernel_filter.relocate_frames(compile_filter(text), sources), shape(frame, 77)) == wanted
    assert (
        kernel.accepts(
            kernel_filter.relocate_datagrams(compile_filter(text), sources),
            struct.pack(">II", 8 << 24, 77 << 8) + frame,
        )
        == wanted
    )


@pytest.mark.parametrize("number", [0, 57, 99])
@pytest.mark.parametrize("text", ["inbound and (tcp port 80 or udp port 53 or icmp)", "outbound and udp"])
def test_direction_of_a_hundred_sources_fits_into_the_kernel(kernel, shape, text, number):
    """As many as AWS lets a target have: each frame's way is told by the MAC of its own VNI, in any outer headers."""
    macs = [bytes.fromhex("0a00000002") + bytes([n]) for n in range(100)]
    sources = dict(zip(range(1000, 1100), macs, strict=True))
    program = kernel_filter.relocate_frames(compile_filter(text), sources)
    assert len(program) <= kernel_filter.MAX_INSTRUCTIONS
    datagrams = kernel_filter.relocate_datagrams(compile_filter(text), sources)
    packet = bytes.fromhex("0800 4500001c00010000 40110000 0a000001 0a000002 0035 0035 0008 0000")
    for origin in (number, (number + 1) % 100):
        frame = OTHER_MAC + macs[origin] + packet
        wanted = (origin == number) == text.startswith("outbound")
        assert kernel.accepts(program, shape(frame, 1000 + number)) == wanted
        assert kernel.accepts(datagrams, struct.pack(">II", 8 << 24, 1000 + number << 8) + frame) == wanted


def test_direction_needs_the_sources_address():
    """Without a MAC the user is told; a filter that matches nothing would be worse."""
    with pytest.raises(FilterError, match="MAC address"):
        kernel_filter.relocate_frames(compile_filter("outbound"), [77])


@settings(max_examples=examples(400), deadline=None)
@given(data=st.data(), frame=frames(), vni=st.integers(0, 0xFFFFFF))
def test_guard_and_parser_agree(kernel, shapes, data, frame, vni):
    """What ``vxlan.unwrap`` recognises passes the guard in the kernel, also after some bytes of it were changed."""
    outer = bytearray(shapes[data.draw(st.sampled_from(sorted(shapes)))](frame, vni))
    for _ in range(data.draw(st.integers(0, 3))):
        outer[data.draw(st.integers(0, min(len(outer) - 1, 140)))] = data.draw(st.integers(0, 255))
    inner = unwrap(bytes(outer), 0, len(outer))
    if inner is not None and not inner.header:
        assert kernel.accepts(kernel_filter.relocate_frames(compile_filter(""), [inner.vni]), bytes(outer))


@pytest.mark.parametrize("kind", [0x0800, 0x86DD])
@pytest.mark.parametrize("is_vxlan", [False, True], ids=["UDP", "VXLAN without the I flag"])
def test_bare_ip_in_geneve_passes_where_everything_does(kernel, kind, is_vxlan):
    """By Geneve's VNI; a filter, which means Ethernet, can't be asked about it."""
    payload = udp(vxlan(bytes(60), 77, flags=0) if is_vxlan else bytes(60), 4789 if is_vxlan else 53)
    packet = ipv4(payload) if kind == 0x0800 else ipv6(payload)
    frame = ethernet(0x0800, ipv4(udp(geneve(packet, kind, 5, GWLB_OPTIONS), 6081)))
    assert unwrap(frame, 0, len(frame)).vni == 5
    assert kernel.accepts(kernel_filter.relocate_frames(compile_filter(""), []), frame)
    assert kernel.accepts(kernel_filter.relocate_frames(compile_filter(""), [7, 5]), frame)
    assert not kernel.accepts(kernel_filter.relocate_frames(compile_filter(""), [77]), frame)
    assert not kernel.accepts(kernel_filter.relocate_frames(compile_filter("udp"), [5]), frame)


@pytest.mark.parametrize("kind", ["later fragment", "no udp", "other port", "I flag clear", "arp"])
def test_what_is_no_mirrored_frame_does_not_pass(kernel, shapes, kind):
    """The host's own traffic stays in the kernel."""
    outer = bytearray(shapes["ipv4"](bytes(60), 77))
    at, value = {
        "later fragment": (21, 1), "no udp": (23, 6), "other port": (37, 1), "I flag clear": (42, 0), "arp": (13, 6),
    }[kind]  # fmt: skip
    outer[at] = value
    assert not kernel.accepts(kernel_filter.relocate_frames(compile_filter(""), []), bytes(outer))


def test_a_first_fragment_passes(kernel, shapes):
    """It holds the headers, so it can be shown, cut short."""
    outer = bytearray(shapes["ipv4"](bytes(60), 77))
    outer[20] = 0x20
    assert kernel.accepts(kernel_filter.relocate_frames(compile_filter(""), [77]), bytes(outer))


@pytest.mark.thin(9)
def test_a_long_filter_needs_far_jumps(kernel, libpcap_verdict, shape):
    """Hundreds of hosts: targets are further away than a conditional jump reaches."""
    text = " or ".join(f"host 10.{number // 250}.1.{number % 250 + 1}" for number in range(270))
    program = compile_filter(text, optimise=True)
    moved = kernel_filter.relocate_frames(program, [77])
    for last, wanted in ((15, True), (251, False)):
        head = bytes.fromhex("0a0000000002 0a0000000001 0800 4500001c000100004011 0000 0a630163")
        frame = head + bytes([10, 1, 1, last]) + bytes(8)
        assert bool(libpcap_verdict(program, frame)) == wanted
        assert kernel.accepts(moved, shape(frame, 77)) == wanted


def test_a_filter_that_is_too_long_is_refused_with_a_sentence():
    """The kernel would answer EINVAL."""
    program = [(0x30, 0, 0, 0)] * 3000 + [(6, 0, 0, 1)]
    with pytest.raises(FilterError, match="shorten it"):
        kernel_filter.relocate_frames(program, [77])


def test_a_loop_is_refused_with_a_sentence():
    """protochain jumps backwards, which no kernel takes."""
    with pytest.raises(FilterError, match="protochain"):
        kernel_filter.relocate_frames(compile_filter("ip6 protochain 6"), [77])


@pytest.mark.parametrize(
    "program",
    [[], [(0xFF, 0, 0, 0)], [(0x15, 5, 0, 0), (6, 0, 0, 0)], [(0x60, 0, 0, 16), (6, 0, 0, 0)], [(0, 0, 0, 0)]],
)
def test_what_is_no_program_is_refused(program):
    """An unknown code, a jump or a run past the end, a slot that does not exist, nothing at all."""
    with pytest.raises(FilterError):
        kernel_filter.check(program)


def test_the_length_is_the_inner_frames_whatever_pads_the_outer_one(kernel):
    """Ethernet fills short frames to 60 bytes; ``less`` and ``greater`` must not count that."""
    outer = bytes(12) + bytes.fromhex(
        "0800 4500002d0001000040110000 0a000001 0a000002 c000 12b5 0019 0000 08000000 00004d00"
    )
    outer += bytes(9) + bytes(60 - len(outer) - 9)
    assert kernel.accepts(kernel_filter.relocate_frames(compile_filter("less 9"), [77]), outer)
    assert not kernel.accepts(kernel_filter.relocate_frames(compile_filter("greater 10"), [77]), outer)
