"""``vpcshark why --html`` in a real Chromium: axe-core finds nothing, nothing is cut, nothing is asked for.

``make pages`` installs what this needs. VPCSHARK_PAGES names a folder that keeps the screenshots, to be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packets import Tcp

from tests.support.browser import Browser
from tests.support.walks import two_vpcs
from tests.support.why_stories import black_hole, capture, refused, sound
from vpcshark.cli.drawing import inquiry
from vpcshark.cli.main import run
from vpcshark.evidence import points
from vpcshark.evidence.findings import NOT_SEEN, REJECTED, SEEN, Finding
from vpcshark.network.known import Known
from vpcshark.survey import dump
from vpcshark.survey.questions import Wanted, attempt
from vpcshark.why import from_records, from_walk, steps

pytestmark = pytest.mark.long
AXE = Path(__file__).parents[2] / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
STORIES: dict[str, tuple[str, Callable[[Tcp], None] | None, int]] = {
    "blocked": ("server:81", None, 1),
    "undecided": ("server:80", None, 3),
    "refused": ("server:80", refused, 1),
    "black-hole": ("server:80", black_hole, 1),
    "works": ("server:80", sound, 0),
}
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page, written as a user has it written; a file is named as an attempt to become markup."""
    folder = tmp_path_factory.mktemp("pages")
    cloud = str(two_vpcs().write(folder / "dump"))
    for name, (target, tell, status) in STORIES.items():
        words = ["--file", capture(folder, f"{name}{EVIL}.pcap", ("10.1.1.10", "10.2.2.20"), tell)] if tell else []
        page = str(folder / f"{name}.html")
        assert run(["why", "client", target, "--from-dump", cloud, *words, "--html", page]) == status, name
    (folder / "records.html").write_text(inquiry.report(with_records(folder)), "utf-8")
    return {name: folder / f"{name}.html" for name in (*STORIES, "records")}


def with_records(folder: Path) -> inquiry.Found:
    """What flow logs show of the walk, which no folder of answers has."""
    known, wanted = Known(dump.read(folder / "dump")), Wanted("client", "server", (80, 80))
    answer = attempt(known, wanted, ["client"], ["server"])
    statuses = [SEEN, SEEN, NOT_SEEN, REJECTED]
    shown = [
        Finding(point, statuses[number % 4], f"by {EVIL}", 3, 3, 180) for number, point in enumerate(points.of(answer))
    ]
    taken = [from_walk.judge(answer), from_records.judge(answer, shown, 1_767_268_800)]
    return inquiry.Found(f"client → {EVIL}", "now", answer, taken, steps.conclude(taken), (), shown)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.mark.parametrize("name", [*STORIES, "records"])
@pytest.mark.parametrize(("width", "is_dark"), [(1400, False), (1400, True), (420, False)])
def test_axe_finds_nothing(name: str, width: int, is_dark: bool, browser: Browser, pages: dict[str, Path]):
    browser.open(pages[name], width, is_dark=is_dark)
    browser.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
    browser.js(AXE.read_text("utf-8"))
    found: Any = browser.js("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    assert found == []
    if folder := os.environ.get("VPCSHARK_PAGES"):
        browser.screenshot(Path(folder) / f"why-{name}-{width}{'-dark' if is_dark else ''}.png")


@pytest.mark.parametrize("name", [*STORIES, "records"])
@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_is_cut_and_nothing_is_asked_for(name: str, width: int, browser: Browser, pages: dict[str, Path]):
    browser.open(pages[name], width)
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert browser.asked == [pages[name].as_uri()]
    assert browser.js("document.querySelectorAll('script, img, iframe').length") == 0
    assert not [each for each in browser.events if each["method"] == "Page.javascriptDialogOpening"]


def test_it_has_the_conclusion_every_step_the_picture_and_the_graph(browser: Browser, pages: dict[str, Path]):
    browser.open(pages["black-hole"])
    assert browser.js("document.querySelector('.conclusion').textContent").startswith("Cause: pmtu-black-hole")
    assert browser.js("document.querySelectorAll('ol.steps li').length") == 2
    assert browser.js("document.querySelectorAll('svg.walk').length") == 1
    assert browser.js("document.querySelectorAll('svg.sequence').length") >= 1
