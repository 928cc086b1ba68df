"""Which SSH host keys an instance printed on its console at its first boot: text in, keys out.

Anybody's text may get onto a console: sshd logs the user names of strangers there. So only cloud-init's own block is
read: whole lines in the form of its write-ssh-key-fingerprints, which cc_keys_to_console prints before cc_final_message
says that the boot has finished. Must not know how the text is had, or what the keys are used for.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence

from vpcshark.errors import AwsError

HostKey = tuple[str, str]  # type, base64 blob
_BEGIN, _END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"
# Some versions print the lines as they are, others as logger(1) copies them to its standard error: "ec2: …", or with
# priority and time, "<14>Jan  6 15:27:31 cloud-init: …". The journal's form ("[  31.2] cloud-init[9]: …") is not among
# them, since every local user may write to the journal under any name.
_COPIED = re.compile(r"(?:<\d{1,3}>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(?:ec2|cloud-init): ")
_KEY = re.compile(r"((?:ssh|ecdsa)-[a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})(?: [\x20-\x7e]*)?")
_FINISHED = re.compile(r"(?:\[ *\d+\.\d+\] cloud-init\[\d+\]: )?Cloud-init v\. \S+ finished at .*")
_STARTED = re.compile(r"\[ *\d+\.\d+\] Linux version .*")


class DoubtfulConsole(AwsError):
    """The console has blocks of host keys, and which one cloud-init wrote can't be told."""


def keys_in(console: str) -> list[HostKey]:
    """The keys of the boot's own block; [] if there is none (any more), or not all of it yet. DoubtfulConsole.

    EC2 keeps the last 64 KiB, so that the text may begin within a block, whose rest then counts for nothing. Lines end
    with LF or CR LF, and with nothing else: what Python takes for the end of a line beside these (U+2028, form feed)
    may stand in a line of somebody else's.
    """
    found: list[list[HostKey]] = []
    block: list[str] | None = None
    is_over = False  # the boot that the lines are of
    for line in (raw.rstrip("\r") for raw in console.split("\n")):
        is_over = bool(_FINISHED.fullmatch(line)) or (is_over and not _STARTED.fullmatch(line))
        if block is not None and _plain(line) == _END:
            found.append(_read(block))
            block = None
        elif block is not None:
            block.append(line)
        elif _plain(line) == _BEGIN:
            _check_time(is_over)
            block = [line]
    return _only(found)


def _check_time(is_over: bool) -> None:
    if is_over:
        raise _doubt("begins after cloud-init said that the boot has finished")


def _read(block: Sequence[str]) -> list[HostKey]:
    """The keys of its lines, the first of which is its beginning."""
    is_copied = _COPIED.match(block[0]) is not None
    return [_key(line, is_copied) for line in block[1:]]


def _key(line: str, is_copied: bool) -> HostKey:
    match = _KEY.fullmatch(_plain(line))
    if match is None or (_COPIED.match(line) is not None) != is_copied or not _is_key(match[1], match[2]):
        raise _doubt("has a line that is not a host key in cloud-init's form")
    return match[1], match[2]


def _is_key(kind: str, blob: str) -> bool:
    """Does the blob name the same type (RFC 4253, section 6.6)?"""
    try:
        raw = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return False
    return raw.startswith(len(kind).to_bytes(4, "big") + kind.encode())


def _only(blocks: Iterable[Sequence[HostKey]]) -> list[HostKey]:
    different = {tuple(sorted(block)) for block in blocks}
    if len(different) > 1:
        raise _doubt("is there more than once, with different keys")
    return list(different.pop()) if different else []


def _plain(line: str) -> str:
    return _COPIED.sub("", line, count=1) if _COPIED.match(line) else line


def _doubt(why: str) -> DoubtfulConsole:
    return DoubtfulConsole(
        f"The instance's console output proves no host key: a block of SSH host keys in it {why}.",
        "Somebody else may have written it.",
    )
