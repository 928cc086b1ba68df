"""Text from outside at every sink that is no command's: judged by Unicode's own categories (``hostile.harm``)."""

from __future__ import annotations

import logging
import os
import struct
import sys
from pathlib import Path

import pytest
from hostile import EVIL, forged, harm
from hypothesis import given
from hypothesis import strategies as st

from vpcshark import errors, logs, text
from vpcshark.extcap.protocol.toolbar import Decoder, Toolbar
from vpcshark.wire.capture_files import merge, pcapng
from vpcshark.wire.overlay import tcpdump_stream

ODD = "\x1b\x9b\u202e\u200b\ud800\u3164\n\r\t\0a[/]"
FOREIGN = st.one_of(st.text(max_size=80), st.text(ODD, max_size=40), st.just(EVIL))
PLAIN = st.characters(categories=["L", "N", "P", "S", "M"], exclude_characters=[*map(chr, text._UNSEEN)])


@given(FOREIGN, st.integers(0, 90))
def test_a_line_is_one_line_that_harms_nobody(foreign: str, most: int) -> None:
    """And no longer than it may be, with a mark of how much is left out."""
    shown = text.line(foreign, most)
    assert not harm(shown.encode())
    assert not {"\n", "\t"} & set(shown)
    assert len(shown) == len(foreign) if len(foreign) <= most else f"{len(foreign) - most:,} more" in shown
    assert text.line(shown, len(shown)) == shown


@pytest.mark.parametrize(
    ("word", "near"), [("esat", "east"), ("wset", "west"), ("eest", "west"), ("noth", "north"), ("moon", ""), ("", "")]
)
def test_the_nearest_word_is_one_of_the_same_letters_first(word: str, near: str) -> None:
    """Two that changed places are the likeliest slip: ``esat`` is as near to ``west`` otherwise."""
    assert text.nearest(word, ["north", "west", "east"]) == near


@given(FOREIGN)
def test_lines_keep_their_ends(foreign: str) -> None:
    """And their tabs, and nothing else that is no plain text."""
    shown = text.lines(foreign)
    assert not harm(shown.encode())
    assert (shown.count("\n"), shown.count("\t")) == (foreign.count("\n"), foreign.count("\t"))


@given(st.text(PLAIN))
def test_plain_text_is_left_as_it_is(plain: str) -> None:
    """Letters, digits, punctuation, symbols and accents of any script."""
    assert text.line(plain) == plain


@given(FOREIGN, st.integers(3, 40))
def test_text_is_cut_between_characters(foreign: str, size: int) -> None:
    """To so many bytes at most, which are UTF-8."""
    shown = text.cut(foreign, size)
    assert len(shown.encode()) <= size
    assert shown.rstrip("…") == shown or shown.endswith("…")


@given(FOREIGN, FOREIGN)
def test_an_error_is_clean_from_the_beginning(problem: str, remedy: str) -> None:
    """Whoever shows it; and what to do stays whole, however long the problem is."""
    error = errors.VpcsharkError(problem + "x" * 100_000, "Do this.")
    assert not harm(f"{error}".encode())
    assert len(str(error)) < text.MOST + 100
    assert error.remedy == "Do this."
    assert not harm(errors.AwsError(problem, remedy, code="x").remedy.encode())


@given(FOREIGN)
def test_a_capture_file_holds_clean_text(foreign: str) -> None:
    """Names, descriptions, comments, filters: whoever prints them has a terminal."""
    names = [("10.1.0.1", foreign), ("fd00::1", foreign)]
    texts = [
        *options(pcapng.section_header(foreign, foreign, foreign, foreign), 16, {1, 2, 3, 4}),
        *options(pcapng.interface_description(foreign, foreign, foreign, comment=foreign), 8, {1, 2, 3, 11}),
        *options(pcapng.name_resolution(names), 0, {1, 2}),
        *options(merged(foreign), 12, {1}),
        tcpdump_stream.Converter(remark=foreign)._remark.encode(),
    ]
    assert not [problem for one in texts for problem in harm(one.strip(b"\0"))]


def options(blocks: bytes, begin: int, codes: set[int]) -> list[bytes]:
    """The values of these options, which begin so many bytes into a block's body; an address is no text."""
    values = []
    for block in pcapng.read_blocks(pcapng.section_header() + blocks):
        at = begin if block.kind != pcapng.SECTION else 16
        while at + 4 <= len(block.body):
            code, size = struct.unpack_from("<HH", block.body, at)
            value = block.body[at + 4 : at + 4 + size]
            if code in codes and value:
                values.append(value[(4, 16)[code - 1] :] if block.kind == pcapng.NAMES else value)
            at += 4 + size + -size % 4
    return values


def merged(foreign: str) -> bytes:
    """What a fleet writes of a host's comment, and of a lost host."""
    merger = merge.Merger(1)
    merger.feed(0, pcapng.interface_statistics(0, 1, 2, 3, 4, foreign), 0.0)
    merger.end(0, foreign)
    return merger.take(1.0)


@given(FOREIGN)
def test_the_toolbar_gets_clean_text(foreign: str) -> None:
    """In messages that fit into the pipe."""
    reading, writing = os.pipe()
    toolbar = Toolbar(None, writing)
    for say in (toolbar.say, toolbar.log, toolbar.show):
        say(foreign + "x" * 3000 + foreign)
    toolbar.close()
    with open(reading, "rb") as pipe:
        messages = Decoder().feed(pipe.read())
    assert len(messages) == 4
    assert all(not harm(message.payload.rstrip(b"\n")) and len(message.payload) <= 4000 for message in messages)


@pytest.fixture
def log(tmp_path: Path):
    """The log file, while root's handlers are ours."""
    root = logging.getLogger()
    before, level, hooks = root.handlers[:], root.level, (sys.unraisablehook, logging.raiseExceptions)
    yield logs.set_up("info", str(tmp_path / "log"))
    for handler in root.handlers:
        handler.close()
    root.handlers[:], root.level = before, level
    sys.unraisablehook, logging.raiseExceptions = hooks
    logging.captureWarnings(False)


def test_the_log_holds_clean_text_and_no_line_of_a_strangers_making(log: Path) -> None:
    """Of a message and of a traceback, whose last line is there however long it is."""
    try:
        raise ValueError(EVIL + "y" * 200_000 + EVIL)
    except ValueError:
        logging.getLogger("vpcshark").exception("%s said: %s", "a host", EVIL + "x" * 100_000)
    written = log.read_bytes()
    assert not harm(written)
    assert not forged(written)
    assert len(written) < 60_000
    assert "ValueError" in written.decode()
