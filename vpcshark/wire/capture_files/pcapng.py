"""pcapng as Wireshark gets it: section, interface, names, secrets; and a reader of blocks that takes any bytes.

Written little-endian, Ethernet, nanoseconds (draft-ietf-opsawg-pcapng). Packets and statistics come from ``blocks``.
Must not know files or pipes: bytes in, bytes out.
"""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vpcshark.text import cut, line
from vpcshark.wire.capture_files.blocks import (
    COMMENT,
    block,
    enhanced_packet,
    interface_statistics,
    option,
    options,
    padding,
    text,
)
from vpcshark.wire.capture_files.unfinished import Rest

__all__ = [
    "Block",
    "Cutter",
    "Reader",
    "decryption_secrets",
    "enhanced_packet",
    "interface_description",
    "interface_statistics",
    "name_resolution",
    "read_blocks",
    "read_options",
    "section_header",
    "whole_blocks",
]

SECTION, INTERFACE, NAMES, STATISTICS, PACKET, SECRETS = 0x0A0D0D0A, 1, 4, 5, 6, 10
BYTE_ORDER_MAGIC = 0x1A2B3C4D
ETHERNET, RAW_IP = 1, 101
TLS_KEY_LOG = 0x544C534B
MAX_OPTION = 65532
"""Bytes of an option's text, whose length is a 16-bit number."""
MAX_NAME = 255
"""Bytes of a name in a name resolution block; DNS has no longer ones (RFC 1035, 2.3.4)."""
MAX_BLOCK = 16 * 1024 * 1024
"""No block of a sane file is longer (Wireshark's own limit, MAX_BLOCK_SIZE in wiretap/pcapng.c)."""


def section_header(comment: str = "", application: str = "", hardware: str = "", system: str = "") -> bytes:
    """An SHB of unknown section length."""
    texts = ((COMMENT, comment), (2, hardware), (3, system), (4, application))
    listed = options((code, _clean(value)) for code, value in texts if value)
    return block(SECTION, struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1) + listed)


def interface_description(
    name: str,
    description: str = "",
    capture_filter: str = "",
    snaplen: int = 0,
    comment: str = "",
    link: int = ETHERNET,
) -> bytes:
    """An IDB in nanoseconds. ``snaplen`` 0 says no limit; the filter is libpcap text; ``link`` is a LINKTYPE_."""
    pairs = [(COMMENT, _clean(comment))] if comment else []
    pairs.append((2, _clean(name)))
    if description:
        pairs.append((3, _clean(description)))
    pairs.append((9, b"\x09"))
    if capture_filter:
        pairs.append((11, b"\0" + _clean(capture_filter)))
    return block(INTERFACE, struct.pack("<HHI", link, 0, snaplen) + options(pairs))


def name_resolution(records: Iterable[tuple[str, str]]) -> bytes:
    """An NRB of (IPv4 or IPv6 address, name). Raises ``ValueError`` for what is no address."""
    body = b""
    for address, name in records:
        packed = ipaddress.ip_address(address).packed
        value = packed + cut(line(name), MAX_NAME).encode() + b"\0"
        body += option(1 if len(packed) == 4 else 2, value)
    return block(NAMES, body + bytes(4))


def _clean(value: str) -> bytes:
    """Whoever prints the file has a terminal."""
    return text(line(value, MAX_OPTION))


def decryption_secrets(key_log: bytes) -> bytes:
    """A DSB of NSS key log lines, for TLS."""
    return block(SECRETS, struct.pack("<II", TLS_KEY_LOG, len(key_log)) + key_log + padding(len(key_log)))


def whole_blocks(
    data: bytes | bytearray | memoryview,
    packets: dict[int, int] | None = None,
    others: list[tuple[int, int]] | None = None,
) -> int:
    """How far ``data``, which begins with a block, goes in whole little-endian blocks. Cheap: reads their heads only.

    ``packets`` gets those of each interface id added, ``others`` (begin, end) of each other block. Raises
    ``ValueError`` at a length that no block can have.
    """
    start, size, head = 0, len(data), struct.Struct("<III").unpack_from
    counts: dict[int, int] = Counter() if packets is None else packets
    last, run = 0, 0  # an interface's packets in a row: counted together, they cost half
    while start + 12 <= size:
        kind, length, interface = head(data, start)
        if length < 12 or length & 3 or length > MAX_BLOCK:
            raise ValueError(f"At byte {start} no pcapng block begins: its length would be {length}.")
        end = start + length
        if end > size:
            break
        if kind == PACKET:
            if interface != last:
                counts[last] += run
                last, run = interface, 0
            run += 1
        elif others is not None:
            others.append((start, end))
        start = end
    counts[last] += run
    return start


class Cutter:
    """Takes a stream of little-endian blocks in pieces of any size, and gives them back as whole blocks.

    ``packets`` are those that came so far, by interface id. With ``interfaces``, what comes is another machine's: only
    packets and statistics of these ids pass, since one section, interface or name more would make others of all the
    packets in the file.
    """

    def __init__(self) -> None:
        self._rest = Rest()
        self._latest = b""  # the last blocks among which was a packet
        self.packets: Counter[int] = Counter()
        self.interfaces: frozenset[int] | None = None

    def feed(self, data: bytes) -> bytes:
        """The blocks that ``data`` completes. ``ValueError`` where no block can be, or none that may pass."""
        data = self._rest.with_more(data)
        if not data:
            return b""
        others: list[tuple[int, int]] = []
        before = self.packets.total()
        end = whole_blocks(data, self.packets, others)
        rest, blocks = data[end:], data[:end]
        self._rest.keep(rest, struct.unpack_from("<I", rest, 4)[0] if len(rest) >= 12 else 12)
        if self.interfaces is not None:
            self._check([blocks[begin:to] for begin, to in others], self.interfaces)
        if self.packets.total() > before:
            self._latest = blocks
        return blocks

    def _check(self, others: Iterable[bytes], interfaces: frozenset[int]) -> None:
        named = {*self.packets} - {0}  # which is always among them
        for each in others:
            kind, length, interface = struct.unpack_from("<III", each)
            if kind != STATISTICS or length < 24:
                raise ValueError(f"A block of type {kind} and {length} bytes comes, which no receiver sends.")
            named.add(interface)
            for code, value in read_options(each[:-4], 20):
                if code == COMMENT and (said := value.decode("utf-8", "replace")) != line(said, MAX_OPTION):
                    raise ValueError("The comment of a statistics block has control characters.")
        if strange := named - interfaces:
            raise ValueError(f"A block is of interface {min(strange)}, which is not there.")

    def last_time(self) -> int:
        """The latest packet's time, in the unit of its interface; 0 before the first. Looked up only when asked for."""
        times, at = [0], 0
        while at < len(self._latest):
            kind, length, _, high, low = struct.unpack_from("<IIIII", self._latest.ljust(at + 20, b"\0"), at)
            if kind == PACKET:
                times.append(high << 32 | low)
            at += length
        return max(times)


def read_options(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """(code, value) of each option in little-endian ``data`` from ``at`` on, as far as they go."""
    while at + 4 <= len(data):
        code, length = struct.unpack_from("<HH", data, at)
        if not code:
            return
        yield code, data[at + 4 : at + 4 + length]
        at += 4 + (length + 3 & ~3)


@dataclass(frozen=True)
class Block:
    """One block: where it begins in the stream, its type, the bytes between the lengths, and "<" or ">"."""

    offset: int
    kind: int
    body: bytes
    order: str


class Reader:
    """Takes a pcapng stream in pieces of any size and gives its blocks; holds at most one block's bytes."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._offset = 0
        self._order = ""

    def feed(self, data: bytes) -> Iterator[Block]:
        """The blocks that ``data`` completes, one by one. ``ValueError`` with the byte offset at the first rot."""
        self._rest += data
        return self._blocks()

    def finish(self) -> None:
        """Say that nothing follows; ``ValueError`` when the last block is not whole."""
        if self._rest:
            raise ValueError(
                f"The block at byte {self._offset} is cut off: only {len(self._rest)} bytes of it are there."
            )

    def _blocks(self) -> Iterator[Block]:
        while (length := self._next_length()) and len(self._rest) >= length:
            kind = struct.unpack_from(self._order + "I", self._rest)[0]
            trailer = struct.unpack_from(self._order + "I", self._rest, length - 4)[0]
            if trailer != length:
                raise ValueError(f"The block at byte {self._offset} has two lengths, {length} and {trailer}.")
            found = Block(self._offset, kind, bytes(self._rest[8 : length - 4]), self._order)
            del self._rest[:length]
            self._offset += length
            yield found

    def _next_length(self) -> int:
        """The length of the block that begins here, 0 while that cannot be told."""
        rest = self._rest
        if not self._offset and rest[:4] != b"\x0a\x0d\x0d\x0a"[: len(rest)]:
            raise ValueError("At byte 0 no pcapng section begins: this is not a pcapng file.")
        if len(rest) < 12:
            return 0
        if rest[:4] == b"\x0a\x0d\x0d\x0a":
            self._set_order(bytes(rest[8:12]))
        length: int = struct.unpack_from(self._order + "I", rest, 4)[0]
        if length < 12 or length & 3 or length > MAX_BLOCK:
            raise ValueError(f"At byte {self._offset} no pcapng block begins: its length would be {length}.")
        return length

    def _set_order(self, magic: bytes) -> None:
        orders = {struct.pack(order + "I", BYTE_ORDER_MAGIC): order for order in "<>"}
        if magic not in orders:
            raise ValueError(f"The section at byte {self._offset} has no valid byte-order magic.")
        self._order = orders[magic]


def read_blocks(data: bytes) -> list[Block]:
    """All blocks of a whole file. Raises ``ValueError`` with the byte offset when it is rotten or cut."""
    reader = Reader()
    blocks = list(reader.feed(data))
    reader.finish()
    return blocks
