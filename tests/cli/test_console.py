"""How commands talk to a person."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from vpcshark.cli import console
from vpcshark.cli.terminal import CleanConsole


@pytest.mark.parametrize(("width", "drawn"), [(1000, 100), (60, 60)])
def test_a_heading_is_as_wide_as_a_page_where_lines_have_no_end(width: int, drawn: int) -> None:
    """In a pipe lines are not folded; a rule of a thousand columns helps nobody."""
    page = io.StringIO()
    console.heading(Console(file=page, width=width), "What is left")
    (line,) = page.getvalue().splitlines()
    assert "What is left" in line
    assert len(line) == drawn


def shown(page: io.StringIO, **settings: object) -> str:
    """A table of two columns, as a console shows it."""
    table = console.table()
    table.add_column("ENI")
    table.add_column("NAME")
    table.add_row("eni-1", console.styled("web-1", "green"))
    table.add_row("eni-22", "a-much-longer-name")
    CleanConsole(file=page, width=100, **settings).print(table)
    return page.getvalue()


def test_what_no_terminal_shows_has_no_padding_and_no_colour():
    """A file or a pipe: columns stand below each other, lines end where their text ends."""
    assert shown(io.StringIO()).splitlines() == ["ENI     NAME", "eni-1   web-1", "eni-22  a-much-longer-name"]


def test_no_color_takes_colours_from_a_terminal(monkeypatch: pytest.MonkeyPatch):
    """https://no-color.org: whatever its value. Without it there are some."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    settings = {"force_terminal": True, "color_system": "standard"}
    assert "\x1b[32m" in shown(io.StringIO(), **settings)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in shown(io.StringIO(), **settings)


def test_a_sign_of_life_is_for_terminals_alone(capsys: pytest.CaptureFixture[str]):
    """A log of a script's stderr has no spinner in it."""
    with console.working("Asking ..."):
        pass
    assert capsys.readouterr() == ("", "")
