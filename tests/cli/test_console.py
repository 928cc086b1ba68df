"""How commands talk to a person."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from vpcshark.cli import console


@pytest.mark.parametrize(("width", "drawn"), [(1000, 100), (60, 60)])
def test_a_heading_is_as_wide_as_a_page_where_lines_have_no_end(width: int, drawn: int) -> None:
    """In a pipe lines are not folded; a rule of a thousand columns helps nobody."""
    page = io.StringIO()
    console.heading(Console(file=page, width=width), "What is left")
    (line,) = page.getvalue().splitlines()
    assert "What is left" in line
    assert len(line) == drawn
