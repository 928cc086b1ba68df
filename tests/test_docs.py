"""The documentation: pages made by script are as the program's tables have it, and no link leads nowhere."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import MODULES, nodes

from vpcshark import errors, settings
from vpcshark.cli import parsing, statuses
from vpcshark.extcap.protocol import listing
from vpcshark.options.table import OPTIONS

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *PROJECT.glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def script(name: str = "reference"):
    """docs/reference.py, or another."""
    place = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert place
    assert place.loader
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


def anchor(heading: str) -> str:
    """What a heading is linked as, in Git hosts and in mkdocs."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(line.lstrip("#")) for line in page.read_text("utf-8").splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    """Files are there, and have the heading."""
    wrong = []
    for link in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, heading = link.partition("#")
        target = page if not file else page.parent / file
        if not target.exists() or (heading and heading not in anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_pages_made_by_script_are_up_to_date() -> None:
    """`make docs` writes them."""
    pages = script().pages()
    assert {name: (DOCS / "reference" / name).read_text("utf-8") for name in pages} == pages


def test_wiresharks_help_is_up_to_date_and_its_links_lead_somewhere() -> None:
    """`make docs` writes it; it is read where there is no network."""
    page = script("helppage").page()
    assert listing.HELP.read_text("utf-8") == page
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(re.findall(r'id="([^"]*)"', page))
    assert not re.search(r"<(img|script|link)\b", page)


def test_every_option_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "options.md").read_text("utf-8")
    assert [option.name for option in OPTIONS if f"### {option.name}\n" not in page] == []


def test_every_setting_is_in_the_reference() -> None:
    """In its section, as the line that would set it."""
    page = (DOCS / "reference" / "config.md").read_text("utf-8")
    sections = dict(re.findall(r"(?ms)^#?\[(\w+)[^\]]*\]\n(.*?)(?=^#?\[|^```)", page))
    keys = {"list": settings._LIST, "hosts": settings._HOSTS, "capture": settings._CAPTURE}
    assert [key for section, names in keys.items() for key in names if f"#{key} = " not in sections[section]] == []


def arguments(parser: argparse.ArgumentParser, command: str) -> Iterator[tuple[str, str]]:
    """(the command, what it takes) for all that help shows, of commands of commands too."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, made in action.choices.items():
                yield from arguments(made, f"{command} {name}".strip())
        elif action.help != argparse.SUPPRESS and action.dest not in ("help", "verbose", "version"):
            shown = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
            yield command, action.option_strings[-1] if action.option_strings else shown


def test_every_argument_of_every_command_is_in_the_reference() -> None:
    """Below its command; a capture's options have a page of their own."""
    pages = DOCS / "reference"
    of = dict(re.findall(r"(?ms)^### vpcshark (\S+)$(.*?)(?=^##|\Z)", (pages / "commands.md").read_text("utf-8")))
    options = (pages / "options.md").read_text("utf-8")
    found = list(arguments(parsing.whole(), ""))
    assert len(found) > 100
    assert [
        (command, name)
        for command, name in found
        if not re.search(rf"[` ]{re.escape(name)}[` ,]", of[command.split()[0]])
        and not ((command == "capture" and f"`{name} VALUE`" in options) or f"`{name}, --no-" in options)
    ] == []


def test_every_exit_status_is_in_the_reference() -> None:
    """Each that the program has a name for."""
    page = (DOCS / "reference" / "exit-statuses.md").read_text("utf-8")
    known = [value for name, value in vars(statuses).items() if name.isupper() and isinstance(value, int)]
    assert len(known) > 5
    assert [status for status in known if f"\n| {status} | " not in page] == []


def error_classes() -> set[str]:
    """Of all rooms: whatever a user may see. One that begins with _ never leaves its module."""
    bases: dict[str, set[str]] = {}
    for module in MODULES:
        for node in nodes(module):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    found = {errors.VpcsharkError.__name__}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return {name for name in found if not name.startswith("_")}


def test_every_class_of_error_is_in_troubleshooting() -> None:
    page = (DOCS / "troubleshooting.md").read_text("utf-8")
    kinds = error_classes()
    assert len(kinds) > 15
    assert [name for name in kinds if f"`{name}`" not in page] == []


ROOMS = "tests|vpcshark|docs|extcap|installer|cli|capture|aws|wire|cleanup|transport|options|diagnose"
NAMED = re.compile(rf"\b((?:{ROOMS})/[\w/]+\.(?:py|sh))\b")
SCRIPTS = [PROJECT / "Makefile", PROJECT / ".ci" / "run", *sorted((PROJECT / "tests").glob("*.sh"))]


@pytest.mark.parametrize("page", [*PAGES, *SCRIPTS], ids=lambda page: str(page.relative_to(PROJECT)))
def test_no_file_is_named_that_is_not_there(page: Path) -> None:
    """By its whole path, or as one of ``vpcshark``: files move, and pages and scripts name them."""
    named = NAMED.findall(page.read_text("utf-8"))
    assert [
        name for name in named if not (PROJECT / name).exists() and not (PROJECT / "vpcshark" / name).exists()
    ] == []
