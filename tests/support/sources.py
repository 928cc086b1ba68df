"""The product's source, read and parsed once for all tests that look at it: ``tests/conftest.py`` has them follow one
another in one process. Must not know what any of them looks for."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "vpcshark"
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
def text(path: Path) -> str:
    """A module as it is written."""
    return path.read_text("utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """The module, parsed."""
    return ast.parse(text(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of the tree, breadth first."""
    return tuple(ast.walk(tree(path)))


def name_of(path: Path) -> str:
    """``vpcshark/wire/bpf/guards.py`` -> ``vpcshark.wire.bpf.guards``."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def room(name: str) -> str:
    """The room of a dotted module name of ours; "" for others'."""
    parts = name.split(".")
    return parts[1] if parts[0] == "vpcshark" and len(parts) > 1 else ""
