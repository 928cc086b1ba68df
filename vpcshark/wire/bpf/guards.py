"""The part of a kernel filter that finds the inner frame: outer Ethernet, IP, UDP, VXLAN or Geneve, and the VNI.

The common shapes (VXLAN over IPv4 without options, or straight over IPv6) have fixed offsets and come first; everything
else is walked with the index register. ``vpcshark.wire.overlay.vxlan`` reads the same headers in Python; a test holds
the two together. Must not know what the user's filter says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vpcshark.wire.bpf.instructions import (
    ABS,
    ADD,
    ALU,
    AND,
    IMM,
    IND,
    JEQ,
    JGE,
    JSET,
    LD,
    LDX,
    LSH,
    MEM,
    RET,
    RSH,
    ST,
    SUB,
    TAX,
    TXA,
    Assembler,
    B,
    H,
    Instruction,
    W,
    X,
)
from vpcshark.wire.bpf.relocation import Fixed, Floating, asks_direction, find_way, free_slots, move
from vpcshark.wire.overlay.vxlan import MAX_EXTENSIONS, MAX_OUTER_TAGS, VLAN_TAGS

_HEADROOM = 512
"""The outer headers never take more; added to a verdict, which counts bytes from the start of the outer frame."""
_FOREIGN_BYTES = 192
_EXTENSIONS = (0, 43, 60)  # hop-by-hop, routing, destination options (RFC 8200); a fragment (44) has its own rule


@dataclass(frozen=True)
class Sources:
    """VNI -> the MAC of its source, or None where it is not known; empty: any VNI."""

    macs: Mapping[int, bytes | None]

    @staticmethod
    def of(vnis: Iterable[int] | Mapping[int, bytes | None]) -> Sources:
        """From plain VNIs or from a mapping."""
        return Sources(dict(vnis) if isinstance(vnis, Mapping) else dict.fromkeys(vnis))


def vni_chain(
    out: Assembler,
    sources: Sources,
    program: Sequence[Instruction],
    place: Fixed | Floating,
    returns: Callable[[int], int],
    other: tuple[int, int],
) -> None:
    """With the VNI in A: run ``program`` at ``place`` for ours; ``other`` is the verdict for others, and the label for
    a 0 of it.

    However many sources there are, the program is there once; where it asks for the direction of several, each VNI
    first has its frame's way found out by its own MAC.
    """
    spare = place.spare if isinstance(place, Floating) else free_slots(program, 1)[0]
    macs = set(sources.macs.values())
    way = way_slot(program, sources)
    found = out.label()
    labels = {vni: found if way is None else out.label() for vni in sources.macs}
    for vni, label in labels.items():
        out.jump(JEQ, vni, label, -1)
    if sources.macs and other[0]:
        out.emit(RET, other[0])
    elif sources.macs:
        out.goto(other[1])
    if way is not None:
        find_way(out, place, {labels[vni]: mac for vni, mac in sources.macs.items()}, way)
    out.place(found)
    move(out, program, place, spare, returns, next(iter(macs)) if len(macs) == 1 else None, way)


def way_slot(program: Sequence[Instruction], sources: Sources) -> int | None:
    """The scratch slot that holds which way a frame goes; None where the program never asks, or one MAC is enough."""
    several = len(set(sources.macs.values())) > 1
    return free_slots(program, 4)[3] if several and asks_direction(program) else None


def _frame_verdict(k: int) -> int:
    return min(k + _HEADROOM, 0x7FFF_FFFF) if k else 0


class FrameGuard:
    """Assembles the whole filter for outer Ethernet frames."""

    def __init__(
        self, program: Sequence[Instruction], sources: Sources, port: int, geneve_port: int, foreign: bool
    ) -> None:
        self.program, self.sources = program, sources
        self.port, self.geneve_port = port, geneve_port
        self.other = _FOREIGN_BYTES if foreign else 0
        self.base, self.length, self.spare = free_slots(program, 3)

    def assemble(self, compact: bool = False) -> list[Instruction]:
        """The instructions. ``compact`` has one copy of the filter for all shapes, not one for each common one."""
        self.out = Assembler()
        self.reject, self.walk, self.found = self.out.label(), self.out.label(), self.out.label()
        if not compact:
            self._common_shapes()
        self.out.place(self.walk)
        self._walk()
        self.out.place(self.reject)
        self.out.emit(RET, 0)
        return self.out.assemble()

    def _common_shapes(self) -> None:
        """VXLAN over IPv4 without options and straight over IPv6; everything else goes on to ``walk``."""
        out, v6 = self.out, self.out.label()
        out.emit(LD | H | ABS, 12)
        out.jump(JEQ, 0x86DD, v6, -1)
        out.jump(JEQ, 0x0800, -1, self.walk)
        out.emit(LD | B | ABS, 23)
        out.jump(JEQ, 17, -1, self.reject)
        out.emit(LD | B | ABS, 14)
        out.jump(JEQ, 0x45, -1, self.walk)
        out.emit(LD | H | ABS, 20)
        out.jump(JSET, 0x1FFF, self.reject, -1)
        self._fixed(34)
        out.place(v6)
        out.emit(LD | B | ABS, 14)
        out.emit(ALU | AND, 0xF0)
        out.jump(JEQ, 0x60, -1, self.reject)
        out.emit(LD | B | ABS, 20)
        out.jump(JEQ, 17, -1, self.walk)
        self._fixed(54)

    def _fixed(self, udp: int) -> None:
        """VXLAN whose UDP header begins at a constant offset."""
        out = self.out
        out.emit(LD | H | ABS, udp + 2)
        out.jump(JEQ, self.port, -1, self.walk)
        out.emit(LD | B | ABS, udp + 8)
        out.jump(JSET, 0x08, -1, self.reject)
        out.emit(LD | W | ABS, udp + 12)
        out.emit(ALU | RSH, 8)
        self._chain(Fixed(udp + 16, udp + 4, 16))

    def _chain(self, place: Fixed | Floating) -> None:
        vni_chain(self.out, self.sources, self.program, place, _frame_verdict, (self.other, self.reject))

    def _walk(self) -> None:
        """Any other shape, with X at the header in question."""
        out, v4, v6, udp, vxlan = self.out, *(self.out.label() for _ in range(4))
        self._ethertype(v4, v6)
        out.place(v4)
        self._ipv4(udp)
        out.place(v6)
        self._ipv6(udp)
        out.place(udp)
        out.emit(LD | H | IND, 2)
        out.jump(JEQ, self.port, vxlan, -1)
        out.jump(JEQ, self.geneve_port, -1, self.reject)
        self._geneve(vxlan)
        out.place(vxlan)
        self._vxlan()
        out.place(self.found)
        self._chain(Floating(self.base, self.length, self.spare))

    def _ethertype(self, v4: int, v6: int) -> None:
        """Past the VLAN tags (the kernel has taken the outermost off already)."""
        out, known = self.out, self.out.label()
        for tags in range(MAX_OUTER_TAGS + 1):
            out.emit(LDX | IMM, 14 + 4 * tags)
            out.emit(LD | H | ABS, 12 + 4 * tags)
            if tags < MAX_OUTER_TAGS:
                more = out.label()
                for tag in VLAN_TAGS:
                    out.jump(JEQ, tag, more, -1)
                out.goto(known)
                out.place(more)
        out.place(known)
        out.jump(JEQ, 0x0800, v4, -1)
        out.jump(JEQ, 0x86DD, v6, self.reject)

    def _version(self, version: int) -> None:
        self.out.emit(LD | B | IND, 0)
        self.out.emit(ALU | AND, 0xF0)
        self.out.jump(JEQ, version << 4, -1, self.reject)

    def _ipv4(self, udp: int) -> None:
        out = self.out
        self._version(4)
        out.emit(LD | B | IND, 9)
        out.jump(JEQ, 17, -1, self.reject)
        out.emit(LD | H | IND, 6)
        out.jump(JSET, 0x1FFF, self.reject, -1)
        out.emit(LD | B | IND, 0)
        out.emit(ALU | AND, 0xF)
        out.emit(ALU | LSH, 2)
        out.jump(JGE, 20, -1, self.reject)
        out.emit(ALU | ADD | X)
        out.emit(TAX)
        out.goto(udp)

    def _ipv6(self, udp: int) -> None:
        out = self.out
        self._version(6)
        out.emit(LD | B | IND, 6)
        self._advance(40)
        for _ in range(MAX_EXTENSIONS):
            self._extension(udp)
        out.jump(JEQ, 17, udp, self.reject)

    def _extension(self, udp: int) -> None:
        """A is the type of the header at X: go to UDP, or step over an extension header, its successor's type in A."""
        out, fragment, done = self.out, self.out.label(), self.out.label()
        out.jump(JEQ, 17, udp, -1)
        out.jump(JEQ, 44, fragment, -1)
        known = out.label()
        for extension in _EXTENSIONS[:-1]:
            out.jump(JEQ, extension, known, -1)
        out.jump(JEQ, _EXTENSIONS[-1], -1, self.reject)
        out.place(known)
        out.emit(LD | B | IND, 0)
        out.emit(ST, self.spare)
        out.emit(LD | B | IND, 1)
        out.emit(ALU | ADD, 1)
        out.emit(ALU | LSH, 3)
        out.emit(ALU | ADD | X)
        out.emit(TAX)
        out.emit(LD | MEM, self.spare)
        out.goto(done)
        out.place(fragment)
        out.emit(LD | H | IND, 2)
        out.jump(JSET, 0xFFF8, self.reject, -1)
        out.emit(LD | B | IND, 0)
        self._advance(8)
        out.place(done)

    def _advance(self, count: int) -> None:
        """X += ``count``; A is kept."""
        for code, k in ((ST, self.spare), (TXA, 0), (ALU | ADD, count), (TAX, 0), (LD | MEM, self.spare)):
            self.out.emit(code, k)

    def _geneve(self, vxlan: int) -> None:
        """RFC 8926, 3.4. IP inside is what a Gateway Load Balancer sends: VXLAN in UDP is looked for within it."""
        out, ethernet, v4, v6, udp, bare = self.out, *(self.out.label() for _ in range(5))
        self._geneve_head(ethernet, v4, v6)
        outside, self.reject = self.reject, bare
        out.place(v4)
        self._ipv4(udp)
        out.place(v6)
        self._ipv6(udp)
        out.place(udp)
        out.emit(LD | H | IND, 2)
        out.jump(JEQ, self.port, -1, bare)
        out.emit(LD | B | IND, 8)
        out.jump(JSET, 0x08, vxlan, bare)
        self.reject = outside
        out.place(bare)
        self._bare_ip()
        out.place(ethernet)
        self._geneve_ethernet()

    def _geneve_head(self, ethernet: int, v4: int, v6: int) -> None:
        """On by the type of the payload; the VNI is in the slot of the base, where no inner frame is known yet."""
        out = self.out
        out.emit(LD | W | IND, 12)
        out.emit(ALU | RSH, 8)
        out.emit(ST, self.base)
        out.emit(LD | B | IND, 8)
        out.jump(JSET, 0xC0, self.reject, -1)
        out.emit(ALU | AND, 0x3F)
        out.emit(ALU | LSH, 2)
        out.emit(ST, self.spare)
        out.emit(LD | H | IND, 10)
        out.jump(JEQ, 0x6558, ethernet, -1)
        for ethertype, label in ((0x0800, v4), (0x86DD, v6)):
            miss = out.label()
            out.jump(JEQ, ethertype, -1, miss)
            self._past_geneve()
            out.emit(TAX)
            out.goto(label)
            out.place(miss)
        out.goto(self.reject)

    def _bare_ip(self) -> None:
        """IP that carries no VXLAN: it has no Ethernet header for a filter to look at, so it is taken where the filter
        takes everything, by Geneve's own VNI.
        """
        out, taken = self.out, self.out.label()
        code, _, _, k = self.program[0]
        if code == RET and k:
            out.emit(LD | MEM, self.base)
            for vni in self.sources.macs:
                out.jump(JEQ, vni, taken, -1)
            if self.sources.macs:
                out.goto(self.reject)
            out.place(taken)
            out.emit(RET, _frame_verdict(k))
        else:
            out.goto(self.reject)

    def _past_geneve(self) -> None:
        """A = where Geneve's payload begins; the length of its options is in the spare slot."""
        self.out.emit(LD | MEM, self.spare)
        self.out.emit(ALU | ADD, 16)
        self.out.emit(ALU | ADD | X)

    def _geneve_ethernet(self) -> None:
        out = self.out
        self._past_geneve()
        out.emit(ST, self.base)
        out.emit(LD | W | IND, 12)
        out.emit(ALU | RSH, 8)
        out.emit(ST, self.length)
        out.emit(LD | H | IND, 4)
        out.emit(ALU | SUB, 16)
        out.emit(LDX | MEM, self.spare)
        out.emit(ALU | SUB | X)
        out.emit(LDX | MEM, self.length)
        out.emit(ST, self.length)
        out.emit(TXA)
        out.goto(self.found)

    def _vxlan(self) -> None:
        """RFC 7348, section 5: the I flag must be set for the VNI to be valid."""
        out = self.out
        out.emit(LD | B | IND, 8)
        out.jump(JSET, 0x08, -1, self.reject)
        out.emit(LD | H | IND, 4)
        out.emit(ALU | SUB, 16)
        out.emit(ST, self.length)
        out.emit(TXA)
        out.emit(ALU | ADD, 16)
        out.emit(ST, self.base)
        out.emit(LD | W | IND, 12)
        out.emit(ALU | RSH, 8)
