"""Damaged files: what bits, cuts, lengths and other people's editors do to one, told by a number alone, so that a
failure is repeated by it. Must not know what the files are for."""

from __future__ import annotations

import gzip
import random
import struct
from collections.abc import Callable

Damage = Callable[[bytes, random.Random], bytes]
EXTREMES = (0, 1, 7, 12, 0x7FFF, 0xFFFF, 0x10000, 0xFFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF)
ODD_TEXTS = (
    b"\x1b[31m\x1b]0;owned\x07",
    "\u009b31m\u202e".encode(),
    b"\x00",
    b"\xff\xfe\xc3(",
    b"[/x]",
    b"\r\n",
    b"%s{0}",
)


def damaged(data: bytes, number: int) -> bytes:
    """``data`` with damage number ``number``, of one kind or of several."""
    dice = random.Random(number)
    for _ in range(1 + number % 3):
        data = DAMAGES[dice.randrange(len(DAMAGES))](data, dice)
    return data


def _bits(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 3, 30))):
        if changed:
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def _hole(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + data[at + dice.randrange(1, 200) :]


def _twice(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + data[at // 2 : at] * dice.randrange(1, 4) + data[at:]


def _length(data: bytes, dice: random.Random) -> bytes:
    """A number where one of four bytes may stand."""
    at = dice.randrange(max(len(data) // 4, 1)) * 4
    number = struct.pack(dice.choice("<>") + "I", dice.choice(EXTREMES))
    return data[:at] + number + data[at + 4 :]


def _zeros(data: bytes, dice: random.Random) -> bytes:
    at, size = dice.randrange(len(data) + 1), dice.randrange(1, 400)
    return data[:at] + bytes(size) + data[at + size :]


def _odd_text(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + dice.choice(ODD_TEXTS) + data[at:]


def _lines(data: bytes, dice: random.Random) -> bytes:
    """Lines in another order, one of them twice."""
    lines = data.split(b"\n")
    dice.shuffle(lines)
    return b"\n".join([*lines, lines[0]])


def _noise(data: bytes, dice: random.Random) -> bytes:
    return dice.randbytes(dice.choice((1, 4, 100, 5000)))


def _packed(data: bytes, dice: random.Random) -> bytes:
    """gzip that is rotten or cut."""
    return _bits(gzip.compress(data, mtime=0), dice) if dice.random() < 0.5 else _cut(gzip.compress(data), dice)


DAMAGES: tuple[Damage, ...] = (
    _bits,
    _bits,
    _cut,
    _hole,
    _twice,
    _length,
    _length,
    _zeros,
    _odd_text,
    _lines,
    _noise,
    _packed,
)


def json_damaged(text: str, number: int) -> str:
    """A JSON text in which a value has another type, or a name is gone: still JSON, which a parser lets through."""
    dice = random.Random(number)
    odd = dice.choice(
        ("null", "5", "-1", '"x"', "[]", "{}", "[1]", '{"a": 1}', "1e999", "true", '"\\u001b[31m\\u202e"', '""')
    )
    places = [at for at, character in enumerate(text) if character in ":,[{"]
    at = dice.choice(places or [-1]) + 1
    end = min((text.find(mark, at) for mark in ",}]" if text.find(mark, at) > 0), default=len(text))
    return text[:at] + odd + text[end:]
