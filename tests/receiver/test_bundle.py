"""The program that is sent: self-contained, standard library only, harmless to any shell on the way."""

from __future__ import annotations

import shlex
import subprocess
import sys

from vpcshark import receiver


def test_the_argv_is_short_and_survives_a_shell():
    """SSH gives the remote shell one string."""
    command = receiver.command(sys.executable, owns_connection=True)
    assert len(shlex.join(command)) < 600
    assert not set(" ".join(command)) & set("'\n$`!")
    echoed = subprocess.run(
        ["sh", "-c", "printf '%s\\n' " + shlex.join(command)], capture_output=True, text=True, check=True
    )
    assert echoed.stdout.splitlines() == command


def test_the_preamble_tells_the_sources_length():
    """What follows is the config's."""
    length, _, source = receiver.preamble().partition(b"\n")
    assert int(length) == len(source)
    assert source == receiver.program()


def test_nothing_but_the_standard_library_is_imported(python):
    """Under every Python, with a module of ours on the path that must not be taken."""
    code = "import sys; sys.argv = ['x']; sys.stdin.close(); exec(compile(open(0, 'rb').read(), 'x', 'exec'))"
    source = receiver.program().replace(b"sys.exit(", b"print(sorted(sys.modules)); (lambda *_: None)(", 1)
    source = source.replace(b'["vpcshark.receiver.program"].main()', b'["vpcshark.receiver.program"]')
    code = "import os,sys; exec(compile(b''.join(iter(lambda: os.read(0, 65536), b'')), 'x', 'exec'))"
    answer = subprocess.run([python, "-I", "-c", code], input=source, capture_output=True, check=True)
    modules = {name for name in eval(answer.stdout) if name.startswith("vpcshark")}
    assert modules == {*receiver.PACKAGES, *receiver.MODULES}
    assert answer.stderr == b""
