"""No text of a tag runs, splits or reads anything where an SSH configuration expands it; real ``sh`` is the judge."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from properties import examples

from vpcshark.aws.compute.capture_hosts import USER_TAG, CaptureHost
from vpcshark.capture.connection.ssh_methods import Logins
from vpcshark.capture.contract.options import CaptureOptions
from vpcshark.errors import VpcsharkError
from vpcshark.transport import ssh_config

ADDRESS = "127.0.0.2"
INSTANCE = "i-0123456789abcdef0"
FRAGMENTS = (
    "$(touch${IFS}pwned)",
    "`touch pwned`",
    ";touch pwned",
    "|touch pwned",
    "&& touch pwned;",
    "\ntouch pwned\n",
    ">pwned",
    "<(touch pwned)",
    "$HOME",
    "${HOME}",
    "~",
    "~root",
    "*",
    "?",
    "[a-z]",
    "{a,b}",
    "#",
    "!",
    " ",
    "\t",
    "\r",
    "\x00",
    "\x1b",
    "\u2028",
    "\u202e",
    "\udc80",
    "'",
    '"',
    "\\",
    "%h",
    "%r",
    "%%",
    "%",
    "-oProxyCommand=touch pwned",
    "..",
    "/",
    "../x",
    "=",
    "web-1",
    "é",
    "10.1.0.5",
)
TEXTS = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=4), min_size=1, max_size=4).map("".join)
CONFIG = """
Match exec "{show} match %n %h %r"
  ServerAliveInterval 5
Host {pattern}
  ProxyCommand {show} proxy %n %h %p %r
"""
SHOW = """#!/bin/sh
for word; do line="$line<$word>"; done
printf '%s\n' "$line" >>{out}
"""


@contextlib.contextmanager
def inside(folder: str) -> Iterator[Path]:
    """Commands that are expanded run here; a file lies here that a pattern would find."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        Path("bait").touch()
        yield Path(folder)
    finally:
        os.chdir(before)


def words_expanded(name: str, user: str, pattern: str) -> tuple[list[list[str]], set[str]]:
    """Log in to an instance with these tags; the lines of words that ``sh`` handed on, and the files that there are."""
    with tempfile.TemporaryDirectory() as elsewhere, tempfile.TemporaryDirectory() as name_of_folder:
        out, show, config = (Path(elsewhere, file) for file in ("out", "show", "config"))
        show.write_text(SHOW.format(out=out))
        show.chmod(0o755)
        config.write_text(CONFIG.format(show=show, pattern=pattern))
        host = CaptureHost(INSTANCE, name, "eni-1", ADDRESS, user=user, tags={USER_TAG: user})
        logins = Logins(host, [ADDRESS], CaptureOptions(ssh_port=9), config=ssh_config.read([str(config)]))
        with inside(name_of_folder) as folder:
            with contextlib.suppress(VpcsharkError):  # nobody is there, or the name is refused
                logins.shown_key()
            with contextlib.suppress(VpcsharkError):
                logins.direct()[0].open()
            found = {file.name for file in folder.iterdir()} | {file.name for file in Path(elsewhere).iterdir()}
        lines = out.read_bytes().decode(errors="surrogateescape").splitlines() if out.exists() else []
        return [re.findall(r"<(.*?)>", line) for line in lines], found - {"out", "show", "config", "bait"}


@pytest.mark.parametrize("pattern", ["*", "cap-*"])
@settings(max_examples=examples(25), deadline=None)
@given(name=TEXTS, user=TEXTS)
@example(name="$(touch${IFS}pwned)", user="root")
@example(name="x", user="$(touch${IFS}pwned)")
@example(name="web", user="`touch pwned`")
@example(name="*", user="*")
def test_no_tag_runs_or_splits_anything(pattern: str, name: str, user: str) -> None:
    """Whatever a Name tag and a login user hold: each % token is one word, which is a whole name or none of it."""
    name = f"cap-{name}"
    lines, files = words_expanded(name, user, pattern)
    assert not files
    for words in lines:
        kind, *tokens = words
        assert len(tokens) == {"match": 3, "proxy": 4}[kind], words
        assert {word for word in tokens if "cap-" in word} <= {name, name.lower()}  # %h is as ssh dials it


def test_the_tag_of_a_proper_name_is_still_looked_up() -> None:
    """A refusal of all would pass the test before."""
    lines, _ = words_expanded("cap-1", "admin", "cap-*")
    assert any(words[0] == "proxy" and "cap-1" in words for words in lines)
