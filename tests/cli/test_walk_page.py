"""``vpcshark walk --html`` in a real Chromium: axe-core finds nothing, hops are clicked and typed to, nothing is cut.

``make pages`` installs what this needs. VPCSHARK_PAGES names a folder that keeps the screenshots, to be looked at.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Browser
from tests.support.walks import Cloud, entry, one_vpc, two_vpcs
from vpcshark.cli.main import run

pytestmark = pytest.mark.long
AXE = Path(__file__).parents[2] / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = "</style></svg><script>document.title='taken'</script><img src=x onerror=alert(1)>\" onload=\"x\u202e\0" * 3


def blocked() -> Cloud:
    """The answer meets an ACL, and behind it a stopped client."""
    cloud = two_vpcs()
    cloud.entries("subnet-left-a").insert(0, entry(50, "deny", "6", "10.2.0.0/16", (1024, 65535), egress=False))
    return cloud


def hostile() -> Cloud:
    """Every name is an attempt to become markup."""
    cloud = blocked()
    for key in ("Vpcs", "Subnets", "NetworkInterfaces", "RouteTables", "NetworkAcls"):
        for row in cloud.answers[key]:
            row["Tags"] = row["TagSet"] = [{"Key": "Name", "Value": HOSTILE}]
    return cloud


WALKS = {
    "blocked": (blocked, ["client", "server:80"]),
    "unknown": (blocked, ["client", "server"]),
    "nat": (one_vpc, ["inner", "internet:443"]),
    "hostile": (hostile, ["i-client", "i-server:81"]),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page, written as a user has it written."""
    folder = tmp_path_factory.mktemp("pages")
    for name, (cloud, ends) in WALKS.items():
        dump = cloud().write(folder / name)
        run(["walk", *ends, "--from-dump", str(dump), "--html", str(folder / f"{name}.html")])
    return {name: folder / f"{name}.html" for name in WALKS}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize(("width", "is_dark"), [(1500, False), (1500, True), (420, False)])
def test_axe_finds_nothing(name: str, width: int, is_dark: bool, browser: Browser, pages: dict[str, Path]):
    browser.open(pages[name], width, is_dark=is_dark)
    browser.js(AXE.read_text("utf-8"))
    found = browser.js("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    assert found == []
    if folder := os.environ.get("VPCSHARK_PAGES"):
        browser.screenshot(Path(folder) / f"{name}-{width}{'-dark' if is_dark else ''}.png")


@pytest.mark.parametrize("name", WALKS)
def test_a_click_on_each_hop_leads_to_its_rule_and_back(name: str, browser: Browser, pages: dict[str, Path]):
    browser.open(pages[name])
    keys = browser.js("[...document.querySelectorAll('a.hop')].map(a => a.id.slice(3))")
    assert len(keys) > 10
    for key in keys:
        browser.click(f"#at-{key}")
        assert browser.js("location.hash") == f"#hop-{key}"
        seen = "(r => r.bottom > 0 && r.top < innerHeight)(document.querySelector(':target').getBoundingClientRect())"
        assert browser.js(seen), key
        said = browser.js(f"document.querySelector('#at-{key} > title').textContent")
        told = browser.js("document.querySelector(':target').innerText")
        assert " ".join(told.split()).startswith(" ".join(said.split(f", {key.split('-')[0]}: ")[0].split()))
        browser.click(f"#hop-{key} .up")
        assert browser.js("location.hash") == f"#at-{key}"


def test_the_keyboard_goes_from_hop_to_hop_in_the_order_of_the_packet(browser: Browser, pages: dict[str, Path]):
    browser.open(pages["blocked"])
    keys = browser.js("[...document.querySelectorAll('a.hop')].map(a => a.id)")
    browser.js(f"document.querySelector('#{keys[0]}').focus()")
    for key in keys:
        assert browser.js("document.activeElement.id") == key
        browser.key("Tab", 9)
    browser.js(f"document.querySelector('#{keys[3]}').focus()")
    browser.key("Enter", 13, "\r")
    assert browser.js("location.hash") == f"#hop-{keys[3].removeprefix('at-')}"


@pytest.mark.parametrize("name", WALKS)
@pytest.mark.parametrize("width", [1500, 420])
def test_nothing_is_cut_and_nothing_is_asked_for(name: str, width: int, browser: Browser, pages: dict[str, Path]):
    browser.open(pages[name], width)
    beyond = """[...document.querySelectorAll('a.hop')].flatMap(a => {
        const card = a.querySelector('rect').getBBox();
        return [...a.querySelectorAll('text')].filter(t => t.getBBox().x + t.getBBox().width > card.x + card.width
            || t.getBBox().y + t.getBBox().height > card.y + card.height).map(t => t.textContent)})"""
    assert browser.js(beyond) == []
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert browser.asked == [pages[name].as_uri()]
    assert "taken" not in browser.js("document.title")
    assert browser.js("document.querySelectorAll('script, img, iframe').length") == 0
    assert not [each for each in browser.events if each["method"] == "Page.javascriptDialogOpening"]


def test_on_paper_the_picture_is_whole_and_every_hop_is_told(browser: Browser, pages: dict[str, Path]):
    browser.open(pages["blocked"], 720)
    browser.media("print", is_dark=True)
    millimetre = 96 / 25.4
    height = browser.js("document.querySelector('svg').getBoundingClientRect().height")
    assert height <= 256 * millimetre
    ground = browser.js("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert browser.js("document.querySelector('.list').scrollHeight <= document.querySelector('.list').clientHeight")
    assert json.dumps(browser.js("document.body.innerText")).count("acl-left-a") >= 2
    paper = browser.pdf()
    assert paper.startswith(b"%PDF")
    if folder := os.environ.get("VPCSHARK_PAGES"):
        (Path(folder) / "blocked.pdf").write_bytes(paper)
