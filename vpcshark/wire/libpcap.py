"""Capture filters as text -> classic BPF for an Ethernet frame, compiled by libpcap itself.

The binding is scapy's (``scapy.libs.winpcapy``, which costs about 20 ms; ``scapy.all`` would cost 1.5 s). It is
imported on first use. Must not know what the program is then attached to. Note that libpcap resolves host names in a
filter through DNS.
"""

from __future__ import annotations

from vpcshark.wire.instructions import RET_K, FilterError, Instruction

__all__ = ["FilterError", "Instruction", "compile_filter"]

_DLT_EN10MB = 1
_NETMASK_UNKNOWN = -1  # PCAP_NETMASK_UNKNOWN, 0xffffffff


def compile_filter(text: str, snaplen: int = 262144) -> list[Instruction]:
    """Compile ``text`` (pcap-filter(7)) for whole Ethernet frames; an empty text accepts all.

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
    handle = winpcapy.pcap_open_dead(_DLT_EN10MB, snaplen)
    program = winpcapy.bpf_program()
    try:
        if winpcapy.pcap_compile(handle, program, text.encode(), 1, _NETMASK_UNKNOWN) != 0:
            raise FilterError(winpcapy.pcap_geterr(handle).decode(errors="replace"))
        instructions = [program.bf_insns[index] for index in range(program.bf_len)]
        copied = [(int(i.code), int(i.jt), int(i.jf), int(i.k) & 0xFFFFFFFF) for i in instructions]
        winpcapy.pcap_freecode(program)
        return copied
    finally:
        winpcapy.pcap_close(handle)
