"""Which format a capture file has, by its first bytes. Must not know files: bytes in, a reader out."""

from __future__ import annotations

import struct

from vpcshark.wire.capture_files.pcap_reader import PcapFile
from vpcshark.wire.capture_files.pcapng_reader import PcapngFile
from vpcshark.wire.capture_files.records import Reader

_PCAPNG = b"\x0a\x0d\x0d\x0a"
_PCAP = {
    struct.pack(order + "I", magic): (order, scale, header)
    for order in "<>"
    for magic, scale, header in ((0xA1B2C3D4, 1000, 16), (0xA1B23C4D, 1, 16), (0xA1B2CD34, 1000, 24))
}


def open_reader(head: bytes) -> Reader | None:
    """The reader for a file that begins with ``head``, None while that is too short. ``ValueError``: no capture."""
    magic = head[:4]
    if not any(known.startswith(magic) for known in (_PCAPNG, *_PCAP)):
        raise ValueError("At byte 0 neither a pcap nor a pcapng file begins.")
    if len(magic) < 4:
        return None
    return PcapngFile() if magic == _PCAPNG else PcapFile(*_PCAP[magic])
