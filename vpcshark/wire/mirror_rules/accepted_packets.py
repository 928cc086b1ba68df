"""A compiled capture filter (classic BPF for an Ethernet frame) -> the set of packets that it accepts. Pure.

The program is run once over all packets at the same time: each comparison with a field that mirror rules know sends
each cell down the branch that it would take; any other comparison sends it down both. What can only come to an accept
is accepted, what can come to both is open. Must not know the filter's text, nor rules.

Two things see a packet differently. libpcap looks at IPv6's first next header (and behind a fragment header that stands
first); what mirror rules look at is not documented. So a packet with IPv6 extension headers is taken to show itself to
the rules both ways, by its first header and by its last: the rules must accept it either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from vpcshark.wire.bpf import instructions as bpf
from vpcshark.wire.mirror_rules.packet_sets import EXTENSIONS, FRAGMENT, PORTS, PROTOCOL, Box, Space, Span

UNKNOWN = 0xCB00_714D
"""A word of addresses that stand for names: a comparison with it is open."""
_SIZES = {bpf.W: 4, bpf.H: 2, bpf.B: 1}
_BEHIND = 1 << 16  # added to offsets behind IPv4's header, of whatever length
_FIELDS = {  # (offset, bytes) of each dimension, as libpcap's code has them
    4: ((23, 1), (26, 4), (30, 4), (_BEHIND + 14, 2), (_BEHIND + 16, 2)),
    6: ((20, 1), (22, 16), (38, 16), (54, 2), (56, 2)),
}
_ETHERTYPE, _FIRST, _LAST, _FRAGMENT_BITS = (12, 2), (20, 1), (54, 1), (20, 2)
_KNOWN_FRAMES = {0x0800, 0x86DD, 0x0806, 0x8035}  # IP, ARP; behind others (VLAN) libpcap looks further back for IP

Program = Sequence[bpf.Instruction]
Known = Mapping[tuple[int, int], int]  # (offset, bytes) -> what stands there


class Question(NamedTuple):
    """Is the number in ``place`` (offset, bytes) within ``span``? Not ``is_whole``: that and more is asked."""

    start: int  # the first instruction that loads it
    place: tuple[int, int]
    span: Span
    is_whole: bool = True

    def fields(self, version: int) -> Iterator[tuple[int, int, int]]:
        """(dimension, bits behind the place, its own bits), if that is an address, a port, or a part of an address."""
        offset, size = self.place
        for dimension, (start, length) in enumerate(_FIELDS[version]):
            behind = start + length - offset - size
            if start <= offset and behind >= 0 and (size == length or length > 2):
                yield dimension, 8 * behind, 8 * size


def questions(program: Program) -> dict[int, Question]:
    """The comparisons of the program that are understood, by index."""
    targets = {t for i, (code, *_) in enumerate(program) if code & 7 == bpf.JMP for t in bpf.successors(program, i)}
    asked = ((i, _question(program, i)) for i, (code, *_) in enumerate(program) if code & 7 == bpf.JMP)
    return {i: each for i, each in asked if each and not targets & set(range(each.start + 1, i + 1))}


def _question(program: Program, index: int) -> Question | None:
    code, _, _, k = program[index]
    start, mask = index - 1, 0xFFFF_FFFF
    if start > 0 and program[start][0] == bpf.ALU | bpf.AND:
        start, mask = start - 1, program[start][3]
    load, _, _, offset = program[max(start, 0)]
    if load & 0xE7 == bpf.LD | bpf.IND and program[start - 1] == (bpf.LDX | bpf.B | bpf.MSH, 0, 0, 14):
        start, offset = start - 1, offset + _BEHIND
    elif load & 0xE7 != bpf.LD | bpf.ABS:
        return None
    place = (offset, _SIZES[load & 0x18])
    full = (1 << 8 * place[1]) - 1
    if code == bpf.JMP | bpf.JEQ and k != UNKNOWN:
        free = (~mask & full).bit_length()
        return Question(start, place, (k >> free << free, k | (1 << free) - 1), mask & full == full >> free << free)
    if code == bpf.JMP | bpf.JSET and (place, k) == (_FRAGMENT_BITS, 0x1FFF):
        return Question(start, place, (1, k))
    lowest = {bpf.JMP | bpf.JGT: k + 1, bpf.JMP | bpf.JGE: k}.get(code)
    return None if lowest is None or mask & full != full else Question(start, place, (lowest, full))


def _flow(program: Program, all_: int, sides: Callable[[int], tuple[int, int]]) -> list[int]:
    """What may come to each instruction."""
    may = [all_, *[0] * (len(program) - 1)]
    for index in range(len(program)):
        targets = bpf.successors(program, index)
        branches = sides(index) if len(targets) == 2 else (-1,)
        for target, branch in zip(targets, branches, strict=False):
            may[target] |= may[index] & branch
    return may


def _known(version: int, is_inbound: bool) -> dict[tuple[int, int], int]:
    return {_ETHERTYPE: 0x0800 if version == 4 else 0x86DD, (bpf.PACKET_TYPE, 2): 0 if is_inbound else bpf.OUTGOING}


def constants(program: Program, version: int, is_inbound: bool) -> list[set[Span]] | None:
    """The spans that the program asks about in each dimension; None if it asks for other kinds of frames."""
    asked, known = questions(program), _known(version, is_inbound)
    may = _flow(program, 1, lambda index: _constant(asked.get(index), known) or (1, 1))
    found: list[set[Span]] = [set() for _ in range(5)]
    above: dict[int, set[tuple[int, int]]] = {}  # instruction -> {(offset, what is known of the field up to there)}
    for index, question in ((i, each) for i, each in asked.items() if may[i]):
        (low, high), (offset, size) = question.span, question.place
        if question.place == _ETHERTYPE and low == high and low not in _KNOWN_FRAMES:
            return None
        tops = {top for at, top in above.get(question.start, ()) if at == offset} or {0}
        for dimension, shift, bits in question.fields(version):
            if low <= high and (low, high) != (0, (1 << bits) - 1):
                found[dimension] |= {((t << bits | low) << shift, ((t << bits | high) + 1 << shift) - 1) for t in tops}
            if low == high:
                target = bpf.successors(program, index)[0]
                above.setdefault(target, set()).update((offset + size, top << bits | low) for top in tops)
    return [_paired(spans) if side in PORTS else spans for side, spans in enumerate(found)]


def _paired(spans: set[Span]) -> set[Span]:
    """A range is asked in two questions, one for each end."""
    ends = [*sorted(low for low, high in spans if high == 65535), 65536]
    return {span for span in spans if span[1] != 65535} | {(a, b - 1) for a, b in pairwise(ends)}


def accepted(program: Program, space: Space, is_inbound: bool) -> tuple[int, int, bool]:
    """(cells that the filter may accept however rules see them, those of plain packets, is the latter exact)."""
    known = _known(space.version, is_inbound)
    may, may_not = _ends(program, space, known)
    may &= space.plain
    return may | (_extended(program, space, known) if space.version == 6 else 0), may, not may & may_not


def _extended(program: Program, space: Space, known: Known) -> int:
    """Packets with extension headers: the ports are out of libpcap's sight, the protocol may be anything."""
    found = 0
    for first in EXTENSIONS - {FRAGMENT}:
        found |= _ends(program, space, {**known, _FIRST: first})[0]
    for index, (last, _) in enumerate(space.atoms[PROTOCOL]):  # behind a fragment header libpcap sees the protocol
        views = space.cells(Box((FRAGMENT, FRAGMENT))) | space.where(PROTOCOL, [index])
        views = space.everything if last in EXTENSIONS else views
        found |= _ends(program, space, {**known, _FIRST: FRAGMENT, _LAST: last})[0] & views
    return found


def _ends(program: Program, space: Space, known: Known) -> tuple[int, int]:
    """(cells that may be accepted, cells that may be refused)."""
    asked, accepts, refuses = questions(program), 0, 0
    may = _flow(program, space.everything, lambda index: _sides(asked.get(index), space, known))
    for (code, _, _, k), cells in zip(program, may, strict=True):
        if code & 7 == bpf.RET:
            accepts |= cells if k or code != bpf.RET_K else 0
            refuses |= cells if not k or code != bpf.RET_K else 0
    return accepts, refuses


def _constant(question: Question | None, known: Known) -> tuple[int, int] | None:
    """(all, nothing) or (nothing, all) where the answer is known."""
    value = known.get(question.place) if question else None
    if question is None or value is None:
        return None
    return (-1, 0) if question.span[0] <= value <= question.span[1] else (0, -1)


def _sides(question: Question | None, space: Space, known: Known) -> tuple[int, int]:
    """(cells that may answer yes, cells that may answer no)."""
    constant = _constant(question, known)
    if constant or question is None:
        return constant or (-1, -1)
    if question.place == _FRAGMENT_BITS:
        return _fragments(space, known)
    for dimension, shift, bits in question.fields(space.version):
        if dimension not in PORTS or _FIRST not in known:
            answers = [_answers(question, atom, shift, bits) for atom in space.atoms[dimension]]
            yes, no = (space.where(dimension, (i for i, one in enumerate(answers) if one[side])) for side in (0, 1))
            return yes, no
    return -1, -1


def _fragments(space: Space, known: Known) -> tuple[int, int]:
    """IPv4's later fragments have no ports; with IPv6 the same bits are those of the next header and the hop limit."""
    if space.version == 4:
        return space.portless, space.everything & ~(space.portless & space.with_ports)
    if _FIRST in known:
        return -1, 0 if known[_FIRST] % 32 else -1
    is_open = (low != high or not low % 32 for low, high in space.atoms[PROTOCOL])
    return -1, space.where(PROTOCOL, (index for index, one in enumerate(is_open) if one))


def _answers(question: Question, atom: Span, shift: int, width: int) -> tuple[bool, bool]:
    """(may be yes, may be no) of the values of an atom."""
    low, high = question.span
    if atom[0] < 0:
        return False, True
    if atom[0] >> (shift + width) != atom[1] >> (shift + width):
        return True, not question.is_whole or (low, high) != (0, (1 << width) - 1)
    first, last = ((end >> shift) & ((1 << width) - 1) for end in atom)
    return first <= high and low <= last, not (question.is_whole and low <= first and last <= high)
