"""Some packets of a capture file as a pcapng of their own, beside all that is no packet. Bytes in, bytes out."""

from __future__ import annotations

import struct
from collections.abc import Collection

from vpcshark.diagnose.annotate import Annotator
from vpcshark.wire.capture_files.pcapng_reader import ENHANCED_PACKET, OLD_PACKET, SIMPLE_PACKET


class Excerpt(Annotator):
    """Keeps the packets whose numbers are ``numbers``."""

    def __init__(self, numbers: Collection[int]) -> None:
        super().__init__({})
        self._numbers = numbers

    def _record(self, piece: bytes) -> bytes:
        made = super()._record(piece)
        return made if self._number in self._numbers else b""

    def _block(self, piece: bytes) -> bytes:
        made = super()._block(piece)
        kind = int(struct.unpack_from(self._order + "I", piece)[0])
        is_packet = kind in (ENHANCED_PACKET, OLD_PACKET, SIMPLE_PACKET)
        return b"" if is_packet and self._number not in self._numbers else made
