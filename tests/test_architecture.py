"""The rooms are what docs/ARCHITECTURE.md says: imports point down, wire is pure, every module says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vpcshark"
ORDER = [
    "__main__",
    "cli",
    "extcap",
    "capture",
    "cleanup",
    "evidence",
    "survey",
    "aws",
    "preflight",
    "network",
    "diagnose",
    "flowlogs",
    "transport",
    "receiver",
    "wire",
]
SHARED = {"errors", "clock", "folders", "logs", "threads"}
MODULES = sorted(PACKAGE.rglob("*.py"))
IMPURE = {"socket", "time", "subprocess", "threading", "os", "boto3", "botocore", "paramiko", "random", "select"}


def imports(path: Path) -> Iterator[str]:
    """Every module name that ``path`` imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name: str) -> str:
    """The room of a dotted module name of ours; "" for others'."""
    parts = name.split(".")
    return parts[1] if parts[0] == "vpcshark" and len(parts) > 1 else ""


def name_of(path: Path) -> str:
    """``vpcshark/wire/bpf.py`` -> ``vpcshark.wire.bpf``."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_from_its_room_and_the_rooms_below(path: Path):
    """The arrows of the architecture; the lab stands alone, and only the commands may reach it."""
    here = room(name_of(path))
    below = set(ORDER[ORDER.index(here) :]) if here in ORDER else {here}
    allowed = below | SHARED | ({"lab"} if here == "cli" else set())
    known = {*ORDER, "lab"}
    assert {room(name) for name in imports(path)} & known <= allowed


@pytest.mark.parametrize("path", sorted((PACKAGE / "wire").rglob("*.py")), ids=name_of)
def test_wire_is_bytes_in_bytes_out(path: Path):
    """No input, no output, no clock, no AWS in wire: so it can be fuzzed and proved alone."""
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE


@pytest.mark.parametrize("path", sorted((PACKAGE / "network").rglob("*.py")), ids=name_of)
def test_network_is_facts_in_a_path_out(path: Path):
    """The same of network: so it can be walked a thousand times, and proved alone."""
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE


@pytest.mark.parametrize("path", sorted((PACKAGE / "diagnose").rglob("*.py")), ids=name_of)
def test_diagnose_is_packets_in_verdicts_out(path: Path):
    """The same of diagnose: so a running capture, a file and several can all be judged by it."""
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE


@pytest.mark.parametrize("path", sorted((PACKAGE / "flowlogs").rglob("*.py")), ids=name_of)
def test_flowlogs_is_records_in_records_out(path: Path):
    """The same of flowlogs: whoever reads files and asks AWS hands in bytes and clients."""
    assert not {name.split(".")[0] for name in imports(path)} & IMPURE


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(path: Path):
    """The first thing that a reader sees of a module is its purpose."""
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize("library", ["boto3", "botocore"])
def test_one_room_talks_to_aws(library: str):
    """boto3 is imported by the aws room (and the lab, which stands in for AWS) alone."""
    users = {room(name_of(path)) for path in MODULES for name in imports(path) if name.split(".")[0] == library}
    assert users <= {"aws", "lab"}
