"""``vpcshark diagnose --html`` in a real Chromium: axe-core finds nothing, nothing is cut, nothing is asked for.

``make pages`` installs what this needs. VPCSHARK_PAGES names a folder that keeps the screenshots, to be looked at.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from packets import CLIENT, ROUTER, SERVER, Story, Tcp

from tests.support.browser import Browser
from vpcshark.cli.main import run

pytestmark = pytest.mark.long
AXE = Path(__file__).parents[2] / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
OFFER = [("MSS", 1460), ("SAckOK", b""), ("WScale", 4)]


def lossy() -> Story:
    """Each tenth segment is lost before it comes by, asked for by SACK, and sent again."""
    story, dice = Story(), random.Random(1)
    tcp = Tcp(story)
    tcp.raw(CLIENT, "S", options=OFFER)
    story.wait(0.02)
    tcp.seq[CLIENT] += 1
    tcp.raw(SERVER, "SA", options=OFFER, id=0)
    tcp.seq[SERVER] += 1
    tcp.ack(CLIENT)
    tcp.window = 4000
    for number in range(60):
        story.wait(0.005 + dice.random() / 200)
        tcp.say(CLIENT, bytes(1000))
        if number % 10 == 4:
            missing = tcp.skip(CLIENT, 1000)
            for _ in range(3):
                tcp.say(CLIENT, bytes(1000))
                story.wait(0.01)
                block = (missing + 1000, tcp.seq[CLIENT])
                tcp.raw(SERVER, "A", ack=missing, options=[("SAck", block)])
            story.wait(0.01)
            tcp.raw(CLIENT, "PA", bytes(1000), seq=missing)
        story.wait(0.01)
        tcp.ack(SERVER)
    return story


def black_hole() -> Story:
    """Large packets never arrive."""
    story = Story()
    tcp = Tcp(story).open().ask()
    tcp.say(SERVER, bytes(200))
    tcp.ack(CLIENT)
    for number in range(5):
        tcp.raw(CLIENT, "A", bytes(1460))
        story.wait(0.3 * 2**number)
    return story


def names() -> Story:
    """Attempts to become markup, by DNS; and a SYN that nobody answers."""
    story = Story()
    for number, name in enumerate((b"</code><script>alert(1)</script>", b"\x1b[31m\xe2\x80\xae\"'><img src=x>")):
        label = bytes((len(name),)) + name
        query = b"\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + label + b"\x00\x00\x01\x00\x01"
        story.udp(CLIENT, ROUTER, (5000 + number, 53), query)
        story.wait(0.01).udp(ROUTER, CLIENT, (53, 5000 + number), query[:2] + b"\x81\x83" + query[4:])
    for _ in range(4):
        Tcp(story).raw(CLIENT, "S")
        story.wait(1)
    return story


def healthy() -> Story:
    story = Story()
    tcp = Tcp(story).open().ask()
    tcp.say(SERVER, b"HTTP/1.1 200 OK\r\n\r\n")
    tcp.ack(CLIENT)
    return story


STORIES = {"lossy": lossy, "black-hole": black_hole, "names": names, "healthy": healthy}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page, written as a user has it written; files are named as an attempt to become markup."""
    folder = tmp_path_factory.mktemp("pages")
    for name, make in STORIES.items():
        file = folder / f"{name}<img src=x onerror=alert(1)>.pcap"
        file.write_bytes(make().pcap())
        assert run(["diagnose", str(file), "--html", str(folder / f"{name}.html")]) == (name != "healthy")
    return {name: folder / f"{name}.html" for name in STORIES}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    found = Browser(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize(("width", "is_dark"), [(1400, False), (1400, True), (420, False)])
def test_axe_finds_nothing(name: str, width: int, is_dark: bool, browser: Browser, pages: dict[str, Path]):
    browser.open(pages[name], width, is_dark=is_dark)
    browser.js("document.querySelectorAll('details').forEach(d => { d.open = true })")
    browser.js(AXE.read_text("utf-8"))
    found = browser.js("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html)]))")
    assert found == []
    if folder := os.environ.get("VPCSHARK_PAGES"):
        browser.screenshot(Path(folder) / f"diagnose-{name}-{width}{'-dark' if is_dark else ''}.png")


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_is_cut_and_nothing_is_asked_for(name: str, width: int, browser: Browser, pages: dict[str, Path]):
    browser.open(pages[name], width)
    beyond = """[...document.querySelectorAll('svg')].flatMap(svg => [...svg.querySelectorAll('text, .ring, .shape')]
        .filter(each => { const box = each.getBBox(), all = svg.viewBox.baseVal;
            return box.x < 0 || box.y < 0 || box.x + box.width > all.width || box.y + box.height > all.height })
        .map(each => each.outerHTML))"""
    assert browser.js(beyond) == []
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert browser.asked == [pages[name].as_uri()]
    assert browser.js("document.querySelectorAll('script, img, iframe').length") == 0
    assert not [each for each in browser.events if each["method"] == "Page.javascriptDialogOpening"]


@pytest.mark.parametrize("name", ["lossy", "black-hole"])
def test_no_word_of_a_graph_lies_on_another(name: str, browser: Browser, pages: dict[str, Path]):
    browser.open(pages[name])
    assert browser.js("document.querySelectorAll('svg .mark').length") > 2
    upon = """[...document.querySelectorAll('svg')].flatMap(svg => {
        const all = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBBox()]);
        return all.flatMap(([word, a], place) => all.slice(place + 1).filter(([, b]) =>
            a.x + a.width > b.x + .5 && b.x + b.width > a.x + .5 && a.y + a.height > b.y + 3 &&
            b.y + b.height > a.y + 3).map(([other]) => [word, other]))})"""
    assert browser.js(upon) == []


def test_on_paper_all_is_there_on_white(browser: Browser, pages: dict[str, Path]):
    browser.open(pages["lossy"], 720)
    browser.media("print", is_dark=True)
    assert browser.js("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.js("document.querySelector('svg').getBoundingClientRect().width <= 720")
    assert browser.js("document.querySelector('details tbody').checkVisibility({contentVisibilityAuto: true})")
    paper = browser.pdf()
    assert paper.startswith(b"%PDF")
    if folder := os.environ.get("VPCSHARK_PAGES"):
        (Path(folder) / "diagnose-lossy.pdf").write_bytes(paper)
