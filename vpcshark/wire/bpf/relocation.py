"""Moves a filter written for the inner frame to where that frame lies inside the outer one.

Two forms: ``Fixed``, the inner frame begins at a constant offset (the common shapes of outer headers), and
``Floating``, the offset is in a scratch slot (IP options, extension headers, Geneve). Either gives the verdict that
libpcap's own interpreter gives for the inner frame alone, also where the kernel's differs from it (index overflow,
shifts by 32 and more). Must not know the outer headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vpcshark.wire.bpf.instructions import (
    ABS,
    ADD,
    ALU,
    AND,
    IMM,
    IND,
    JA,
    JEQ,
    JGE,
    JGT,
    JMP,
    LD,
    LDX,
    LEN,
    LSH,
    MEM,
    MSH,
    OUTGOING,
    PACKET_TYPE,
    RET,
    RET_A,
    RSH,
    SCRATCH_SLOTS,
    ST,
    STX,
    SUB,
    TAX,
    TXA,
    Assembler,
    B,
    FilterError,
    H,
    Instruction,
    X,
    successors,
)

FURTHEST = 0x0FFF_FFFF
"""Loads beyond this are out of any frame; the kernel would take numbers near 2^32 for its ancillary data."""


@dataclass(frozen=True)
class Fixed:
    """The inner frame begins at ``base``. Its length is the 16-bit word at ``length_at`` (the whole data if None) less
    ``less``.
    """

    base: int
    length_at: int | None
    less: int


@dataclass(frozen=True)
class Floating:
    """The inner frame begins at scratch[``base``] and is scratch[``length``] long; scratch[``spare``] may be
    overwritten.
    """

    base: int
    length: int
    spare: int


def free_slots(program: Sequence[Instruction], count: int) -> list[int]:
    """``count`` scratch slots that ``program`` does not use; ``FilterError`` when there are not so many."""
    used = {k for code, _, _, k in program if code in (ST, STX, LD | MEM, LDX | MEM)}
    free = [slot for slot in reversed(range(SCRATCH_SLOTS)) if slot not in used]
    if len(free) < count:
        raise FilterError(
            "The capture filter is too complex: it leaves the kernel no scratch memory. Use less arithmetic."
        )
    return free[:count]


def move(
    assembler: Assembler,
    program: Sequence[Instruction],
    place: Fixed | Floating,
    spare: int,
    returns: Callable[[int], int],
    mac: bytes | None,
    way: int | None = None,
) -> None:
    """Append ``program`` (checked before), moved to ``place``. ``returns`` maps its verdicts, ``mac`` is the source's.

    The MAC is needed only by ``inbound`` and ``outbound``, unless ``find_way`` has filled the scratch slot ``way``;
    ``FilterError`` if it is missing there.
    """
    _Move(assembler, program, place, spare, returns, mac, way).run()


def asks_direction(program: Sequence[Instruction]) -> bool:
    """Does it ask whether a frame is ``inbound`` or ``outbound``?"""
    return any(k == PACKET_TYPE and code & 0xE7 == LD | ABS for code, _, _, k in program)


def find_way(out: Assembler, place: Fixed | Floating, macs: Mapping[int, bytes | None], way: int) -> None:
    """At each label of ``macs``: put into scratch[``way``] what ``PACKET_TYPE`` is for that source's MAC, and go on
    behind all of this. A and X are lost. ``FilterError`` if a MAC is missing."""
    outgoing, incoming, done = out.label(), out.label(), out.label()
    for label, mac in macs.items():
        out.place(label)
        _compare_origin(out, place, mac, incoming)
        out.goto(outgoing)
    out.place(incoming)
    out.emit(LD | IMM, 0)
    out.goto(done)
    out.place(outgoing)
    out.emit(LD | IMM, OUTGOING)
    out.place(done)
    out.emit(ST, way)


def _compare_origin(out: Assembler, place: Fixed | Floating, mac: bytes | None, incoming: int) -> None:
    """Fall through if the inner frame's source address is ``mac``, else go to ``incoming``. A and X are lost."""
    if mac is None:
        raise FilterError("inbound and outbound need the MAC address of the source, which is not known here.")
    for offset, size, part in ((8, 0, mac[2:]), (6, H, mac[:2])):
        if isinstance(place, Fixed):
            out.emit(LD | size | ABS, offset + place.base)
        else:
            out.emit(LDX | MEM, place.base)
            out.emit(LD | size | IND, offset)
        out.jump(JEQ, int.from_bytes(part, "big"), -1, incoming)


class _Move:
    def __init__(
        self,
        assembler: Assembler,
        program: Sequence[Instruction],
        place: Fixed | Floating,
        spare: int,
        returns: Callable[[int], int],
        mac: bytes | None,
        way: int | None,
    ) -> None:
        self.out = assembler
        self.program = program
        self.place = place
        self.spare = spare
        self.returns = returns
        self.mac = mac
        self.way = way
        self.small = _small_indices(program)
        self.a_alive, self.x_alive = _alive_after(program)

    def run(self) -> None:
        labels = [self.out.label() for _ in self.program]
        self.out.emit(LDX | IMM, 0)  # both registers are 0 when a filter begins
        self.out.emit(LD | IMM, 0)
        for index, (code, _, _, k) in enumerate(self.program):
            self.out.place(labels[index])
            if code & 7 == JMP:
                targets = [labels[target] for target in successors(self.program, index)]
                if code == JMP | JA:
                    self.out.goto(targets[0])
                else:
                    self.out.jump(code & ~7, k, targets[0], targets[1])
            elif code & 7 == RET:
                self._return(code, k)
            else:
                self._one(index, code, k)

    def _one(self, index: int, code: int, k: int) -> None:
        kind, mode = code & 7, code & 0xE0
        if kind == LD and mode == ABS and k == PACKET_TYPE:
            self._packet_type()
        elif kind == LD and mode == ABS:
            self._absolute(index, code, k)
        elif kind == LD and mode == IND:
            self._indirect(index, code, k)
        elif kind == LDX and mode == MSH:
            self._header_length(index, k)
        elif kind in (LD, LDX) and mode == LEN:
            self._length(kind)
        elif kind == ALU and code & X and code & 0xF0 in (LSH, RSH):
            self._shift(code)
        else:
            self.out.emit(code, k)

    def _return(self, code: int, k: int) -> None:
        if code == RET_A:
            accept = self.out.label()
            self.out.jump(JEQ, 0, -1, accept)
            self.out.emit(RET, self.returns(0))
            self.out.place(accept)
            k = FURTHEST
        self.out.emit(RET, self.returns(k))

    def _absolute(self, index: int, code: int, k: int) -> None:
        if k > FURTHEST:
            self.out.emit(RET, self.returns(0))
        elif isinstance(self.place, Fixed):
            self.out.emit(code, k + self.place.base)
        else:
            with _Kept(self.out, STX, self.spare, self.x_alive[index]):
                self.out.emit(LDX | MEM, self.place.base)
                self.out.emit(code & ~ABS | IND, k)

    def _indirect(self, index: int, code: int, k: int) -> None:
        if k > FURTHEST:
            self.out.emit(RET, self.returns(0))
            return
        if not self.small[index]:
            self._refuse_far_index()
        if isinstance(self.place, Fixed):
            self.out.emit(code, k + self.place.base)
            return
        with _Kept(self.out, STX, self.spare, self.x_alive[index]):
            self.out.emit(LD | MEM, self.place.base)
            self.out.emit(ALU | ADD | X)
            self.out.emit(TAX)
            self.out.emit(code, k)

    def _refuse_far_index(self) -> None:
        """An index near 2^32 would wrap round to the outer headers. A is free here: the load that follows sets it."""
        near = self.out.label()
        self.out.emit(TXA)
        self.out.jump(JGT, FURTHEST, -1, near)
        self.out.emit(RET, self.returns(0))
        self.out.place(near)

    def _header_length(self, index: int, k: int) -> None:
        """X = 4 * (byte & 15); there is no indexed form of that load."""
        if k > FURTHEST:
            self.out.emit(RET, self.returns(0))
        elif isinstance(self.place, Fixed):
            self.out.emit(LDX | B | MSH, k + self.place.base)
        else:
            with _Kept(self.out, ST, self.spare, self.a_alive[index]):
                self.out.emit(LDX | MEM, self.place.base)
                self.out.emit(LD | B | IND, k)
                self.out.emit(ALU | AND, 0xF)
                self.out.emit(ALU | LSH, 2)
                self.out.emit(TAX)

    def _length(self, kind: int) -> None:
        """The inner frame's length; the outer frame's own may include padding."""
        with _Kept(self.out, ST, self.spare, kind == LDX):
            if isinstance(self.place, Floating):
                self.out.emit(LD | MEM, self.place.length)
            else:
                at = self.place.length_at
                self.out.emit(LD | LEN if at is None else LD | H | ABS, at or 0)
                self.out.emit(ALU | SUB, self.place.less)
            if kind == LDX:
                self.out.emit(TAX)

    def _shift(self, code: int) -> None:
        """libpcap: a shift by 32 or more gives 0; the kernel takes the count modulo 32."""
        far, done = self.out.label(), self.out.label()
        self.out.emit(ST, self.spare)
        self.out.emit(TXA)
        self.out.jump(JGE, 32, far, -1)
        self.out.emit(LD | MEM, self.spare)
        self.out.emit(code)
        self.out.goto(done)
        self.out.place(far)
        self.out.emit(LD | IMM, 0)
        self.out.place(done)

    def _packet_type(self) -> None:
        """A = PACKET_OUTGOING if the inner frame's source is our source, else 0 (PACKET_HOST)."""
        if self.way is not None:
            self.out.emit(LD | MEM, self.way)
            return
        incoming, done = self.out.label(), self.out.label()
        with _Kept(self.out, STX, self.spare, True):
            _compare_origin(self.out, self.place, self.mac, incoming)
            self.out.emit(LD | IMM, OUTGOING)
            self.out.goto(done)
            self.out.place(incoming)
            self.out.emit(LD | IMM, 0)
            self.out.place(done)


class _Kept:
    """Saves A (ST) or X (STX) in a scratch slot around some instructions, if it is needed after them."""

    def __init__(self, out: Assembler, store: int, slot: int, needed: bool) -> None:
        self.out, self.store, self.slot, self.needed = out, store, slot, needed

    def __enter__(self) -> None:
        if self.needed:
            self.out.emit(self.store, self.slot)

    def __exit__(self, *_: object) -> None:
        if self.needed:
            self.out.emit((LD if self.store == ST else LDX) | MEM, self.slot)


def _small_indices(program: Sequence[Instruction]) -> list[bool]:
    """For each instruction: is X surely at most ``FURTHEST`` before it?"""
    small = [True] * len(program)
    for index, (code, _, _, k) in enumerate(program):
        after = small[index]
        if code & 7 == LDX:
            after = code & 0xE0 in (MSH, LEN) or (code == LDX | IMM and k <= FURTHEST)
        elif code == TAX:
            after = False
        for target in successors(program, index):
            small[target] = small[target] and after
    return small


def _alive_after(program: Sequence[Instruction]) -> tuple[list[bool], list[bool]]:
    """For each instruction: may the value that A, and that X, has after it still be read?"""
    a_before, x_before = [False] * len(program), [False] * len(program)
    a_after, x_after = [False] * len(program), [False] * len(program)
    for index in reversed(range(len(program))):
        code = program[index][0]
        targets = successors(program, index)
        a_after[index] = any(a_before[target] for target in targets)
        x_after[index] = any(x_before[target] for target in targets)
        a_before[index] = _reads_a(code) or (a_after[index] and not (code & 7 == LD or code == TXA))
        x_before[index] = _reads_x(code) or (x_after[index] and not (code & 7 == LDX or code == TAX))
    return a_after, x_after


def _reads_a(code: int) -> bool:
    return code in (ST, TAX, RET_A) or code & 7 == ALU or (code & 7 == JMP and code != JMP | JA)


def _reads_x(code: int) -> bool:
    kind = code & 7
    return code in (STX, TXA) or (kind in (ALU, JMP) and bool(code & X)) or (kind == LD and code & 0xE0 == IND)
