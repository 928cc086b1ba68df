"""Classic BPF instructions: their names, their check, and the assembler that lays them out.

The numbers are those of ``linux/bpf_common.h`` and of libpcap's ``pcap/bpf.h``; they are the same. Must not know
packets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Instruction = tuple[int, int, int, int]
"""(code, jt, jf, k), as in ``struct bpf_insn``."""

LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)
W, H, B = 0x00, 0x08, 0x10
IMM, ABS, IND, MEM, LEN, MSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR = range(0x00, 0xB0, 0x10)
JA, JEQ, JGT, JGE, JSET = range(0x00, 0x50, 0x10)
X = 0x08
RET_K, RET_A = RET, RET | 0x10
TAX, TXA = MISC, MISC | 0x80

PACKET_TYPE = 0xFFFF_F004
"""SKF_AD_OFF + SKF_AD_PKTTYPE: what libpcap compiles ``inbound`` and ``outbound`` to."""
OUTGOING = 4
"""PACKET_OUTGOING of linux/if_packet.h."""

SCRATCH_SLOTS = 16
MAX_INSTRUCTIONS = 4096 - 64
"""BPF_MAXINSNS of the Linux kernel, less what the receiver puts before a program (which interfaces)."""

_CODES = frozenset(
    {
        LD | IMM,
        LDX | IMM,
        LD | MEM,
        LDX | MEM,
        LD | LEN,
        LDX | LEN,
        LDX | B | MSH,
        ST,
        STX,
        RET_K,
        RET_A,
        TAX,
        TXA,
        JMP | JA,
    }
    | {LD | size | mode for size in (W, H, B) for mode in (ABS, IND)}
    | {ALU | op | src for op in range(0x00, 0xB0, 0x10) for src in (0, X)}
    | {JMP | op | src for op in (JEQ, JGT, JGE, JSET) for src in (0, X)}
)


class FilterError(ValueError):
    """A capture filter that cannot be used; the text is a sentence for the user."""


def successors(program: Sequence[Instruction], index: int) -> tuple[int, ...]:
    """The indices that may run after ``index`` (none after a RET)."""
    code, jt, jf, k = program[index]
    if code & 7 == RET:
        return ()
    if code == JMP | JA:
        return (index + 1 + k,)
    if code & 7 == JMP:
        return (index + 1 + jt, index + 1 + jf)
    return (index + 1,)


def check(program: Sequence[Instruction]) -> None:
    """Raise ``FilterError`` unless a kernel would take ``program``: known codes, forward jumps, a RET at the end.

    libpcap's ``protochain`` jumps backwards; no kernel takes that (pcap-filter(7)).
    """
    if not program:
        raise FilterError("The capture filter has no instructions.")
    for index, (code, _, _, k) in enumerate(program):
        if code not in _CODES:
            raise FilterError(f"The capture filter's instruction {index} has an unknown code, {code:#x}.")
        if code in (ST, STX, LD | MEM, LDX | MEM) and k >= SCRATCH_SLOTS:
            raise FilterError(f"The capture filter's instruction {index} uses scratch slot {k}; there are 16.")
        if any(target >= len(program) for target in successors(program, index)):
            raise FilterError(
                "The capture filter loops or runs past its end, as protochain does; the kernel refuses that."
            )


class Assembler:
    """Collects instructions whose jumps go to labels, and lays them out within the 8 bits that a jump has."""

    def __init__(self) -> None:
        self._items: list[tuple[int, int, int, int]] = []  # code, k, label if true, label if false; -1: the next one
        self._places: dict[int, int] = {}
        self._labels = 0

    def label(self) -> int:
        """A new label, to be placed later."""
        self._labels += 1
        return self._labels

    def place(self, label: int) -> None:
        """The next instruction is where ``label`` points."""
        self._places[label] = len(self._items)

    def emit(self, code: int, k: int = 0) -> None:
        """One instruction that does not jump."""
        self._items.append((code, k, -1, -1))

    def jump(self, op: int, k: int, then: int = -1, otherwise: int = -1) -> None:
        """Compare A with ``k`` (or with X, if ``op`` has that bit) and go to a label; -1 falls through."""
        self._items.append((JMP | op, k, then, otherwise))

    def goto(self, label: int) -> None:
        """Go to ``label``."""
        self._items.append((JMP | JA, 0, label, -1))

    def assemble(self) -> list[Instruction]:
        """The program. Conditional jumps that are too far for 8 bits get a JA of their own behind them."""
        far: set[tuple[int, int]] = set()
        while True:
            starts = self._starts(far)
            found = {
                (index, side)
                for index, item in enumerate(self._items)
                if item[0] & 7 == JMP and item[0] != JMP | JA
                for side in (2, 3)
                if item[side] != -1 and self._distance(starts, index, side) > 255
            }
            if found <= far:
                return self._lay_out(starts, far)
            far |= found

    def _starts(self, far: Iterable[tuple[int, int]]) -> list[int]:
        sizes = [1] * len(self._items)
        for index, _ in far:
            sizes[index] += 1
        starts = [0]
        for size in sizes:
            starts.append(starts[-1] + size)
        return starts

    def _distance(self, starts: list[int], index: int, side: int) -> int:
        """From the instruction after ``index`` to the label."""
        distance = starts[self._places[self._items[index][side]]] - starts[index] - 1
        if distance < 0:
            raise FilterError("The relocated filter would jump backwards.")
        return distance

    def _lay_out(self, starts: list[int], far: set[tuple[int, int]]) -> list[Instruction]:
        program: list[Instruction] = []
        for index, (code, k, _, _) in enumerate(self._items):
            if code == JMP | JA:
                program.append((code, 0, 0, self._distance(starts, index, 2)))
            elif code & 7 == JMP:
                program.extend(self._conditional(starts, far, index))
            else:
                program.append((code, 0, 0, k))
        return program

    def _conditional(self, starts: list[int], far: set[tuple[int, int]], index: int) -> list[Instruction]:
        code, k = self._items[index][:2]
        hops: list[Instruction] = []
        offsets = []
        islands = sum((index, side) in far for side in (2, 3))
        for side in (2, 3):
            if self._items[index][side] == -1:
                offsets.append(islands)
            elif (index, side) in far:
                offsets.append(len(hops))
                hops.append((JMP | JA, 0, 0, self._distance(starts, index, side) - len(hops) - 1))
            else:
                offsets.append(self._distance(starts, index, side))
        return [(code, offsets[0], offsets[1], k), *hops]
