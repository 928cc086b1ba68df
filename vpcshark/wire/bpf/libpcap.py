"""Capture filters as text -> classic BPF for an Ethernet frame, compiled by libpcap itself.

The binding is scapy's (``scapy.libs.winpcapy``, which costs about 20 ms; ``scapy.all`` would cost 1.5 s). It is
imported on first use. Must not know what the program is then attached to. Note that libpcap resolves host names in a
filter through DNS.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from vpcshark.wire.bpf.instructions import ABS, JEQ, JMP, LD, OUTGOING, PACKET_TYPE, RET_K, FilterError, H, Instruction

__all__ = ["FilterError", "Instruction", "Matcher", "compile_filter"]

_DLT_EN10MB = 1
_NETMASK_UNKNOWN = -1  # PCAP_NETMASK_UNKNOWN, 0xffffffff
_DIRECTION = re.compile(r"(?<![\\\w.:-])(?:inbound|outbound)(?![\w.:-])")  # as a word of its own, not in a name
_MARKS = (1001, 1002)  # which numbers does not matter


def compile_filter(text: str, snaplen: int = 262144, *, optimise: bool = False) -> list[Instruction]:
    """Compile ``text`` (pcap-filter(7)) for whole Ethernet frames; an empty text accepts all.

    Not optimised unless asked: libpcap 1.10's optimiser takes minutes for a thousand hosts, and drops conditions of
    some filters (``not (host A) and (ip host A or B)`` loses its test for B's source), so that wanted frames were lost.

    Raises ``FilterError`` with libpcap's own words, or when libpcap is not installed.
    """
    if not text.strip():
        return [(RET_K, 0, 0, snaplen)]
    if "\0" in text:
        raise FilterError("A capture filter cannot contain a NUL character.")
    try:
        from scapy.libs import winpcapy
    except OSError as exc:
        raise FilterError(f"Capture filters need libpcap (on Windows Npcap), which was not found: {exc}.") from exc
    try:
        return _compile(winpcapy, text, snaplen, optimise)
    except FilterError as exc:
        if optimise or "not supported" not in str(exc) or not _DIRECTION.search(text):
            raise
        return compile_direction(text, snaplen)


def _compile(winpcapy: Any, text: str, snaplen: int, optimise: bool) -> list[Instruction]:
    handle = winpcapy.pcap_open_dead(_DLT_EN10MB, snaplen)
    program = winpcapy.bpf_program()
    try:
        if winpcapy.pcap_compile(handle, program, text.encode(), int(optimise), _NETMASK_UNKNOWN) != 0:
            raise FilterError(winpcapy.pcap_geterr(handle).decode(errors="replace"))
        instructions = [program.bf_insns[index] for index in range(program.bf_len)]
        copied = [(int(i.code), int(i.jt), int(i.jf), int(i.k) & 0xFFFFFFFF) for i in instructions]
        winpcapy.pcap_freecode(program)
        return copied
    finally:
        winpcapy.pcap_close(handle)


def compile_direction(text: str, snaplen: int = 262144) -> list[Instruction]:
    """The program of a filter with ``inbound`` or ``outbound`` in it, without asking libpcap for these: from 1.11 on it
    refuses them where no interface is open. In their place it compiles a question about the frame's length, of the same
    grammar, once with one number and once with another: where the programs differ the question stands."""
    from scapy.libs import winpcapy

    program, other = (_compile(winpcapy, _marked(text, mark), snaplen, optimise=False) for mark in _MARKS)
    for index, (_, jt, jf, k) in enumerate(program):
        if k != other[index][3]:
            program[index - 1 : index + 1] = [(LD | H | ABS, 0, 0, PACKET_TYPE), (JMP | JEQ, jt, jf, OUTGOING)]
    return program


def _marked(text: str, mark: int) -> str:
    questions = {"outbound": f"greater {mark}", "inbound": f"less {mark}"}
    return _DIRECTION.sub(lambda word: questions[word[0]], text)


class Matcher:
    """A compiled filter that can be asked about frames, with libpcap's own interpreter (pcap_offline_filter)."""

    def __init__(self, program: Sequence[Instruction]) -> None:
        import ctypes

        from scapy.libs import structures, winpcapy

        self._instructions = (structures.bpf_insn * len(program))(*program)
        self._program = structures.bpf_program(len(program), self._instructions)
        self._header = winpcapy.pcap_pkthdr()
        # A function of our own: scapy's says that the result is a bool, and takes its lowest byte.
        run = winpcapy._lib["pcap_offline_filter"]
        run.argtypes, run.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p], ctypes.c_uint
        self._run = run
        self._places = ctypes.addressof(self._program), ctypes.addressof(self._header)

    def __call__(self, frame: bytes, length: int) -> bool:
        """Does the filter accept a frame of which ``frame`` is there, and which was ``length`` bytes long?"""
        self._header.caplen, self._header.len = len(frame), length
        return bool(self._run(*self._places, frame))
