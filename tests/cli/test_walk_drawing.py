"""What ``vpcshark walk`` draws, as text: every hop is there, names stay data, faults are marked in words."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.walks import Cloud, entry, one_vpc, two_vpcs
from vpcshark.cli.main import run

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</style></title></svg><script>alert(1)</script><img src=x onerror=alert(2)>" onload="x" \u202e\0\ud800 &lt;'
NAMED = ("Vpcs", "Subnets", "NetworkInterfaces", "RouteTables", "NetworkAcls", "SecurityGroups")


class Reader(HTMLParser):
    """Tags, attributes and texts as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    return reader


def blocked() -> Cloud:
    cloud = two_vpcs()
    cloud.entries("subnet-left-a").insert(0, entry(50, "deny", "6", "10.2.0.0/16", (1024, 65535), egress=False))
    return cloud


def drawn(cloud: Cloud, folder: Path, *argv: str) -> tuple[Path, Path]:
    """The page and the picture."""
    dump = cloud.write(folder / "dump")
    page, picture = folder / "walk.html", folder / "walk.svg"
    run(["walk", *argv, "--from-dump", str(dump), "--html", str(page), "--svg", str(picture)])
    return page, picture


@pytest.mark.parametrize("make", [blocked, one_vpc])
def test_page_and_picture_have_every_hop_in_the_packets_order(
    make: type[Cloud], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ends = ("client", "server:80") if make is blocked else ("inner", "internet:443")
    page, picture = drawn(make(), tmp_path, *ends, "--json")
    said = json.loads(capsys.readouterr().out)
    for way, key in (("there", "forward"), ("back", "return")):
        hops = [hop for hop in said[key]["hops"] if hop["kind"] not in ("subnet", "vpc")]
        labels = [each.get("aria-label", "") for each in ElementTree.parse(picture).iter(f"{SVG}g")]
        labels = [each for each in labels if f", {way}: " in each]
        assert [each.split(f", {way}: ")[0] for each in labels] == [
            f"{number}. {hop['kind'].replace('-', ' ')} {hop['resource']} {hop['name']}".strip()
            for number, hop in enumerate(hops, 1)
        ]
        ids = [value for name, value in read(page).attributes if name == "id" and value]
        assert [each for each in ids if each.startswith(f"hop-{way}-")] == [
            f"hop-{way}-{number}" for number in range(1, len(hops) + 1)
        ]


def test_a_block_is_marked_in_words_with_its_mend_and_what_follows_is_told_as_if(tmp_path: Path):
    page, picture = drawn(blocked(), tmp_path, "client", "server:80")
    hops = {each.get("aria-label", ""): each for each in ElementTree.parse(picture).iter(f"{SVG}g")}
    found = [(words, each) for words, each in hops.items() if "BLOCKED" in words]
    assert [words for words, _ in found] == [
        "15. network acl acl-left-a, back: BLOCKED. inbound 50 deny tcp 1024-65535 from 10.2.0.0/16"
    ]
    shown = [each.text for each in found[0][1].iter(f"{SVG}text")]
    assert shown[:3] == ["15 network acl", "BLOCKED", "acl-left-a"]
    assert sum(", back: would pass." in words for words in hops) == 3
    assert "aws ec2 create-network-acl-entry --network-acl-id acl-left-a" in read(page).text


def test_the_documentation_shows_what_is_drawn(tmp_path: Path):
    """Made anew by this walk's --svg."""
    _, picture = drawn(blocked(), tmp_path, "client", "server:80")
    assert (Path(__file__).parents[2] / "docs" / "images" / "walk.svg").read_bytes() == picture.read_bytes()


def test_names_of_the_account_stay_data(tmp_path: Path):
    cloud = blocked()
    for row in (row for key in NAMED for row in cloud.answers[key]):
        row["Tags"] = row["TagSet"] = [{"Key": "Name", "Value": HOSTILE}]
        row["GroupName"] = HOSTILE
    page, picture = drawn(cloud, tmp_path, "i-client", "i-server:81")
    plain, plain_picture = drawn(blocked(), tmp_path / "plain", "i-client", "i-server:81")
    assert read(page).tags == read(plain).tags
    assert {name for name, _ in read(page).attributes} == {name for name, _ in read(plain).attributes}
    tags = [[each.tag for each in ElementTree.parse(path).iter()] for path in (picture, plain_picture)]
    assert {*tags[0]} == {*tags[1]}
    assert "<script>alert(1)</script>" in read(page).text
    assert not {"\u202e", "\0"} & {*page.read_text("utf-8"), *picture.read_text("utf-8")}


def test_the_page_asks_for_nothing(tmp_path: Path):
    page, _ = drawn(blocked(), tmp_path, "client", "server:80")
    found = read(page)
    assert not {"script", "img", "link", "iframe"} & {*found.tags}
    assert all((value or "").startswith("#") for name, value in found.attributes if name in ("href", "src"))
    policy = next(value for name, value in found.attributes if name == "content" and "default-src" in (value or ""))
    assert policy is not None
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["client", "server:80", "--html", "/nowhere/at/all.html"], "/nowhere/at/all.html can't be written: No such"),
        (["--from", "client", "--to", "server:80", "--svg", "x.svg"], "--html and --svg draw one walk"),
    ],
)
def test_what_cannot_be_drawn_is_said(argv: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    dump = two_vpcs().write(tmp_path / "dump")
    assert run(["walk", *argv, "--from-dump", str(dump)]) == 2
    assert words in capsys.readouterr().err
