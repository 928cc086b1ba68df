"""Pieces stay small enough to be read at once; what is larger is listed here with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sources import MODULES, PACKAGE, name_of, nodes, room, text

MODULE, CLASS, FUNCTION, PARAMETERS = 350, 200, 40, 6

LARGER = {
    # tables
    "aws/iam/features.py": "a table: which call needs which permission",
    "options/table.py": "a table: the options",
    # one call of AWS, a library or a format with that many fields, each by name
    "aws/mirroring/resources.py:create_session": "CreateTrafficMirrorSession's parameters",
    "lab/api/moto_enis.py:describe_as": "fields of an ENI",
    "wire/capture_files/blocks.py:enhanced_packet": "fields of a block",
    "transport/ssh.py:connect": "what a log-in by SSH is made of",
    "cleanup/sweep.py:remove_capture": "the seams of a sweep, and how patient it is",
    "cleanup/report.py:clean": "the seams of a sweep",
    "wire/bpf/relocation.py:move": "the fixed points of a program that is moved",
    "wire/bpf/relocation.py:__init__": "the same",
    "diagnose/verdicts/ending.py:_idle_told": "one of a table of endings, which have one signature",
    "receiver/program.py:__init__": "all that the receiver is put together from",
    # a state that would only be passed to and fro if it were cut
    "receiver/ring.py:fast": "the loop that each frame passes",
    "wire/bpf/guards.py:FrameGuard": "one program's assembly, label by label",
    "lab/vpc/ssm_service.py:SsmService": "one protocol's states",
    "lab/api/server.py:__init__": "the lab's routes",
}


def lines(node: ast.AST) -> int:
    """From the first line to the last; decorators don't count."""
    assert isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    return (node.end_lineno or node.lineno) - node.lineno + 1


def body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of what it does, without its head and its docstring."""
    told = ast.get_docstring(node) is not None
    statements = node.body[1:] if told else node.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """All but self, cls and what is gathered by a star."""
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([one for one in named if one.arg not in ("self", "cls")])


@cache
def too_large(path: Path) -> tuple[str, ...]:
    """``wire/x.py`` or ``wire/x.py:name``, for each piece that is larger than it may be."""
    return tuple(_too_large(path))


def _too_large(path: Path) -> Iterator[str]:
    here = path.relative_to(PACKAGE).as_posix()
    if len(text(path).splitlines()) > MODULE:
        yield here
    for node in nodes(path):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.ClassDef) and lines(node) > CLASS:
            yield f"{here}:{node.name}"
        if is_function and (lines(node) > FUNCTION or parameters(node) > PARAMETERS):
            yield f"{here}:{node.name}"


@pytest.mark.parametrize("here", sorted({room(name_of(path)) for path in MODULES}))
def test_a_piece_is_no_larger_than_it_may_be(here: str):
    """350 lines a module, 200 a class, 40 a function, with at most six parameters."""
    pieces = [piece for path in MODULES if room(name_of(path)) == here for piece in too_large(path)]
    assert [piece for piece in pieces if piece not in LARGER] == []


def test_the_list_of_larger_ones_names_nothing_else():
    """What has become smaller, or is gone, leaves the list."""
    assert {piece for path in MODULES for piece in too_large(path)} == {*LARGER}


def test_most_functions_are_seen_at_a_glance():
    """The median is at most 6 lines of body, nine of ten have at most 16."""
    found = (node for path in MODULES for node in nodes(path))
    sizes = sorted(body(node) for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    assert sizes[len(sizes) // 2] <= 6
    assert sizes[len(sizes) * 9 // 10] <= 16
