"""What ``vpcshark decap`` takes."""

from __future__ import annotations

import argparse
from typing import Any


def add(commands: Any, name: str = "decap") -> None:
    """Declare it."""
    parser = commands.add_parser(
        name,
        description="Take the outer headers off a capture made on a mirror target: pcap or pcapng in (also packed with "
        "gzip, zstd or LZ4), pcapng out, an interface per VNI, times and original lengths as they were, with the "
        "comments, names, secrets and statistics of the input. OUT is replaced once all is read.",
    )
    parser.add_argument("file", metavar="IN", help="the capture; -: standard input")
    parser.add_argument("out", metavar="OUT", help="the pcapng file to write; -: standard output")
    _repeated(parser, "--vni", "vnis", "N", vni, "only this VNI (repeat for more)")
    parser.add_argument("-f", dest="filter", metavar="FILTER", default="", help="only inner frames that FILTER accepts")
    meaning = "the source's address, to mark frames as inbound or outbound (repeat for more)"
    _repeated(parser, "--mac", "macs", "MAC", mac, meaning)
    _repeated(parser, "--port", "ports", "N", port, "VXLAN's UDP port, if not 4789 or 4790 (repeat for more)")


def _repeated(parser: Any, flag: str, field: str, metavar: str, convert: Any, meaning: str) -> None:
    parser.add_argument(flag, dest=field, metavar=metavar, action="append", type=convert, default=[], help=meaning)


def vni(text: str) -> int:
    """A VNI (RFC 7348: 24 bits)."""
    if not text.isdecimal() or not text.isascii() or int(text) >= 1 << 24:
        raise argparse.ArgumentTypeError(f'"{text}" is not a VNI (0 to 16777215)')
    return int(text)


def port(text: str) -> int:
    """A UDP port."""
    if not text.isdecimal() or not text.isascii() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f'"{text}" is not a port (1 to 65535)')
    return int(text)


def mac(text: str) -> bytes:
    """A MAC address, its digits in pairs or not."""
    digits = text.replace(":", "").replace("-", "")
    try:
        address = bytes.fromhex(digits)
    except ValueError:
        address = b""
    if len(address) != 6:
        raise argparse.ArgumentTypeError(f'"{text}" is not a MAC address')
    return address
