"""Capture filters in the kernel: the inner frame's filter behind a guard for the outer headers and the VNI.

``relocate_frames`` is for AF_PACKET, ``relocate_datagrams`` for UDP sockets without privilege. ``run`` interprets a
program as libpcap does. Must not know how programs are attached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from vpcshark.traffic_mirroring import VXLAN_PORT
from vpcshark.wire.bpf.guards import FrameGuard, Sources, vni_chain
from vpcshark.wire.bpf.instructions import (
    ABS,
    ADD,
    ALU,
    AND,
    DIV,
    IMM,
    IND,
    JA,
    JEQ,
    JGE,
    JGT,
    JMP,
    JSET,
    LD,
    LDX,
    LEN,
    LSH,
    MAX_INSTRUCTIONS,
    MEM,
    MISC,
    MOD,
    MSH,
    MUL,
    NEG,
    OR,
    OUTGOING,
    PACKET_TYPE,
    RET,
    RET_A,
    RSH,
    ST,
    STX,
    SUB,
    XOR,
    Assembler,
    B,
    FilterError,
    H,
    Instruction,
    W,
    X,
    check,
)
from vpcshark.wire.bpf.relocation import Fixed, asks_direction
from vpcshark.wire.overlay.vxlan import STANDARD_PORTS

__all__ = [
    "MAX_INSTRUCTIONS",
    "FilterError",
    "Instruction",
    "asks_direction",
    "check",
    "relocate_datagrams",
    "relocate_frames",
    "run",
]

GENEVE_PORT = STANDARD_PORTS.geneve
"""RFC 8926, section 3.3."""


def relocate_frames(
    program: Sequence[Instruction],
    vnis: Iterable[int] | Mapping[int, bytes | None] = (),
    port: int = VXLAN_PORT,
    *,
    foreign: bool = False,
    geneve_port: int = GENEVE_PORT,
) -> list[Instruction]:
    """``program`` for whole outer Ethernet frames that carry one of ``vnis``.

    Passes VXLAN over IPv4 and IPv6, with options, extension headers and VLAN tags, and VXLAN or Ethernet within Geneve.
    ``vnis`` may map each VNI to its source's MAC (needed by ``inbound``/``outbound``); none at all means any. With
    ``foreign``, frames of other VNIs pass too, cut to their headers, so that the receiver can count them. Raises
    ``FilterError``.
    """
    check(program)
    guard = FrameGuard(program, Sources.of(vnis), port, geneve_port, foreign)
    moved = guard.assemble()
    return moved if len(moved) <= MAX_INSTRUCTIONS else _short_enough(guard.assemble(compact=True))


def relocate_datagrams(
    program: Sequence[Instruction], vnis: Iterable[int] | Mapping[int, bytes | None] = (), *, foreign: bool = False
) -> list[Instruction]:
    """``program`` for the payload of datagrams to a VXLAN port (the data begins with the VXLAN header).

    It returns 1 for a wanted datagram and 0 for any other: the index of a socket within the receiver's SO_REUSEPORT
    group. Raises ``FilterError``.
    """
    check(program)
    out = Assembler()
    reject = out.label()
    out.emit(LD | B | ABS, 0)
    out.jump(JSET, 0x08, -1, reject)
    out.emit(LD | W | ABS, 4)
    out.emit(ALU | RSH, 8)
    vni_chain(out, Sources.of(vnis), program, Fixed(8, None, 8), bool, (int(foreign), reject))
    out.place(reject)
    out.emit(RET, 0)
    return _short_enough(out.assemble())


def _short_enough(program: list[Instruction]) -> list[Instruction]:
    if len(program) > MAX_INSTRUCTIONS:
        raise FilterError(
            f"The capture filter needs {len(program)} instructions in the kernel, "
            f"which takes {MAX_INSTRUCTIONS}: shorten it."
        )
    return program


_COMPARE: dict[int, Callable[[int, int], bool]] = {
    JEQ: lambda a, b: a == b,
    JGT: lambda a, b: a > b,
    JGE: lambda a, b: a >= b,
    JSET: lambda a, b: bool(a & b),
}
_CALCULATE: dict[int, Callable[[int, int], int]] = {
    ADD: lambda a, b: a + b,
    SUB: lambda a, b: a - b,
    MUL: lambda a, b: a * b,
    DIV: lambda a, b: a // b,
    MOD: lambda a, b: a % b,
    OR: lambda a, b: a | b,
    AND: lambda a, b: a & b,
    XOR: lambda a, b: a ^ b,
    LSH: lambda a, b: a << b if b < 32 else 0,
    RSH: lambda a, b: a >> b if b < 32 else 0,
    NEG: lambda a, _: -a,
}


class _OutOfFrame(Exception):
    pass


def run(program: Sequence[Instruction], frame: bytes, length: int | None = None, *, outgoing: bool = False) -> int:
    """The verdict on ``frame``: 0 to refuse it, else how many bytes of it to keep. Semantics of libpcap's
    ``pcap_filter``.

    ``length`` is the frame's length on the wire where less was captured. ``outgoing`` answers ``inbound`` and
    ``outbound``.
    """
    machine = _Machine(frame, len(frame) if length is None else length, outgoing)
    try:
        return machine.run(program)
    except (_OutOfFrame, ZeroDivisionError):
        return 0


class _Machine:
    def __init__(self, frame: bytes, length: int, outgoing: bool) -> None:
        self.frame, self.length, self.outgoing = frame, length, outgoing
        self.a = self.x = 0
        self.scratch = [0] * 16

    def run(self, program: Sequence[Instruction]) -> int:
        index = 0
        while True:
            code, jt, jf, k = program[index]
            index += 1
            kind = code & 7
            if kind == RET:
                return self.a if code == RET_A else k
            if code == JMP | JA:
                index += k
            elif kind == JMP:
                index += jt if _COMPARE[code & 0xF0](self.a, self.x if code & X else k) else jf
            else:
                self._step(kind, code, k)

    def _step(self, kind: int, code: int, k: int) -> None:
        if kind == LD:
            self.a = self._load(code, k)
        elif kind == LDX:
            self.x = self._load(code, k)
        elif kind == ST:
            self.scratch[k] = self.a
        elif kind == STX:
            self.scratch[k] = self.x
        elif kind == ALU:
            self.a = _CALCULATE[code & 0xF0](self.a, self.x if code & X else k) & 0xFFFF_FFFF
        elif code == MISC:
            self.x = self.a
        else:
            self.a = self.x

    def _load(self, code: int, k: int) -> int:
        mode = code & 0xE0
        if mode == IMM:
            return k
        if mode == MEM:
            return self.scratch[k]
        if mode == LEN:
            return self.length
        if mode == MSH:
            return 4 * (self._fetch(k, 1) & 15)
        if mode == ABS and k == PACKET_TYPE:
            return OUTGOING if self.outgoing else 0
        return self._fetch(k + (self.x if mode == IND else 0), {W: 4, H: 2, B: 1}[code & 0x18])

    def _fetch(self, offset: int, size: int) -> int:
        if offset + size > len(self.frame):
            raise _OutOfFrame
        return int.from_bytes(self.frame[offset : offset + size], "big")
