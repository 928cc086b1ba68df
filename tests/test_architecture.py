"""The rooms are what docs/ARCHITECTURE.md says: imports point down, wire is pure, every module says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sources import MODULES, PACKAGE, name_of, nodes, room, text, tree

ORDER = [
    "__main__",
    "cli",
    "live",
    "extcap",
    "options",
    "capture",
    "cleanup",
    "why",
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
# The rooms inside the rooms, from the top down. A module that stands beside them is a room of its own.
INSIDE = {
    "extcap": ["__main__", "main", "refresh", "capture_phase", "protocol", "services", "prepared"],
    "options": ["resolve", "command_line", "checked_settings", "defaults", "table", "option"],
    "capture": [
        "services",
        "modes",
        "mirror",
        "tcpdump",
        "flow_records",
        "lifecycle",
        "receivers",
        "instance",
        "remote",
        "inventory",
        "connection",
        "diagnosing",
        "contract",
    ],
    "aws": [
        "iam",
        "flow_records",
        "balancing",
        "compute",
        "mirroring",
        "inventory",
        "monitoring",
        "analyzer",
        "kinds",
        "tagging",
        "client",
        "paging",
        "credentials",
        "errors",
        "refusals",
        "response_limits",
        "models",
        "answers",
        "long_answers",
        "prices",
    ],
    "wire": ["mirror_rules", "bpf", "overlay", "capture_files"],
}
MANAGES_EXTCAP = {"completion", "config", "demo", "doctor", "lab", "listing"}  # of the user's commands
SHARED = {"errors", "clock", "folders", "logs", "threads", "traffic_mirroring"}
IMPURE = {"socket", "time", "subprocess", "threading", "os", "boto3", "botocore", "paramiko", "random", "select"}


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Every module name that ``path`` imports, wherever in the file."""
    return tuple(_imports(path))


@cache
def roots(path: Path) -> frozenset[str]:
    """The packages that ``path`` imports from."""
    return frozenset(name.split(".")[0] for name in imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_room(here: str) -> list[Path]:
    """The modules of a room."""
    return [path for path in MODULES if room(name_of(path)) == here]


@pytest.mark.parametrize("here", sorted({room(name_of(path)) for path in MODULES}))
def test_a_module_imports_only_from_its_room_and_the_rooms_below(here: str):
    """The arrows of the architecture; the lab stands alone, and only the commands may reach it."""
    below = set(ORDER[ORDER.index(here) :]) if here in ORDER else {here}
    others = {*ORDER, "lab"} - below - SHARED - ({"lab"} if here == "cli" else set())
    met = {name_of(path): {room(name) for name in imports(path)} & others for path in of_room(here)}
    assert {module: rooms for module, rooms in met.items() if rooms} == {}


def inner_room(name: str) -> str:
    """``vpcshark.wire.bpf.guards`` -> ``bpf``; "" for the package itself."""
    return (name.split(".") + [""] * 3)[2]


@pytest.mark.parametrize("outer", sorted(INSIDE))
def test_a_module_imports_only_from_the_rooms_below_inside_its_room(outer: str):
    """The same inside the big rooms: each module is in one of the rooms that are listed, and the arrows point down.
    The package itself is below all of them."""
    order, wrong = INSIDE[outer], []
    for path in of_room(outer):
        here = inner_room(name_of(path))
        met = {inner_room(name) for name in imports(path) if room(name) == outer}
        is_package = path == PACKAGE / outer / "__init__.py"
        below = [] if is_package else order[order.index(here) :] if here in order else None
        if below is None or met & set(order) - set(below) or (is_package and met):
            wrong.append((name_of(path), met))
    assert wrong == []


OLD_WORDS = {
    *("gate", "making", "looking", "secondlook", "pouring", "receiving", "reception", "live", "life", "listed"),
    *("here", "swap", "ways", "reach", "newcomers"),
}


def test_modules_are_named_in_the_fields_words():
    """Names that only their writers knew do not come back."""
    assert not [path for path in MODULES if path.stem in OLD_WORDS]
    assert not (PACKAGE / "capture" / "receivers.py").exists()


def test_the_faces_stand_side_by_side():
    """A command needs nothing of Wireshark's protocol but to manage it; the protocol needs no command."""
    users = {path.stem for path in (PACKAGE / "cli").rglob("*.py") for name in imports(path) if room(name) == "extcap"}
    assert users <= MANAGES_EXTCAP
    assert not [path for path in (PACKAGE / "extcap").rglob("*.py") if "cli" in {room(n) for n in imports(path)}]


def test_aws_returns_types_of_its_own():
    """The gateway knows neither what preflight makes of its facts, nor what runs on a host."""
    met = {room(name) for path in (PACKAGE / "aws").rglob("*.py") for name in imports(path)}
    assert not met & {"preflight", "network", "survey", "receiver", "transport", "wire"}


@pytest.mark.parametrize("pure", ["wire", "network", "diagnose", "why", "flowlogs"])
def test_what_is_pure_has_no_input_no_output_no_clock_and_no_aws(pure: str):
    """Bytes in and bytes out (wire), facts in and a path out (network), packets in and verdicts out (diagnose), answers
    in and a conclusion out (why), records in and out (flowlogs): so each can be fuzzed, repeated and proved alone."""
    met = {name_of(path): roots(path) & IMPURE for path in of_room(pure)}
    assert {module: names for module, names in met.items() if names} == {}


def test_why_asks_nobody_itself():
    """Whoever walks, asks and reads hands in how, so every order of outcomes is a row of a table."""
    met = {name_of(path): {room(name) for name in imports(path)} & {"survey", "aws"} for path in of_room("why")}
    assert {module: rooms for module, rooms in met.items() if rooms} == {}


def test_a_module_says_what_it_is_for():
    """The first thing that a reader sees of a module is its purpose."""
    assert [name_of(path) for path in MODULES if not ast.get_docstring(tree(path))] == []


@pytest.mark.parametrize("library", ["boto3", "botocore"])
def test_one_room_talks_to_aws(library: str):
    """boto3 is imported by the aws room (and the lab, which stands in for AWS) alone."""
    users = {room(name_of(path)) for path in MODULES for name in imports(path) if name.split(".")[0] == library}
    assert users <= {"aws", "lab"}


SIZED = ("capture", "options", "extcap", "cli", "settings", "settings_text", "threads")


def _sized() -> list[Path]:
    return [path for path in MODULES if room(name_of(path)) in SIZED]


def _lines(node: ast.FunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_most_functions_are_shorter_than_half_a_screen():
    """Half of them have six lines at most, nine of ten sixteen."""
    found = [node for path in _sized() for node in nodes(path)]
    lengths = sorted(_lines(node) for node in found if isinstance(node, ast.FunctionDef))
    assert lengths[len(lengths) // 2] <= 6
    assert lengths[len(lengths) * 9 // 10] <= 16


def test_no_part_of_a_capture_is_asked_what_it_is():
    """A stream or a feed has an answer to everything; a protocol that is probed at run time would bring that back."""
    probed = [path for path in _sized() if "runtime_checkable" in text(path)]
    assert not probed


def test_the_seams_of_a_capture_have_types():
    """``Any`` would let a stream of another shape through."""
    names = ("contract/frame_stream", "contract/sink", "contract/status", "lifecycle/feed", "modes/auto", "modes/path")
    assert not [name for name in names if "Any" in text(PACKAGE / "capture" / f"{name}.py")]
