"""Nothing hangs on AWS's behaviour that docs/truth.py has no row for; and no row speaks of what is not there.

Branches are found in the source of every room: error codes that something is compared with, the patterns of refusals;
and, of the rooms that hang on AWS, states and numbers.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.exceptions
import botocore.session
import pytest
from sources import MODULES, PACKAGE, nodes, tree

from vpcshark.aws import refusals

PROJECT = Path(__file__).parent.parent
SERVICES = ("ec2", "elbv2", "ssm", "logs", "athena", "autoscaling", "cloudformation")
WORDS = re.compile(
    r"Invalid|NotFound|NoFound|Denied|Exceeded|Malformed|Duplicate|InUse|Exception|Throttl|Expired|Unauthorized|"
    r"Violation|Mismatch|Unavailable|Failure|NotSupported|Unsupported|DryRun|NotConnected|SlowDown|Required|Blocked|"
    r"Signature|InternalError|Timeout|RequestExpired|MissingAuth|Validation"
)
STATES = re.compile(r"(State|Status|StatusCode|StateName|StateEnum|StatusType|DeliveryStatus)s?$")
ROOMS = (
    *(
        "aws",
        "capture",
        "cleanup",
        "evidence",
        "flowlogs",
        "live",
        "network",
        "preflight",
        "survey",
        "transport",
        "why",
    ),
)
"""Those that hang on AWS's behaviour."""
OURS = set((PROJECT / "tests" / "our_numbers.txt").read_text("utf-8").split())
"""Numbers of these rooms that are our own choice, or another standard's, not AWS's: how long we wait, how much we show,
how many calls we make side by side, what OpenSSH's protocol has."""


@cache
def truth():
    """docs/truth.py."""
    place = importlib.util.spec_from_file_location("truth", PROJECT / "docs" / "truth.py")
    assert place
    assert place.loader
    module = importlib.util.module_from_spec(place)
    sys.modules["truth"] = module  # dataclasses look there
    place.loader.exec_module(module)
    return module


@cache
def modules() -> tuple[tuple[str, Path], ...]:
    """("aws.errors", where it is) of every module of the product but the lab."""
    names = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in MODULES}
    return tuple((name, path) for name, path in names.items() if not name.startswith("lab"))


def texts(node: ast.AST) -> Iterator[str]:
    """The strings of a literal, also within a set, tuple, list or frozenset, and a mapping's keys."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, (ast.Tuple, ast.Set, ast.List)):
        for one in node.elts:
            yield from texts(one)
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            if key is not None:
                yield from texts(key)


def compared(path: Path) -> Iterator[str]:
    """What something is compared with."""
    for node in nodes(path):
        if isinstance(node, ast.Compare):
            for one in (node.left, *node.comparators):
                yield from texts(one)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("startswith", "endswith"):
            for one in node.args:
                yield from texts(one)


def assigned(path: Path) -> Iterator[str]:
    """Literals of the module's own names."""
    for node in tree(path).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            yield from texts(node.value)


def is_code(text: str) -> bool:
    """Does it look like an error code of AWS's? botocore's own exceptions are none."""
    is_word = re.fullmatch(r"[A-Z]\w*(\.\w*)?", text) is not None
    return is_word and bool(WORDS.search(text)) and not hasattr(botocore.exceptions, text)


@cache
def states() -> frozenset[str]:
    """All values of the states and statuses in the models of the services that we ask."""
    found: set[str] = set()
    for service in SERVICES:
        model = botocore.session.get_session().get_service_model(service)
        for name in model.shape_names:
            if STATES.search(name):
                found |= set(getattr(model.shape_for(name), "enum", None) or ())
    return frozenset(found)


def of_refusals() -> Iterator[str]:
    """The alternatives of each pattern in the table of refusals."""
    for pattern, _, _ in refusals._TABLE:
        yield from re.split(r"\|(?![^(]*\))", pattern)


@cache
def branches() -> dict[str, set[str]]:
    """Code or state -> the modules that branch on it."""
    found: dict[str, set[str]] = {}
    for name, path in modules():
        said = set(compared(path))
        words = {one for one in {*said, *assigned(path)} if is_code(one)}
        words |= said & states() if name.split(".")[0] in ROOMS else set()
        for word in words:
            found.setdefault(word, set()).add(name)
    for pattern in of_refusals():
        found.setdefault(pattern, set()).add("aws.refusals")
    return found


def phrases() -> Iterator[str]:
    """Module and name of each pattern that an error's code or words are searched for."""
    for name, path in modules():
        for node in tree(path).body:
            if not (isinstance(node, ast.Assign) and name in ("aws.errors", "aws.refusals", "aws.compute.launch")):
                continue
            if isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "re.compile":
                yield f"{name}.{ast.unparse(node.targets[0])}"


def numbers() -> Iterator[str]:
    """Module and name of each number that a module of these rooms is given."""
    for name, path in modules():
        for node in tree(path).body if name.split(".")[0] in ROOMS else ():
            if isinstance(node, ast.Assign):
                targets = [one for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)]
                for one in targets:
                    value = getattr(importlib.import_module(f"vpcshark.{name}"), one.id)
                    if one.id.isupper() and isinstance(value, (int, float)) and not isinstance(value, bool):
                        yield f"{name}.{one.id}"


# Words that are states of ours, or of others than AWS, though a model of AWS's has them too.
OTHERS = {
    "error": "a receiver's line",
    "expired": "a ledger's lease",
    "ConnectTimeout": "an option of OpenSSH",
    "PacketDropCountTTLExpired": "a metric",
    "UNKNOWN": "what an instance says of itself",
    "OK": "a finding",
}


def test_each_branch_on_a_code_or_state_has_a_row() -> None:
    """By the very word that the code has."""
    known = {name for row in truth().ROWS for name in row.names} | set(OTHERS)
    assert {word: sorted(places) for word, places in branches().items() if word not in known} == {}


def test_each_pattern_for_aws_words_has_a_row() -> None:
    known = {name for row in truth().ROWS for name in row.names}
    ours = {"aws.refusals._CODES"}  # takes a prefix off
    assert set(phrases()) - known - ours == set()


def test_each_number_is_aws_with_a_row_or_our_own() -> None:
    known = {name: value for row in truth().ROWS for name, value in row.constants.items()}
    assert set(numbers()) - set(known) - OURS == set()
    for name, value in known.items():
        module, _, constant = name.rpartition(".")
        assert getattr(importlib.import_module(f"vpcshark.{module}"), constant) == pytest.approx(value), name


def test_no_row_speaks_of_what_is_not_there() -> None:
    """Words that no code has, tests that are gone."""
    there = {*branches(), *phrases()}
    assert {name for row in truth().ROWS for name in row.names} - there == set()
    for row in truth().ROWS:
        file, _, test = row.test.partition("::")
        assert f"def {test}(" in (PROJECT / file).read_text("utf-8"), row.test


def test_no_guess_is_stated_as_a_fact() -> None:
    """What is sure has a source; what has none is inferred; and phrases of ours are marked."""
    for row in truth().ROWS:
        assert row.sure in truth().SURE, row
        has_source = row.source.startswith(("https://", "botocore"))
        assert has_source or row.sure == "inferred", row.behaviour
        assert row.seen == "never" or re.fullmatch(r"\d{4}-\d\d-\d\d", row.seen)
        assert not row.shared or row.sure == "inferred"


def test_the_page_is_what_the_table_writes() -> None:
    """`make docs` writes it."""
    assert (PROJECT / "docs" / "truth.md").read_text("utf-8") == truth().page()
